/**
 * What a job does with a record that fails, as the policy of its source says.
 *
 *   run the record ──> it fails ──> everything it did is undone ──┬─> retry: again, after a pause
 *                                                                 ├─> skip, or dead letter
 *                                                                 └─> fail: the job ends
 *
 * A record is what comes out of a source, with all that it leads to in the steps behind it. What
 * becomes due afterwards (windows, timers, ends of lives) is no part of it: that belongs to many
 * records or to none, and where it fails, so does the job.
 *
 * A record that is skipped, or becomes a dead letter, has moved event time as one that the first
 * step filters out. One that can't be decoded has no time, and moves nothing.
 */
import type { Position } from '../broker/index.ts';
import {
  type Clock,
  type ErrorCode,
  isBug,
  isMillraceError,
  MillraceError,
  messageOf,
} from '../platform/index.ts';
import type { TaskState } from '../state/index.ts';
import { type Attempted, CameOf } from './attempted.ts';
import { backOffAfter } from './back-off.ts';
import type { Chain } from './chain.ts';
import { deadLetterHeaders, messageOfLetter } from './dead-letters.ts';
import type { LeftOut } from './epoch-log.ts';
import type { Failure } from './epoch-record.ts';
import { deadLettersOf, type ErrorPolicy, policyOf, type SourceNode } from './graph.ts';
import type { OperatorContext, Step } from './operator.ts';
import type { InputLog, PartitionInput } from './partition-input.ts';
import type { FailedRecords } from './status.ts';

export interface RecordErrorsParts {
  readonly job: string;
  readonly clock: Clock;
  readonly chain: Chain;
  readonly context: OperatorContext;
  readonly state: TaskState;
  readonly broker: InputLog;
}

/** What follows when a step has failed. */
export const goesOn: string =
  ' Nothing of this record was kept; after the fix the job goes on where it stood.';

/** As the kind of step says it. */
const undecodable = 'source';

const onlyFail: ErrorPolicy = { retry: undefined, otherwise: 'fail' };

/** Failures that a record can be blamed for; others, such as a full disk, end the job. */
const codesOfRecords: readonly ErrorCode[] = ['USER_FUNCTION', 'ENCODE', 'DECODE', 'INVALID'];

export class RecordErrors {
  readonly #parts: RecordErrorsParts;
  readonly #failed = new Map<string, FailedRecords>();
  /** Monotonic clock: no record is tried before. */
  #pausedUntil = Number.NEGATIVE_INFINITY;
  #pausedBy: string | undefined;
  /** Since it was asked last. */
  #leftOut: LeftOut[] = [];
  /** What is to be told of each record that an input passes over. */
  readonly #inputs: { readonly input: PartitionInput; count(): void }[] = [];
  /** In a repetition: the records that are to be left out, by name and offset. */
  #toLeaveOut: ReadonlyMap<string, Failure> | undefined;
  #isInOperator = false;
  #inWork: Pick<Attempted, 'describe'> | undefined;

  constructor(parts: RecordErrorsParts) {
    this.#parts = parts;
  }

  /** What was skipped or became a dead letter so far. */
  get failed(): readonly FailedRecords[] {
    return [...this.#failed.values()];
  }

  /** For how long nothing is to be read, in ms. */
  get pauseMs(): number {
    if (this.#pausedBy === undefined) return 0;
    return Math.max(0, this.#pausedUntil - this.#parts.clock.monotonicMs());
  }

  /** Why nothing is read; undefined while it is. */
  get waitingFor(): string | undefined {
    return this.pauseMs > 0 ? this.#pausedBy : undefined;
  }

  /** Records that were left out since the last call. */
  takeLeftOut(): readonly LeftOut[] {
    const leftOut = this.#leftOut;
    if (leftOut.length > 0) this.#leftOut = [];
    return leftOut;
  }

  /**
   * From here on exactly these records are left out, as they were then, whatever the policy says:
   * others must not fail.
   */
  leaveOut(records: readonly LeftOut[]): void {
    this.#toLeaveOut = new Map(records.map((of) => [placeOf(of), of.failure]));
    for (const { input, count } of this.#inputs) {
      input.isPassedOver ??= () => this.#isPassedOver(input, count);
    }
  }

  /** Whether records of the source must go through `runRecord`. */
  mayFail({ onError, exchange }: SourceNode): boolean {
    if (onError !== undefined || this.#toLeaveOut !== undefined) return true;
    return exchange?.origins.some((of) => of.onError !== undefined) ?? false;
  }

  /** Does what the next record of `input` leads to, or leaves it out; see `run`. */
  runRecord(input: PartitionInput, work: () => void): boolean {
    const { node } = input.source;
    if (node.exchange !== undefined) return this.#runPassed(input, work);
    if (this.#toLeaveOut === undefined) return this.run(input, node.onError ?? onlyFail, work);
    const failure = this.#toLeaveOut.get(placeOf(input));
    if (failure === undefined) work();
    else this.#leaveOutInput(input, failure);
    return true;
  }

  /** What came from another task is treated as the record that it came of; if it came of one. */
  #runPassed(input: PartitionInput, work: () => void): boolean {
    const { origin } = input;
    const policy = origin && policyOf(input.source.node, origin.topic);
    if (origin === undefined || policy === undefined) {
      work();
      return true;
    }
    return this.run(new CameOf(this.#parts.broker, input, origin), policy, work);
  }

  /** Does what a record leads to; false where it is to be tried again after a pause. */
  run(of: Attempted, policy: ErrorPolicy, work: () => void): boolean {
    const { context } = this.#parts;
    const { late, written } = context;
    this.#pausedBy = undefined;
    this.#begin();
    try {
      work();
    } catch (error) {
      this.#undo();
      context.late = late;
      context.written = written;
      return this.#handle(of, policy, error);
    }
    this.#keep();
    return true;
  }

  /**
   * Lets `input` go on behind records that can't be decoded, if its policy says so. They are not
   * tried again: bytes do not change. `count` is called for each.
   */
  passOver(input: PartitionInput, count: () => void): void {
    const otherwise = input.source.node.onError?.otherwise ?? 'fail';
    this.#inputs.push({ input, count });
    if (otherwise === 'fail') return;
    const step = { name: `from-${input.topic}`, kind: undecodable };
    input.onUndecodable = (error) => {
      if (!isOfRecord(error) || this.#toLeaveOut !== undefined) throw error;
      this.#giveUp(input, otherwise, { step, error, attempts: 1 });
      count();
    };
  }

  #isPassedOver(input: PartitionInput, count: () => void): boolean {
    const failure = this.#toLeaveOut?.get(placeOf(input));
    if (failure?.kind !== undecodable) return false;
    this.#leaveOutInput(input, failure);
    count();
    return true;
  }

  #leaveOutInput(input: PartitionInput, failure: Failure): void {
    this.#leaveOut(input, failure, deadLettersOf(input.source.node));
  }

  /** Operators are about to run, because of this; undefined: because something is due. */
  enter(of: Pick<Attempted, 'describe'> | undefined): void {
    this.#isInOperator = true;
    this.#inWork = of;
  }

  leave(): void {
    this.#isInOperator = false;
  }

  /** Says where a function of the user failed; other errors stay as they are. */
  located(error: unknown): unknown {
    if (!this.#isInOperator) return error;
    this.leave();
    const { step, key } = this.#parts.context;
    const where = this.#inWork?.describe() ?? 'a timer or window that was due';
    const keyText = key === null ? '' : `, keyed ${JSON.stringify(key.value)}`;
    const code = isMillraceError(error) ? error.code : 'USER_FUNCTION';
    return new MillraceError(
      code,
      `Step "${step.name}" (${step.kind}) failed: ${messageOf(error)} (${where}${keyText}).` +
        goesOn,
      { cause: error },
    );
  }

  #begin(): void {
    const { state, chain } = this.#parts;
    state.journal.begin();
    for (const output of chain.outputs) output.begin();
    for (const partials of chain.partials) partials.begin();
  }

  #keep(): void {
    const { state, chain } = this.#parts;
    state.journal.keep();
    for (const output of chain.outputs) output.keep();
    for (const partials of chain.partials) partials.keep();
  }

  #undo(): void {
    const { state, chain } = this.#parts;
    state.journal.undo();
    for (const output of chain.outputs) output.undo();
    for (const partials of chain.partials) partials.undo();
  }

  #handle(of: Attempted, { retry, otherwise }: ErrorPolicy, error: unknown): boolean {
    if (!isOfRecord(error)) throw error;
    of.attempts++;
    const { step } = this.#parts.context;
    if (retry !== undefined && of.attempts <= retry.times) {
      const pauseMs = backOffAfter(of.attempts, retry.backOffMs);
      this.#pausedUntil = this.#parts.clock.monotonicMs() + pauseMs;
      this.#pausedBy =
        `try ${of.attempts + 1} of a record on which step "${step.name}" failed: ` +
        `${messageOf(error)} (${of.describe()})`;
      return false;
    }
    if (otherwise === 'fail') throw error;
    this.#giveUp(of, otherwise, { step, error, attempts: of.attempts });
    return true;
  }

  #giveUp(
    of: Attempted,
    otherwise: Exclude<ErrorPolicy['otherwise'], 'fail'>,
    { step, error, attempts }: { readonly step: Step; readonly error: unknown; attempts: number },
  ): void {
    const code = isMillraceError(error) ? error.code : 'USER_FUNCTION';
    const said = { step: step.name, kind: step.kind, code, attempts };
    if (otherwise === 'skip') {
      this.#leaveOut(of, { ...said, outcome: 'skipped', message: '' }, undefined);
      return;
    }
    const message = messageOfLetter(messageOf(error));
    this.#leaveOut(of, { ...said, outcome: 'dead letter', message }, otherwise.deadLetters);
  }

  /**
   * The record counts as failed; a dead letter is written. What came of a record later is no part
   * of what is recorded of an epoch: it fails again with the answer that is recorded.
   */
  #leaveOut(of: Attempted, failure: Failure, letters: string | undefined): void {
    const { outcome, step, kind, code, message, attempts } = failure;
    const { topic, partition, offset } = of;
    this.#count(step, code, outcome);
    if (this.#inputs.some(({ input }) => input === of)) {
      this.#leftOut.push({ topic, partition, offset, failure });
    }
    if (outcome === 'skipped') return;
    const { job, chain, context } = this.#parts;
    const { key, value, timestamp, headers } = of.raw();
    const told = deadLetterHeaders(headers, {
      ...{ job, step, kind, code, message, attempts },
      ...{ topic, partition, offset, timestamp, 'failed-at': context.now },
    });
    const output = chain.deadLetters.get(letters ?? '');
    output?.append(partition % output.partitions, timestamp, key, value, told);
  }

  #count(step: string, code: ErrorCode, outcome: FailedRecords['outcome']): void {
    const name = JSON.stringify([step, code, outcome]);
    const records = (this.#failed.get(name)?.records ?? 0) + 1;
    this.#failed.set(name, { step, code, outcome, records });
  }
}

function placeOf({ topic, partition, offset }: Position): string {
  return `${topic}/${partition}/${offset}`;
}

function isOfRecord(error: unknown): boolean {
  if (isBug(error)) return false;
  return !isMillraceError(error) || codesOfRecords.includes(error.code);
}

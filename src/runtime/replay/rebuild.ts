/**
 * Rebuilding state: where the state file is refused, all that the task has done is done again, from
 * its first epoch to its last commit, into a new file.
 *
 *   survey     are all commits recorded, and is what they read still there?
 *   repeat     each epoch, as it was recorded (recorded-epochs.ts): the same records in the same
 *              order, the same clock. What it writes is not written again but compared with the
 *              recorded checksum; what it changes is folded into the new file
 *   replace    the old file is put aside, the new one takes its place (rebuilt-file.ts)
 *
 * Nothing of the task is changed before the last step: no commit is made, and the log is only read.
 * A repetition that differs from what was recorded is refused: the state would be another one.
 */
import {
  type Appended,
  type Broker,
  type Claim,
  type Commit,
  RecordCursor,
} from '../../broker/index.ts';
import { assert, isMillraceError, messageOf, type Platform } from '../../platform/index.ts';
import { RecordedAnswers } from '../asking/answer.ts';
import type { EpochBudget } from '../epoch-limit.ts';
import { epochsOf, type Recorded, readEpochs } from '../epoch-log.ts';
import type { EpochRecord } from '../epoch-record.ts';
import type { Graph } from '../graph.ts';
import { goesOn } from '../record-errors.ts';
import type { RebuildStatus } from '../status.ts';
import { notRepeatable } from './rebuild-errors.ts';
import { RebuiltFile } from './rebuilt-file.ts';
import { requireSame } from './recorded-difference.ts';
import { Repetition } from './recorded-epochs.ts';
import { surveyEpochs } from './survey-epochs.ts';
import { Turns } from './turns.ts';

export interface RebuildOptions {
  readonly graph: Graph;
  readonly broker: Broker;
  readonly platform: Platform;
  readonly claim: Claim;
  readonly changelog: string;
  readonly statePath: string;
  readonly durable: boolean;
  readonly stateMemoryMax: number;
  readonly unfoldedBytesMax: number;
  readonly budget: Pick<EpochBudget, 'turnMs'>;
  /** Ends the rebuild. */
  readonly signal: AbortSignal;
  onRebuild(status: RebuildStatus): void;
}

/** Changes of so many bytes are folded together, at most. */
const foldBytesMax = 16 * 1024 * 1024;

/** Makes the state file anew; false where it was ended before. `refusal`: why it is needed. */
export async function rebuildState(options: RebuildOptions, refusal: Error): Promise<boolean> {
  const { broker, platform, claim, signal, unfoldedBytesMax } = options;
  const turns = new Turns(platform.clock, options.budget.turnMs);
  const begun = { because: refusal.message, commits: 0, total: 0, done: false };
  const tell = (status: Partial<RebuildStatus>) =>
    options.onRebuild({ ...begun, replaced: undefined, ...status });
  tell({});
  const total = await surveyEpochs({ broker, claim, turns, signal });
  const foldBytes = Math.min(foldBytesMax, unfoldedBytesMax / 2);
  const file = new RebuiltFile({ ...options, foldBytes });
  try {
    const rebuild = new Rebuild(options, file, turns);
    if (!(await rebuild.repeatAll((commits) => tell({ commits, total })))) return false;
    await file.complete();
    const replaced = await file.putInPlace();
    tell({ commits: total, total, done: true, replaced });
    return true;
  } finally {
    await file.discard();
  }
}

class Rebuild {
  readonly #options: RebuildOptions;
  readonly #file: RebuiltFile;
  readonly #turns: Turns;
  readonly #answers: RecordedAnswers;
  /** From one opening to the next. */
  #repetition: Repetition | undefined;

  constructor(options: RebuildOptions, file: RebuiltFile, turns: Turns) {
    this.#options = options;
    this.#file = file;
    this.#turns = turns;
    this.#answers = new RecordedAnswers(options.broker, options.claim.task);
  }

  /** False where it was ended before the last one. */
  async repeatAll(tell: (commits: number) => void): Promise<boolean> {
    const { broker, claim, signal } = this.#options;
    let commits = 0;
    for (const recorded of readEpochs(broker, claim.task)) {
      if (signal.aborted) return false;
      const { record } = recorded;
      if (record.kind === 'drop') await this.#file.drop(record.states);
      else await this.#repeat({ ...recorded, record });
      commits++;
      if (!this.#turns.isOver) continue;
      tell(commits);
      await this.#turns.next();
    }
    return !signal.aborted;
  }

  async #repeat(recorded: Recorded<EpochRecord>): Promise<void> {
    const { graph, platform } = this.#options;
    const { opening } = recorded.record;
    try {
      if (opening !== undefined) {
        const state = await this.#file.openState();
        const of = { ...this.#options, clock: platform.clock, turns: this.#turns };
        this.#repetition = new Repetition(of, opening, state);
      }
      const repetition = this.#repetition;
      assert(repetition !== undefined, 'the survey has seen that an opening comes first');
      const commit = await repetition.repeat(recorded, this.#answers.of(recorded.epoch));
      const again = commit === undefined ? undefined : this.#recordOf(commit);
      requireSame(graph.job, recorded, again, repetition.task.parts.inputs.length);
      repetition.task.committed(commit === undefined ? [] : this.#keepChanges(commit));
    } catch (error) {
      throw failure(graph.job, recorded.epoch, error);
    }
    await this.#file.tend();
  }

  /** What would be recorded of the commit. */
  #recordOf({ appends }: Commit): Uint8Array {
    const topic = epochsOf(this.#options.claim.task);
    const cursor = new RecordCursor();
    cursor.reset(appends.find((append) => append.topic === topic)?.batches ?? new Uint8Array(0));
    cursor.next();
    return cursor.bytes.subarray(cursor.valueStart, cursor.valueEnd);
  }

  /** The changes go to the new file, as if they had been committed. */
  #keepChanges({ appends }: Commit): Appended[] {
    const changes = appends.find(({ topic }) => topic === this.#options.changelog);
    if (changes === undefined) return [];
    const { topic, partition, recordCount } = changes;
    const end = this.#file.add(changes.batches, recordCount);
    return [{ topic, partition, baseOffset: end - recordCount, recordCount }];
  }
}

/** What functions of the job do, they did not do then. */
const ofTheJob = ['USER_FUNCTION', 'ENCODE', 'DECODE', 'INVALID'] as const;

function failure(job: string, epoch: number, error: unknown): unknown {
  if (!ofTheJob.some((code) => isMillraceError(error, code))) return error;
  const why = messageOf(error).replace(goesOn, ''); // nothing goes on
  return notRepeatable(job, `in epoch ${epoch} it fails now: ${why}`, error);
}

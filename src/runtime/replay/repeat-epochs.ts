/**
 * Does again all that a task has done, epoch by epoch, as it was recorded (recorded-epochs.ts).
 *
 * Its changes go to a state of their own, and what it writes to whoever wants it. A repetition that
 * differs from what was recorded is refused.
 */
import { type Append, type Broker, type Commit, RecordCursor } from '../../broker/index.ts';
import { assert, type Clock, isMillraceError, messageOf } from '../../platform/index.ts';
import { RecordedAnswers } from '../asking/answer.ts';
import type { TaskLog } from '../assemble-task.ts';
import { epochsOf, type Recorded, readEpochs } from '../epoch-log.ts';
import type { EpochRecord } from '../epoch-record.ts';
import type { Graph } from '../graph.ts';
import { goesOn } from '../record-errors.ts';
import { countsOfTask, noCounts, sumOf, type TaskCounts } from '../task-counts.ts';
import { notRepeatable, type Purpose } from './rebuild-errors.ts';
import type { RebuiltFile } from './rebuilt-file.ts';
import { requireSame } from './recorded-difference.ts';
import { Repetition } from './recorded-epochs.ts';
import { keepChanges } from './scratch-state.ts';
import type { Turns } from './turns.ts';

export interface RepeatOptions {
  readonly graph: Graph;
  /** Where the epochs are recorded. */
  readonly broker: Broker;
  /** Where the task reads; it knows the partitions of what it writes. */
  readonly log: TaskLog;
  readonly clock: Clock;
  readonly task: string;
  readonly changelog: string;
  readonly purpose: Purpose;
  readonly file: RebuiltFile;
  readonly turns: Turns;
  /** Where the record of epochs ends, for this purpose. */
  readonly end: number;
  readonly signal: AbortSignal;
  /** Takes what an epoch has written. */
  write(appends: readonly Append[]): Promise<void>;
  /** Told now and then. */
  onCommits(commits: number): void;
}

export class RepeatedEpochs {
  readonly #options: RepeatOptions;
  readonly #answers: RecordedAnswers;
  /** From one opening to the next. */
  #repetition: Repetition | undefined;
  #before: TaskCounts = noCounts;
  #commits = 0;

  constructor(options: RepeatOptions) {
    this.#options = options;
    this.#answers = new RecordedAnswers(options.broker, options.task);
  }

  get counts(): TaskCounts {
    const now = this.#repetition && countsOfTask(this.#repetition.task, 0);
    return { ...sumOf(this.#before, now ?? noCounts), commits: this.#commits };
  }

  /** False where it was ended before the last one. */
  async repeatAll(): Promise<boolean> {
    const { broker, task, file, turns, end, signal, onCommits } = this.#options;
    for (const recorded of readEpochs(broker, task, end)) {
      if (signal.aborted) return false;
      const { record } = recorded;
      if (record.kind === 'drop') await file.drop(record.states);
      else await this.#repeat({ ...recorded, record });
      this.#commits++;
      if (!turns.isOver) continue;
      onCommits(this.#commits);
      await turns.next();
    }
    return !signal.aborted;
  }

  async #repeat(recorded: Recorded<EpochRecord>): Promise<void> {
    const { purpose, file, changelog, write } = this.#options;
    try {
      const repetition = await this.#repetitionOf(recorded);
      const answers = this.#answers.of(recorded.epoch);
      const commit = await repetition.repeat(recorded, answers);
      const again = commit === undefined ? undefined : this.#recordOf(commit);
      requireSame(purpose, recorded, again, repetition.task.parts.inputs.length);
      if (commit !== undefined) await write(commit.appends);
      repetition.task.committed(keepChanges(file, changelog, commit?.appends ?? []));
    } catch (error) {
      throw failure(purpose, recorded.epoch, error);
    }
    await file.tend();
  }

  /** Where the task was opened, it is opened again. */
  async #repetitionOf({ record: { opening } }: Recorded<EpochRecord>): Promise<Repetition> {
    if (opening !== undefined) {
      this.#before = this.counts;
      const state = await this.#options.file.openState();
      this.#repetition = new Repetition(this.#options, opening, state);
    }
    assert(this.#repetition !== undefined, 'the survey has seen that an opening comes first');
    return this.#repetition;
  }

  /** What would be recorded of the commit. */
  #recordOf({ appends }: Commit): Uint8Array {
    const topic = epochsOf(this.#options.task);
    const cursor = new RecordCursor();
    cursor.reset(appends.find((append) => append.topic === topic)?.batches ?? new Uint8Array(0));
    cursor.next();
    return cursor.bytes.subarray(cursor.valueStart, cursor.valueEnd);
  }
}

/** What functions of the job do, they did not do then. */
const ofTheJob = ['USER_FUNCTION', 'ENCODE', 'DECODE', 'INVALID'] as const;

function failure(purpose: Purpose, epoch: number, error: unknown): unknown {
  if (!ofTheJob.some((code) => isMillraceError(error, code))) return error;
  const why = messageOf(error).replace(goesOn, ''); // nothing goes on
  return notRepeatable(purpose, `in epoch ${epoch} it fails now: ${why}`, error);
}

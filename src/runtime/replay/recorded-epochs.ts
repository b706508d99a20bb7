/**
 * Repeats the epochs of a task as they were recorded.
 *
 * A task asks the log how far it goes, the clock what time it is, and its limit where turns and
 * epochs end. In a repetition all three answer as they did then; and what the clock decided (who
 * was idle, how far time went on in silence) is told instead of decided. So the same code comes to
 * the same results.
 *
 *   recorded   of input 0 three records were read, of input 1 none, but one was waiting
 *   log        input 0 ends after three more records, input 1 after one
 *   clock      stands at the recorded reading
 *   failures   exactly the recorded ones: a record that failed then is left out, although its
 *              function may have recovered, and no other one may fail
 *   limit      the epoch ends after three records; or once as many fired, where it ended firing
 *
 * Turns of the event loop end by the real clock, wherever an epoch is then.
 */
import type { Commit, TopicPartition } from '../../broker/index.ts';
import type { Clock } from '../../platform/index.ts';
import type { TaskState } from '../../state/index.ts';
import type { Answer } from '../asking/answer.ts';
import { assembleTask, type TaskLog } from '../assemble-task.ts';
import type { EpochCounts, EpochLimit } from '../epoch-limit.ts';
import type { LeftOut, Recorded } from '../epoch-log.ts';
import { type EpochRecord, type Opening, tellsFailures } from '../epoch-record.ts';
import type { Graph } from '../graph.ts';
import type { Task } from '../task.ts';
import { notRepeatable, type Purpose } from './rebuild-errors.ts';
import type { Turns } from './turns.ts';

export interface RepetitionOptions {
  readonly graph: Graph;
  readonly log: TaskLog;
  readonly clock: Clock;
  readonly task: string;
  readonly purpose: Purpose;
  readonly changelog: string;
  readonly turns: Turns;
}

/** Encoding more changed entries than these takes a turn of the event loop of its own. */
const changesInTurn = 256;

export class Repetition {
  readonly task: Task;
  readonly #turns: Turns;
  readonly #log: RecordedLog;
  readonly #limit: RecordedLimit;
  #clockMs = 0;

  /**
   * The task as it was when it was opened, with its state of then. Fails with `NOT_REPEATABLE`
   * where the job does not read what it read.
   */
  constructor(options: RepetitionOptions, opening: Opening, state: TaskState) {
    const { graph, log, clock, task, purpose, changelog, turns } = options;
    this.#turns = turns;
    this.#log = new RecordedLog(log);
    this.#limit = new RecordedLimit(turns);
    const offsets = new Map(opening.inputs.map((input) => [nameOf(input), input.offset]));
    this.task = assembleTask({
      ...{ graph, broker: this.#log, changelog, state, limit: this.#limit },
      claim: { task, incarnation: 0, epoch: opening.epoch - 1, clockMs: 0 }, // nobody commits
      clock: { ...clock, now: () => this.#clockMs },
      positionOf: (partition) => offsets.get(nameOf(partition)),
    });
    const read = new Set(this.task.parts.inputs.map(nameOf));
    const missing = opening.inputs.map(nameOf).filter((name) => !read.has(name));
    if (missing.length === 0) return;
    const [epoch, names] = [opening.epoch, missing.join(', ')];
    throw notRepeatable(purpose, `from epoch ${epoch} on it read ${names}, and now it does not.`);
  }

  /**
   * What the epoch commits when it is repeated, with the answers that it took; undefined where it
   * does nothing.
   */
  async repeat(
    { record, clockMs, format }: Recorded<EpochRecord>,
    answers: readonly Answer[],
  ): Promise<Commit | undefined> {
    const { task } = this;
    this.#clockMs = clockMs;
    if (record.isStart) return task.firstCommit();
    this.#log.endAsRecorded(record, task);
    this.#limit.endAsRecorded(record);
    if (tellsFailures(format)) task.errors.leaveOut(leftOutOf(record, task));
    task.beginEpoch(record, answers);
    while (!task.turn() && !task.isFull()) await this.#turns.next();
    if (task.parts.state.changes > changesInTurn) await this.#turns.next();
    return task.endEpoch();
  }
}

/** Before the epoch begins. */
function leftOutOf({ failed }: EpochRecord, { parts }: Task): LeftOut[] {
  return (failed ?? []).flatMap(({ input: i, place, failure }) => {
    const input = parts.inputs[i];
    if (input === undefined) return [];
    const { topic, partition, position } = input;
    return [{ topic, partition, offset: position + place, failure }];
  });
}

/** The log, as far as it went then. */
class RecordedLog implements TaskLog {
  readonly describeTopic: TaskLog['describeTopic'];
  readonly read: TaskLog['read'];
  readonly #ends = new Map<string, number>();

  constructor(broker: TaskLog) {
    this.describeTopic = (name) => broker.describeTopic(name);
    this.read = (partition, offset, bytesMax) => broker.read(partition, offset, bytesMax);
  }

  endAsRecorded({ moved, waiting }: EpochRecord, task: Task): void {
    const { inputs } = task.parts;
    for (const [i, input] of inputs.entries()) {
      this.#ends.set(nameOf(input), input.position + (waiting?.[i] === true ? 1 : 0));
    }
    for (const { input: i, records } of moved) {
      const input = inputs[i];
      if (input === undefined) continue;
      this.#ends.set(nameOf(input), this.endOf(input) + records);
    }
  }

  endOf(partition: TopicPartition): number {
    return this.#ends.get(nameOf(partition)) ?? 0;
  }
}

/** Records, and entries that fire, between two looks at the clock. */
const checkEvery = 32;

class RecordedLimit implements EpochLimit {
  readonly #turns: Turns;
  #records = 0;
  /** The epoch ends once so many have fired; Infinity where it did not end firing. */
  #fired = 0;
  #isAtEnd = false;

  constructor(turns: Turns) {
    this.#turns = turns;
  }

  endAsRecorded({ moved, fired, endsFiring }: EpochRecord): void {
    this.#records = moved.reduce((sum, { records }) => sum + records, 0);
    this.#fired = endsFiring ? fired : Number.POSITIVE_INFINITY;
    this.#isAtEnd = false;
  }

  beginEpoch(): void {}

  /** A turn of the event loop holds many small epochs. */
  beginTurn(): void {}

  endsBeforeRecord({ records }: EpochCounts): boolean {
    this.#isAtEnd ||= records >= this.#records;
    return this.#isAtEnd || (records % checkEvery === 0 && this.#turns.isOver);
  }

  endsAfterFiring({ fired }: EpochCounts): boolean {
    this.#isAtEnd ||= fired >= this.#fired;
    return this.#isAtEnd || (fired % checkEvery === 0 && this.#turns.isOver);
  }

  endsEpoch(): boolean {
    return this.#isAtEnd;
  }
}

function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}

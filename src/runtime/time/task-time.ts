/**
 * Event time of a task: watermarks per partition, merged, and what the clock adds when streams fall
 * silent.
 *
 * The rules, which make results independent of batches, epochs and crashes where the input is
 * there:
 *
 * - A partition's watermark is (the highest event time read, or that of its next record if it is
 *   there) minus the out-of-orderness minus 1 ms. The task's is the minimum over partitions that
 *   are not idle, and never goes back.
 * - A partition without any record is idle from the start, unless another task has yet to tell
 *   whether there is something. Another one becomes idle when the task has caught up with all of
 *   its input and the partition has been silent for `idleAfterMs`. So a replay of input that is
 *   there never asks the clock. A record makes it active again.
 * - When every partition is caught up and silent for `quietAfterMs`, the watermark goes on with the
 *   time that has passed since the last record, as far as something is waiting for it. Time while
 *   the job was stopped does not count.
 * - Silence is measured by the clock that never goes back: `now` is its reading, wherever it stands
 *   here. So nothing is silent, and nothing late, because somebody set the system's clock.
 *
 * Plain state in, plain state out: `snapshot` is part of each checkpoint, `restore` brings it back
 * exactly.
 */
import type { Mark, Silence, Told, ToldMark, ToldPlace } from '../stages/mark.ts';

/** How one source treats time. */
export interface SourceTime {
  readonly outOfOrdernessMs: number;
  readonly idleAfterMs: number;
  readonly quietAfterMs: number;
}

export interface TimedPartition {
  readonly name: string;
  readonly source: SourceTime;
  /**
   * Of a partition that is idle only together with all others of this name: those who send them
   * have heard the same, one sooner than another. Default: it is idle alone.
   */
  readonly together?: string | undefined;
}

export interface PartitionTime {
  readonly source: SourceTime;
  /** The highest event time read; -Infinity before the first record. */
  highest: number;
  /** Event time of the next record; -Infinity where it is not there. */
  next: number;
  idle: boolean;
  /** Whether nothing more comes. */
  hasEnded: boolean;
  readonly together: string | undefined;
  /** Clock reading when the last record was read, or when the task began. */
  lastRecordMs: number;
}

/** What a checkpoint keeps; null stands for -Infinity. */
export interface TimeSnapshot {
  readonly watermark: number | null;
  readonly settled: number | null;
  /** Highest event time and idleness of each partition, by its name. */
  readonly partitions: Readonly<Record<string, readonly [highest: number | null, idle: 0 | 1]>>;
  /**
   * The watermark of each step, by its name, where it is not `settled` for all: some wait for
   * answers, or the commit came between two that were due.
   */
  readonly steps?: Readonly<Record<string, number | null>>;
  /** Of a task that shares its job with others: its place, and what it was told by those. */
  readonly shared?: SharedSnapshot;
}

export interface SharedSnapshot {
  readonly place: ToldPlace;
  /** Of which call of `run` it is. */
  readonly run: string;
  /** Where that is drained: how far time was before. */
  readonly settledBeforeDrain?: Told;
  /** How many records it has sent there. */
  readonly sent: number;
  /** How far those that read from it may have come. */
  readonly receiversAt: Told;
  /** By the name of the partition. */
  readonly senders: Readonly<Record<string, ToldMark>>;
}

const none = Number.NEGATIVE_INFINITY;

export class TaskTime {
  readonly partitions: readonly PartitionTime[];
  /** No record at or before this time is expected any more. */
  watermark: number = none;
  /** The watermark up to which everything has fired. */
  settled: number = none;
  readonly #names: readonly string[];
  /** Where the watermark stood at the last record: the quiet advance counts from here. */
  #quietBase: number = none;
  #lastRecordMs: number;
  #caughtUp = false;
  /** Whether the clock has moved the watermark since the last record. */
  #isQuiet = false;

  /** `now` is the clock reading at which the task begins: silence counts from here. */
  constructor(partitions: readonly TimedPartition[], now: number) {
    this.#names = partitions.map(({ name }) => name);
    this.partitions = partitions.map(({ source, together }) => ({
      source,
      highest: none,
      next: none,
      idle: true,
      hasEnded: false,
      together,
      lastRecordMs: now,
    }));
    this.#lastRecordMs = now;
  }

  /**
   * The smallest watermark of the partitions besides `index`: constant while the task reads from
   * that one.
   */
  othersMin(index: number): number {
    let min = Number.POSITIVE_INFINITY;
    for (let i = 0; i < this.partitions.length; i++) {
      const partition = this.#at(i);
      if (i !== index && !this.#isLeftOut(partition)) min = Math.min(min, watermarkOf(partition));
    }
    return min;
  }

  /** Whether event time goes on without any of the partitions. */
  get isIdle(): boolean {
    return this.partitions.every(({ idle }) => idle);
  }

  /** While the clock moves event time: since when. */
  silence(now: number): Silence | undefined {
    if (!this.#isQuiet) return undefined;
    return { ms: now - this.#lastRecordMs, since: this.#quietBase };
  }

  /** Nothing more comes of a partition, and it is not to hold up the others. */
  letGo(index: number): void {
    this.#at(index).hasEnded = true;
  }

  /** Something may come of a partition, whatever was known of it before. */
  await(index: number): void {
    this.#at(index).idle = false;
  }

  /** What the task that sends a partition its records has told. */
  hear(index: number, { watermark, isIdle, silence }: Mark, hasNext: boolean, now: number): void {
    const partition = this.#at(index);
    if (watermark + 1 > partition.highest) partition.highest = watermark + 1;
    partition.idle = isIdle && !hasNext;
    partition.lastRecordMs = now;
    this.merge();
    if (silence === undefined) {
      this.endEpoch(this.#caughtUp, true, now);
    } else {
      this.#lastRecordMs = now - silence.ms;
      this.#quietBase = Math.min(this.#quietBase, silence.since);
    }
  }

  /** Notes that a record is there to be read next. */
  sawNext(index: number, timestamp: number): void {
    const partition = this.#at(index);
    partition.next = timestamp;
    partition.idle = false;
  }

  /**
   * Counts the record that was processed, with the one behind it (-Infinity where it is not there),
   * and moves the watermark. The hot call: one for each record.
   */
  observe(index: number, timestamp: number, next: number, othersMin: number, now: number): void {
    const partition = this.#at(index);
    if (timestamp > partition.highest) partition.highest = timestamp;
    partition.next = next;
    partition.lastRecordMs = now;
    const own = watermarkOf(partition);
    const merged = own < othersMin ? own : othersMin;
    if (merged > this.watermark) this.watermark = merged;
  }

  /** At the end of an epoch: whether everything that had been committed when it began was read. */
  endEpoch(caughtUp: boolean, readAny: boolean, now: number): void {
    this.#caughtUp = caughtUp;
    if (!readAny) return;
    this.#lastRecordMs = now;
    this.#quietBase = this.watermark;
    this.#isQuiet = false;
  }

  /**
   * At the start of an epoch, after `sawNext`: partitions that have been silent for long no longer
   * hold time back, where the whole job has caught up with its input.
   */
  updateIdleness(now: number, haveOthersCaughtUp: () => boolean = () => true): void {
    const silent = this.#caughtUp ? this.partitions.filter((of) => isSilent(of, now)) : [];
    if (silent.length > 0 && haveOthersCaughtUp()) for (const of of silent) of.idle = true;
    this.merge();
  }

  /** In place of `updateIdleness`: idleness as it was recorded; undefined: as it is. */
  setIdleness(idle: readonly boolean[] | undefined): void {
    for (const [i, isIdle] of (idle ?? []).entries()) this.#at(i).idle = isIdle;
    this.merge();
  }

  /**
   * The watermark that a quiet stream has reached, at most `lastDue`; -Infinity while it is not
   * quiet. `nothingNew`: no partition has a record to read.
   */
  quietWatermark(now: number, nothingNew: boolean, lastDue: number): number {
    const silentMs = Math.floor(now - this.#lastRecordMs);
    if (
      !nothingNew ||
      !this.#caughtUp ||
      silentMs < this.#quietAfterMs() ||
      this.#quietBase === none
    ) {
      return none;
    }
    this.#isQuiet = true;
    return Math.min(this.#quietBase + silentMs, lastDue);
  }

  /**
   * In how many ms the clock can change the watermark so that `nextDue` fires; Infinity where it
   * can't.
   */
  wakeInMs(now: number, nextDue: number): number {
    let wake = Number.POSITIVE_INFINITY;
    if (!this.#caughtUp || nextDue === Number.POSITIVE_INFINITY) return wake;
    for (const { idle, lastRecordMs, source } of this.partitions) {
      if (!idle) wake = Math.min(wake, lastRecordMs + source.idleAfterMs - now);
    }
    if (this.#quietBase === none) return wake;
    const quietAt = this.#lastRecordMs + Math.max(this.#quietAfterMs(), nextDue - this.#quietBase);
    return Math.min(wake, quietAt - now);
  }

  snapshot(): TimeSnapshot {
    const partitions = this.partitions.map(
      ({ highest, idle }, i) => [this.#names[i] ?? '', [orNull(highest), idle ? 1 : 0]] as const,
    );
    return {
      watermark: orNull(this.watermark),
      settled: orNull(this.settled),
      partitions: Object.fromEntries(partitions),
    };
  }

  restore(snapshot: TimeSnapshot): void {
    this.watermark = snapshot.watermark ?? none;
    this.settled = snapshot.settled ?? none;
    this.#quietBase = this.watermark;
    for (const [i, partition] of this.partitions.entries()) {
      const saved = snapshot.partitions[this.#names[i] ?? ''];
      if (saved === undefined) continue;
      partition.highest = saved[0] ?? none;
      partition.idle = saved[1] === 1;
    }
  }

  /** Moves the watermark as far as the partitions allow. */
  merge(): void {
    const merged = this.othersMin(-1);
    if (merged === Number.POSITIVE_INFINITY || merged <= this.watermark) return;
    this.watermark = merged;
    this.#quietBase = Math.max(this.#quietBase, merged);
  }

  /** The job's streams are quiet only when the most patient of its sources says so. */
  #quietAfterMs(): number {
    return Math.max(...this.partitions.map(({ source }) => source.quietAfterMs));
  }

  #isLeftOut({ idle, hasEnded, together }: PartitionTime): boolean {
    if (hasEnded) return true;
    if (!idle || together === undefined) return idle;
    return this.partitions.every((of) => of.idle || of.together !== together);
  }

  #at(index: number): PartitionTime {
    return this.partitions[index] as PartitionTime; // indices are those of the inputs
  }
}

function watermarkOf({ highest, next, source }: PartitionTime): number {
  return (next > highest ? next : highest) - source.outOfOrdernessMs - 1;
}

function isSilent({ next, idle, lastRecordMs, source }: PartitionTime, now: number): boolean {
  return !idle && next === none && now - lastRecordMs >= source.idleAfterMs;
}

function orNull(time: number): number | null {
  return time === none ? null : time;
}

/**
 * `testDriver(job)`: runs a job in a test, without files, waiting or real time.
 *
 *   feed ──> log in memory ──> the job's own task ──> log in memory ──> read
 *
 * It is the task that `run` runs, with its state, its epochs and its commits; only the loop around
 * it is another one, which never awaits. Each call returns when the job has nothing more to do.
 */
import { MemoryBroker, partitionOf, RecordBatchBuilder, RecordCursor } from '../broker/index.ts';
import { checkNumbers, checkOptions, MillraceError } from '../platform/index.ts';
import {
  type CommitFate,
  type Duration,
  durationMs,
  type EpochBudget,
  type Graph,
  type Job,
  recordAt,
  type SourceSpec,
  SynchronousTask,
  type TopicSpec,
} from '../runtime/index.ts';
import { type StateReader, stateReader, type TestTimer, timersOf } from './state-reader.ts';
import { VirtualClock } from './virtual-clock.ts';

export interface TestDriverOptions {
  /** Of each topic that the job reads. Default 1. */
  readonly partitions?: number;
  /** Wall clock when the test begins, in ms since the epoch. Default 2026-01-01. */
  readonly startsAt?: number;
  /** Records of an epoch at most: how much a crash can undo. Default: all that is there. */
  readonly epochRecords?: number;
}

/** A record that is fed to a topic. */
export interface FedRecord<Key> {
  /** Default null: no key. */
  readonly key?: Key | null;
  /** In ms since the epoch. Default: the wall clock. */
  readonly timestamp?: number;
  /** Default: as the key says, and 0 without one. */
  readonly partition?: number;
}

/** A record that the job has written. */
export interface ReadRecord<Key = unknown, Value = unknown> {
  readonly key: Key | null;
  readonly value: Value | null;
  readonly timestamp: number;
  readonly partition: number;
}

/** Further in the future than any test's records: the clock of a test is not theirs. */
const futureTimestampsMaxMs = 8.64e15;

/**
 * Runs a job in a test. Fails with `INVALID` for options that it does not know.
 *
 * @example
 * using t = testDriver(flightDelays, { partitions: 2 });
 * t.feed(flights, { origin: 'JFK', date: 0, delay: 20 }, { key: 'JFK' });
 * t.advanceEventTime('2026-01-01T02:00:00Z');
 * expect(t.read(delays)).toMatchObject([{ key: 'JFK', value: { flights: 1 } }]);
 */
export function testDriver(job: Job, options: TestDriverOptions = {}): TestDriver {
  checkOptions('testDriver()', options, ['partitions', 'startsAt', 'epochRecords']);
  checkNumbers('testDriver()', options, ['partitions', 'epochRecords']);
  return new TestDriver(job, options);
}

export class TestDriver {
  readonly #graph: Graph;
  readonly #clock: VirtualClock;
  readonly #broker: MemoryBroker;
  readonly #budget: { -readonly [Name in keyof EpochBudget]: number };
  /** How far each partition of an output was read. */
  readonly #read = new Map<string, number>();
  #task: SynchronousTask | undefined;
  #fate: CommitFate = 'keep';
  #isClosed = false;

  constructor({ graph }: Job, options: TestDriverOptions) {
    const { partitions = 1, startsAt = Date.UTC(2026), epochRecords } = options;
    const never = Number.POSITIVE_INFINITY;
    this.#graph = graph;
    this.#clock = new VirtualClock(startsAt);
    this.#broker = new MemoryBroker({ clock: this.#clock });
    this.#budget = {
      ...{ turnMs: never, epochMs: never, epochBytes: never },
      epochRecords: epochRecords ?? never,
    };
    for (const name of new Set(this.#sources().map((topic) => topic.name))) {
      this.#broker.createTopicNow(name, { partitions, futureTimestampsMaxMs });
    }
    this.restart();
  }

  /** The wall clock, in ms since the epoch. */
  get now(): number {
    return this.#clock.now();
  }

  /** The job's event time, in ms since the epoch; -Infinity before the first record. */
  get watermark(): number {
    return this.#running('watermark').task.parts.time.watermark;
  }

  /** Records of an epoch at most, from the next epoch on. */
  set epochRecords(count: number) {
    this.#budget.epochRecords = count;
  }

  /**
   * Appends a record to a topic that the job reads, and lets the job work on it. While the job is
   * down it waits in the topic.
   *
   * Fails with `INVALID` for a topic that the job does not read, or a partition that it does not
   * have; or as the job does, where a function of it throws.
   */
  feed<Key, Value>(
    topic: TopicSpec<Key, Value> | string,
    value: NoInfer<Value> | null,
    record: FedRecord<NoInfer<Key>> = {},
  ): this {
    this.append(topic, value, record);
    return this.#settle();
  }

  /** As `feed`, but the job is not given a turn: for several records that arrive together. */
  append<Key, Value>(
    topic: TopicSpec<Key, Value> | string,
    value: NoInfer<Value> | null,
    record: FedRecord<NoInfer<Key>> = {},
  ): this {
    this.#open('feed');
    const name = typeof topic === 'string' ? topic : topic.name;
    const source = this.#sources().find((of) => of.name === name);
    if (source === undefined) throw this.#unknown('reads', 'feed', name, this.#sources());
    const codec = (typeof topic === 'string' ? source : topic) as TopicSpec; // of those types
    const { key = null, timestamp = this.#clock.now() } = record;
    const keyBytes = key === null ? null : codec.key.encode(key);
    const count = this.#broker.describeTopic(name)?.partitions.length ?? 1;
    const partition = record.partition ?? (keyBytes === null ? 0 : partitionOf(keyBytes, count));
    if (!Number.isInteger(partition) || partition < 0 || partition >= count) {
      throw new MillraceError(
        'INVALID',
        `feed("${name}"): there is no partition ${partition}; the topic has ${count}. Make more ` +
          'with testDriver(job, { partitions }).',
      );
    }
    const builder = new RecordBatchBuilder();
    builder.append(timestamp, keyBytes, value === null ? null : codec.value.encode(value));
    const batches = builder.build();
    const at = { topic: name, partition, recordCount: 1, maxTimestamp: timestamp };
    this.#broker.appendNow([{ ...at, batches }]);
    return this;
  }

  /**
   * Moves event time on, without a record: what is due by then fires, and records before it are
   * late from now on. Takes ms since the epoch or an ISO 8601 date; an earlier one does nothing.
   */
  advanceEventTime(to: number | string): this {
    const time = typeof to === 'string' ? Date.parse(to) : to;
    if (!Number.isFinite(time)) {
      throw new MillraceError(
        'INVALID',
        `advanceEventTime(${JSON.stringify(to)}): give ms since the epoch, or an ISO 8601 date.`,
      );
    }
    this.#settle();
    if (time > this.#running('advanceEventTime').task.parts.time.watermark) this.#epoch(time);
    return this.#settle();
  }

  /** Lets wall-clock time pass, stopping wherever the job has something to do. */
  advanceWallTime(by: Duration): this {
    let leftMs = durationMs(by, 'advanceWallTime()');
    this.#settle();
    while (leftMs > 0) {
      const wakeMs = this.#task?.wakeInMs ?? Number.POSITIVE_INFINITY;
      const stepMs = Math.min(leftMs, Math.max(1, wakeMs));
      this.#clock.advance(stepMs);
      leftMs -= stepMs;
      if (this.#task !== undefined && !this.#isPaused()) this.#epoch();
      this.#settle();
    }
    return this;
  }

  /** Lets event time run until every window and timer that waits for it has fired. */
  drain(): this {
    this.#running('drain');
    this.#settle();
    this.#task?.task.drain(); // a crash at a commit may have ended it
    while (this.#task !== undefined && !this.#task.task.drained) {
      this.#epoch();
      this.#settle();
    }
    return this;
  }

  /**
   * What the job has written to a topic since the last call, partition by partition. Fails with
   * `INVALID` for a topic that it does not write.
   */
  read<Key, Value>(topic: SourceSpec<Key, Value>): ReadRecord<Key, Value>[];
  read(topic: string): ReadRecord[];
  read(topic: SourceSpec | string): ReadRecord[] {
    this.#open('read');
    const name = typeof topic === 'string' ? topic : topic.name;
    const sink = this.#sinks().find((of) => of.name === name);
    const described = this.#broker.describeTopic(name);
    const codecs = typeof topic === 'string' ? sink : topic;
    const isSource = sink === undefined && this.#sources().some((of) => of.name === name);
    if (described === undefined || codecs === undefined || isSource) {
      throw this.#unknown('writes', 'read', name, this.#sinks());
    }
    return described.partitions.flatMap(({ partition }) => this.#readOn(codecs, partition));
  }

  /**
   * The state of a step as of the last commit: by `step/name`, or `step` where it has one piece of
   * state. What is kept is shown: of an aggregate, its accumulator. Fails with `INVALID` for a step
   * that has no such state.
   */
  state(name: string): StateReader {
    return stateReader(this.#running('state').stores(), name);
  }

  /** The timers and windows that wait in a step, the first one first. */
  timers(step: string): TestTimer[] {
    return timersOf(this.#running('timers').stores(), step);
  }

  /** Kills the job: all that is not committed is gone, and so is all that it had in memory. */
  crash(): this {
    this.#open('crash');
    this.#task = undefined;
    return this;
  }

  /**
   * Kills the job at its next commit: before it, so that the epoch never was, or after it, so that
   * the epoch counts although the job never learned that.
   */
  crashAtCommit(at: 'before' | 'after'): this {
    this.#running('crashAtCommit');
    this.#fate = at === 'before' ? 'crash before' : 'crash after';
    return this;
  }

  /** Starts the job where its last commit left it; a job that runs is fenced off. */
  restart(): this {
    this.#open('restart');
    this.#fate = 'keep';
    this.#task = new SynchronousTask({
      ...{ graph: this.#graph, broker: this.#broker, clock: this.#clock },
      ...{ budget: this.#budget, futureTimestampsMaxMs },
    });
    return this.#settle();
  }

  get isRunning(): boolean {
    return this.#task !== undefined;
  }

  /** Ends the test; what is called later fails with `CLOSED`. */
  close(): void {
    this.#task = undefined;
    this.#isClosed = true;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #settle(): this {
    while (this.#task?.isBusy === true) this.#epoch();
    return this;
  }

  #epoch(watermark?: number): void {
    const fateOf = () => this.#fate;
    if (this.#task?.runEpoch(fateOf, watermark) !== false) return;
    this.#fate = 'keep';
    this.#task = undefined;
  }

  #isPaused(): boolean {
    return (this.#task?.task.errors.pauseMs ?? 0) > 0;
  }

  #readOn(topic: SourceSpec, partition: number): ReadRecord[] {
    const at = { topic: topic.name, partition };
    const place = `${topic.name}/${partition}`;
    const records: ReadRecord[] = [];
    const cursor = new RecordCursor();
    const from = this.#read.get(place) ?? 0;
    for (let next = from; ; next = cursor.endOffset()) {
      const batches = this.#broker.read(at, next, 1024 * 1024);
      if (batches === undefined) break;
      cursor.reset(batches.bytes, batches.placeOf);
      while (cursor.next()) {
        if (cursor.offset < from) continue;
        const { key, value, timestamp } = recordAt(cursor, topic, partition);
        records.push({ key, value, timestamp, partition });
      }
    }
    this.#read.set(place, this.#broker.endOf(at));
    return records;
  }

  #running(call: string): SynchronousTask {
    this.#open(call);
    if (this.#task !== undefined) return this.#task;
    throw new MillraceError('INVALID', `${call}(): the job is down. Call restart() before.`);
  }

  #open(call: string): void {
    if (!this.#isClosed) return;
    throw new MillraceError('CLOSED', `${call}(): the test driver is closed. Make another one.`);
  }

  #unknown(verb: string, call: string, name: string, known: readonly { name: string }[]) {
    const names = [...new Set(known.map((topic) => `"${topic.name}"`))].join(', ');
    return new MillraceError(
      'INVALID',
      `${call}("${name}"): job "${this.#graph.job}" ${verb} no topic of this name. It ${verb} ` +
        `${names}.`,
    );
  }

  #sources(): SourceSpec[] {
    return this.#graph.nodes.flatMap((node) => (node.kind === 'source' ? [node.topic] : []));
  }

  #sinks(): TopicSpec[] {
    return this.#graph.nodes.flatMap((node) => (node.kind === 'sink' ? [node.topic] : []));
  }
}

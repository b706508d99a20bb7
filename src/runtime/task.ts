/**
 * A task: a chain of operators, the partitions it reads, its time and its state, moved on in
 * epochs.
 *
 *   beginEpoch   notes the committed end of each partition, reads the clocks once
 *   turn         merges the partitions' records in the order (event time, topic, partition, offset)
 *                of their heads, runs them through the chain, fires what becomes due between two;
 *                stops when its share of time is used
 *   endEpoch     gives the commit: positions moved, outputs, changes of state
 *
 * Everything here is synchronous and touches no file; waiting and committing is the loop's
 * (task-loop.ts). A failure leaves the task useless: it is dropped, and another one recovers from
 * the log, so that nothing of a failed epoch stays.
 */
import type { Appended, Commit } from '../broker/index.ts';
import { assert, type Clock } from '../platform/index.ts';
import type { TaskState, ValueStore } from '../state/index.ts';
import type { Chain } from './chain.ts';
import { CommitBuilder } from './commit-builder.ts';
import type { EpochLimit } from './epoch-limit.ts';
import type { EpochRecorder } from './epoch-log.ts';
import type { EpochRecord } from './epoch-record.ts';
import type { OperatorContext, TimedOperator } from './operator.ts';
import { earliestOf, type InputLog, type PartitionInput } from './partition-input.ts';
import { RecordErrors } from './record-errors.ts';
import type { TaskTime, TimeSnapshot } from './time/task-time.ts';

export interface TaskParts {
  readonly name: string;
  readonly job: string;
  readonly incarnation: number;
  /** The epoch that was committed last. */
  readonly epoch: number;
  readonly broker: InputLog;
  readonly clock: Clock;
  readonly changelog: string;
  readonly chain: Chain;
  readonly context: OperatorContext;
  /** In the order of topic and partition. */
  readonly inputs: readonly PartitionInput[];
  readonly time: TaskTime;
  readonly state: TaskState;
  readonly timeStore: ValueStore<TimeSnapshot>;
  readonly limit: EpochLimit;
  readonly recorder: EpochRecorder;
  /**
   * Whether `now` is the latest timestamp of a record read so far, rather than a reading of the
   * clock: so it is in a replay, where nothing may depend on when it runs.
   */
  readonly nowFollowsRecords: boolean;
}

type Decided = Pick<EpochRecord, 'idle' | 'watermark'>;

const nothingDecided: Decided = { idle: undefined, watermark: undefined };

/** The key of records that the task keeps for itself. */
const ownKey = '\0';

export class Task {
  readonly #parts: TaskParts;
  readonly #commits: CommitBuilder;
  readonly #errors: RecordErrors;
  #epochBegan = 0;
  /** Whether the epoch has read a record that has a time. */
  #hasMoved = false;
  /** What the epoch has done so far. */
  readonly #done: { records: number; fired: number } = { records: 0, fired: 0 };
  #recordsRead = 0;
  #current: PartitionInput | undefined;
  #inOperator = false;
  #draining = 0;
  #isDone = false;
  #endsFiring = false;
  #timeChanged = false;
  /** What the epoch has yet to begin with. */
  #beginTime: (() => void) | undefined;
  /** What the clock decided when the epoch began. */
  #decided: Decided = nothingDecided;

  constructor(parts: TaskParts) {
    this.#parts = parts;
    this.#commits = new CommitBuilder(parts);
    this.#errors = new RecordErrors(parts);
    for (const operator of parts.chain.timed) operator.watermark = parts.time.settled;
    for (const input of parts.inputs) this.#errors.passOver(input, () => this.#countRead());
  }

  get parts(): TaskParts {
    return this.#parts;
  }

  get recordsRead(): number {
    return this.#recordsRead;
  }

  /** Records that failed, and how it pauses for one that is to be tried again. */
  get errors(): Pick<RecordErrors, 'failed' | 'pauseMs' | 'waitingFor' | 'leaveOut'> {
    return this.#errors;
  }

  /** Whether a partition has records that were not read yet. */
  hasInput(): boolean {
    const { inputs, broker } = this.#parts;
    return inputs.some((input) => input.position < broker.endOf(input));
  }

  /**
   * Whether there is something to do now, without a new record: something is due, or the epoch was
   * ended before it was done, so that nobody knows yet whether the task has caught up.
   */
  isDue(): boolean {
    const { nowFollowsRecords, context, clock } = this.#parts;
    return !this.#isDone || this.#isDueAt(nowFollowsRecords ? context.now : clock.now());
  }

  /** In how many ms the clock alone gives the task something to do; Infinity for never. */
  wakeInMs(): number {
    const { chain, time, clock } = this.#parts;
    const now = clock.now();
    // What event time can't reach in silence waits for a record, not for the clock.
    const next = this.#nextEventTime();
    const reached = next <= this.#lastEventTime() ? next : Number.POSITIVE_INFINITY;
    let wake = time.wakeInMs(clock.monotonicMs(), reached);
    for (const operator of chain.timed) wake = Math.min(wake, operator.nextProcessingTime() - now);
    return Math.max(0, Math.ceil(wake));
  }

  /** Lets event time run to the end of what is waiting, once all input is read: for a drain. */
  drain(): void {
    this.#draining = this.#parts.chain.timed.length + 1; // fired results may wait again
  }

  get drained(): boolean {
    return this.#draining === 0 || this.#nextEventTime() === Number.POSITIVE_INFINITY;
  }

  /**
   * Notes the ends and reads the clocks. Fails where a partition's next record can't be read. A
   * replay says what was decided.
   */
  beginEpoch(decided?: Decided): void {
    const { clock, context, inputs, limit, nowFollowsRecords } = this.#parts;
    if (!nowFollowsRecords) context.now = clock.now();
    this.#epochBegan = clock.monotonicMs();
    limit.beginEpoch();
    this.#done.records = 0;
    this.#done.fired = 0;
    this.#isDone = false;
    this.#hasMoved = false;
    this.#decided = nothingDecided;
    for (const input of inputs) input.noteEnd();
    this.#beginTime = () => this.#decideTime(decided);
    if (!this.#isSkipping()) this.#goOnWithTime();
  }

  /** Once it is known of each input whether it has a record, and of what time. */
  #goOnWithTime(): void {
    const { inputs, time } = this.#parts;
    for (const [index, input] of inputs.entries()) {
      if (input.hasNext) time.sawNext(index, input.time);
    }
    if (this.#beginTime === undefined) time.merge();
    else this.#beginTime();
    this.#beginTime = undefined;
  }

  #decideTime(decided: Decided | undefined): void {
    const { time } = this.#parts;
    const before = time.watermark;
    this.#decided = decided ?? this.#decide();
    if (decided !== undefined) time.setIdleness(decided.idle);
    if (this.#decided.watermark !== undefined) time.watermark = this.#decided.watermark;
    this.#timeChanged ||= time.watermark !== before;
  }

  #isSkipping(): boolean {
    return this.#parts.inputs.some((input) => input.isSkipping);
  }

  /** Goes on among records that can't be decoded; false while there may be more of them. */
  #skipOn(): boolean {
    for (const input of this.#parts.inputs) if (input.isSkipping) input.advance();
    if (this.#isSkipping()) return false;
    this.#goOnWithTime();
    return true;
  }

  /** What only the clock knows, or a drain: who is idle, and how far time goes without records. */
  #decide(): Decided {
    const { context, inputs, time, recorder } = this.#parts;
    time.updateIdleness(this.#epochBegan);
    const idle = recorder.idleness();
    const nothingNew = inputs.every((input) => !input.hasNext);
    const quiet = time.quietWatermark(this.#epochBegan, nothingNew, this.#lastEventTime());
    if (quiet > time.watermark && quiet >= this.#nextEventTime()) return { idle, watermark: quiet };
    const drains = this.#draining > 0 && nothingNew && !this.#isDueAt(context.now);
    return { idle, watermark: drains ? this.#drainStep() : undefined };
  }

  /** Works on the epoch for one turn of the event loop; true once it is done. */
  turn(): boolean {
    this.#parts.limit.beginTurn();
    this.#endsFiring = false;
    try {
      this.#isDone = this.#work();
    } catch (error) {
      throw this.#located(error);
    }
    return this.#isDone;
  }

  /** Whether the epoch is long enough to be committed although it is not done. */
  isFull(): boolean {
    const { limit, chain, state } = this.#parts;
    if (this.#errors.pauseMs > 0) return true;
    let bytes = 0;
    for (const output of chain.outputs) bytes += output.bytes;
    return limit.endsEpoch(this.#done, state.changes, bytes);
  }

  /** What the epoch did; undefined where it did nothing. */
  endEpoch(): Commit | undefined {
    const { time, timeStore } = this.#parts;
    const hasRead = this.#hasMoved;
    time.endEpoch(this.#isDone, hasRead, this.#epochBegan);
    if (this.#timeChanged || hasRead) timeStore.put(ownKey, time.snapshot());
    this.#timeChanged = false;
    const { idle, watermark } = this.#decided;
    const { fired } = this.#done;
    const failed = this.#errors.takeLeftOut();
    return this.#commits.end({ idle, watermark, fired, endsFiring: this.#endsFiring, failed });
  }

  /** The commit of the epoch is durable: what was answered to it. */
  committed(appended: readonly Appended[]): void {
    this.#commits.committed(appended);
  }

  /**
   * The commit that makes the resolved start positions durable, before the first record is read.
   */
  firstCommit(): Commit {
    this.#parts.context.now = this.#parts.clock.now();
    return this.#commits.start();
  }

  #work(): boolean {
    if (this.#isSkipping() && !this.#skipOn()) return false;
    if (!this.#fireDue()) return false;
    const { inputs } = this.#parts;
    for (;;) {
      const first = earliestOf(inputs, -1);
      if (first === -1) return true;
      if (!this.#runInput(first, earliestOf(inputs, first))) return false;
    }
  }

  /**
   * Reads from one input while its next record comes before that of `bound`; false where time is
   * up.
   */
  #runInput(index: number, bound: number): boolean {
    const { inputs, time, limit } = this.#parts;
    const input = inputs[index];
    assert(input !== undefined, 'the earliest input exists');
    const boundTime = inputs[bound]?.time ?? Number.POSITIVE_INFINITY;
    const othersMin = time.othersMin(index);
    while (
      input.hasNext &&
      (input.time < boundTime || (input.time === boundTime && index < bound))
    ) {
      if (limit.endsBeforeRecord(this.#done) || !this.#goOnWithClock(input)) return false;
      const recordTime = input.time;
      if (!this.#process(input)) return false;
      input.consume();
      this.#hasMoved = true;
      const next = input.hasNext ? input.time : Number.NEGATIVE_INFINITY;
      time.observe(index, recordTime, next, othersMin, this.#epochBegan);
      if (input.isSkipping || !this.#fireDue()) return false;
    }
    return true;
  }

  /** Before a record: what is due by its timestamp comes first. False where time is up. */
  #goOnWithClock(input: PartitionInput): boolean {
    const { nowFollowsRecords, context } = this.#parts;
    if (!nowFollowsRecords || input.timestamp <= context.now) return true;
    context.now = input.timestamp;
    return this.#fireDue();
  }

  /** False where the record is to be tried again. */
  #process(input: PartitionInput): boolean {
    this.#current = input;
    this.#inOperator = true;
    const { context } = this.#parts;
    context.key = input.key;
    context.sourcePartition = input.partition;
    const { receiver, node } = input.source;
    let isDone = true;
    if (this.#errors.mayFail(node)) isDone = this.#errors.run(input);
    else receiver.receive(input.value, input.time, input.key);
    this.#inOperator = false;
    if (isDone) this.#countRead();
    return isDone;
  }

  #countRead(): void {
    this.#done.records++;
    this.#recordsRead++;
  }

  /**
   * Fires what is due before the next record: because the watermark or the clock has moved, or
   * because a record or timer has set a timer for a time that has passed. False where time is up.
   */
  #fireDue(): boolean {
    const { time, context } = this.#parts;
    if (time.watermark !== time.settled && !this.#fireEvents()) return false;
    while (this.#isDueAt(context.now)) {
      if (!this.#fireEvents() || !this.#fireFirstProcessing()) return false;
    }
    return true;
  }

  #isDueAt(now: number): boolean {
    const { chain, time } = this.#parts;
    for (const operator of chain.timed) {
      if (operator.nextEventTime() <= time.watermark) return true;
      if (operator.nextProcessingTime() <= now) return true;
    }
    return false;
  }

  /**
   * Brings the operators to the task's watermark, upstream ones first, firing what is due; false
   * where time is up.
   */
  #fireEvents(): boolean {
    const { time, chain } = this.#parts;
    const { watermark } = time;
    for (const operator of chain.timed) {
      operator.watermark = watermark;
      while (operator.nextEventTime() <= watermark) {
        this.#timeChanged = true;
        if (!this.#fire(operator, 'event')) return false;
      }
    }
    time.settled = watermark;
    return true;
  }

  /** One, because it may set event-time timers, which come before the next one. */
  #fireFirstProcessing(): boolean {
    const { chain, context } = this.#parts;
    const due = chain.timed.find((operator) => operator.nextProcessingTime() <= context.now);
    return due === undefined || this.#fire(due, 'processing');
  }

  /** False where time is up. */
  #fire(operator: TimedOperator, kind: 'event' | 'processing'): boolean {
    this.#current = undefined;
    this.#inOperator = true;
    if (kind === 'event') operator.fireEvent();
    else operator.fireProcessing();
    this.#inOperator = false;
    this.#done.fired++;
    this.#endsFiring = this.#parts.limit.endsAfterFiring(this.#done);
    return !this.#endsFiring;
  }

  /** How far a drain moves event time; undefined: nowhere. */
  #drainStep(): number | undefined {
    this.#draining--;
    const last = this.#lastEventTime();
    return last > this.#parts.time.watermark ? last : undefined;
  }

  #nextEventTime(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const operator of this.#parts.chain.timed) next = Math.min(next, operator.nextEventTime());
    return next;
  }

  #lastEventTime(): number {
    let last = Number.NEGATIVE_INFINITY;
    for (const operator of this.#parts.chain.timed) last = Math.max(last, operator.lastEventTime());
    return last;
  }

  /** Says where a function of the user failed. */
  #located(error: unknown): unknown {
    if (!this.#inOperator) return error;
    this.#inOperator = false;
    return this.#errors.located(error, this.#current);
  }
}

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
import { assert } from '../platform/index.ts';
import { onlyKey } from '../state/index.ts';
import type { Answer } from './asking/answer.ts';
import type { AsyncSteps } from './asking/async-steps.ts';
import { CommitBuilder } from './commit-builder.ts';
import { DueWork } from './due-work.ts';
import type { SourceNode } from './graph.ts';
import { earliestOf, type PartitionInput } from './partition-input.ts';
import { RecordErrors } from './record-errors.ts';
import { arriveAt } from './stages/place.ts';
import { type Bound, isWithin, Senders } from './stages/senders.ts';
import { Standing } from './stages/standing.ts';
import type { TaskParts } from './task-parts.ts';
import { type Decided, nothingDecided, TimeDecisions } from './time/time-decisions.ts';

export class Task {
  readonly #parts: TaskParts;
  readonly #commits: CommitBuilder;
  readonly #errors: RecordErrors;
  readonly #due: DueWork;
  #epochBegan = 0;
  /** Whether the epoch has read a record that has a time. */
  #hasMoved = false;
  /** What the epoch has done so far. */
  readonly #done: { records: number; fired: number } = { records: 0, fired: 0 };
  #recordsRead = 0;
  #isDone = false;
  #timeChanged = false;
  /** What the epoch has yet to begin with. */
  #beginTime: (() => void) | undefined;
  /** What the clock decided when the epoch began. */
  #decided: Decided = nothingDecided;
  readonly #senders: Senders;
  readonly #standing: Standing;
  readonly #decisions: TimeDecisions;
  /** Whether the epoch was told something by those that send to the task. */
  #hasHeard = false;
  /** Whether nothing is to be read in this epoch, because others are too far behind. */
  #isAhead = false;

  constructor(parts: TaskParts) {
    this.#parts = parts;
    this.#commits = new CommitBuilder(parts);
    this.#errors = new RecordErrors(parts);
    const snapshot = parts.timeStore.get(onlyKey);
    parts.chain.timed.restore(parts.time.settled, snapshot?.steps);
    parts.context.settled = parts.time.settled;
    this.#senders = new Senders(parts);
    this.#senders.restore(snapshot?.shared);
    this.#standing = new Standing(parts, this.#senders);
    this.#standing.restore(snapshot?.shared, parts.clock.now() - parts.clockMs);
    this.#due = new DueWork(parts, this.#errors);
    this.#decisions = new TimeDecisions(parts, this.#senders, this.#due);
    for (const input of parts.inputs) {
      this.#errors.passOver(input, () => this.#countRead(input.source.node));
    }
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

  /** The steps that ask outside. */
  get asking(): AsyncSteps {
    return this.#parts.asking;
  }

  /** Whether a partition has records that can be read now. */
  hasInput(): boolean {
    const { inputs, broker, asking, sharing } = this.#parts;
    if (asking.full !== undefined || sharing?.isAhead() === true) return false;
    const { awaited } = this.#senders;
    if (awaited !== undefined) return awaited.some((input) => input.fetched < broker.endOf(input));
    return inputs.some((input) => input.position < broker.endOf(input));
  }

  /** Whether those that send to the task have told that nothing more comes. */
  get hasEndedInput(): boolean {
    return this.#senders.haveEnded;
  }

  /** Tells those that read from it, with the next epoch, that nothing more comes. */
  end(): void {
    this.#standing.end();
  }

  /**
   * Whether there is something to do now, without a new record: something is due, or the epoch was
   * ended before it was done, so that nobody knows yet whether the task has caught up.
   */
  isDue(): boolean {
    const { asking, nowFollowsRecords, context, clock } = this.#parts;
    if (asking.hasAnswers || (!this.#isDone && asking.full === undefined)) return true;
    if (this.#standing.tellsInMs(clock.monotonicMs()) <= 0) return true;
    return this.#due.isDueAt(nowFollowsRecords ? context.now : clock.now());
  }

  /** In how many ms the clock alone gives the task something to do; Infinity for never. */
  wakeInMs(): number {
    const tells = this.#standing.tellsInMs(this.#parts.clock.monotonicMs());
    return Math.max(0, Math.ceil(Math.min(this.#decisions.wakeInMs(), tells)));
  }

  /** Lets event time run to the end of what is waiting, once all input is read: for a drain. */
  drain(): void {
    this.#decisions.drain();
  }

  get drained(): boolean {
    return this.#decisions.drained;
  }

  /**
   * Notes the ends, reads the clocks and takes the answers that have come. Fails where a
   * partition's next record can't be read. A replay says what was decided, and answered.
   */
  beginEpoch(decided?: Decided, answers?: readonly Answer[]): void {
    const { clock, context, inputs, limit, asking, nowFollowsRecords, sharing } = this.#parts;
    if (!nowFollowsRecords) context.now = clock.now();
    this.#epochBegan = clock.monotonicMs();
    limit.beginEpoch();
    this.#done.records = 0;
    this.#done.fired = 0;
    this.#due.beginEpoch(this.#done);
    this.#isDone = false;
    this.#hasMoved = false;
    this.#decided = nothingDecided;
    this.#hasHeard = false;
    asking.take(answers);
    this.#senders.beginEpoch();
    this.#standing.beginEpoch(this.#epochBegan);
    this.#isAhead = sharing?.isAhead() ?? false;
    for (const input of inputs) input.noteEnd();
    this.#beginTime = () => this.#decideTime(decided);
    if (!this.#isSkipping()) this.#goOnWithTime();
  }

  /** Once it is known of each input whether it has a record, and of what time. */
  #goOnWithTime(): void {
    const { inputs, time } = this.#parts;
    for (const [index, input] of inputs.entries()) {
      if (input.hasNext) time.sawNext(index, this.#senders.progressOf(input));
      this.#hear(index, input);
    }
    if (this.#beginTime === undefined) time.merge();
    else this.#beginTime();
    this.#beginTime = undefined;
  }

  /** What an input was told by who sends it its records. */
  #hear(index: number, input: PartitionInput): void {
    const news = input.takeNews();
    if (news === undefined) return;
    this.#parts.time.hear(index, news, input.hasNext, this.#epochBegan);
    this.#hasHeard = true;
    this.#timeChanged = true;
  }

  #decideTime(decided: Decided | undefined): void {
    const { time } = this.#parts;
    const before = time.watermark;
    this.#decided = decided ?? this.#decisions.decide(this.#epochBegan);
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

  /** Works on the epoch for one turn of the event loop; true once it is done. */
  turn(): boolean {
    this.#parts.limit.beginTurn();
    this.#due.beginTurn();
    try {
      this.#isDone = this.#work();
    } catch (error) {
      throw this.#errors.located(error);
    }
    return this.#isDone;
  }

  /** Whether the epoch is long enough to be committed although it is not done. */
  isFull(): boolean {
    const { limit, chain, state, asking } = this.#parts;
    if (this.#errors.pauseMs > 0 || asking.full !== undefined) return true;
    let bytes = 0;
    for (const output of chain.outputs) bytes += output.bytes;
    return limit.endsEpoch(this.#done, state.changes, bytes);
  }

  /** What the epoch did; undefined where it did nothing. */
  endEpoch(): Commit | undefined {
    const { time, chain } = this.#parts;
    for (const partials of chain.partials) partials.flush();
    const hasRead = this.#hasMoved;
    const hasCaughtUp = this.#hasCaughtUp();
    time.endEpoch(hasCaughtUp, hasRead, this.#epochBegan);
    const hasTold = this.#standing.endEpoch(
      { hasCaughtUp, drains: this.#decisions.isDraining, due: this.#decisions.nextEventTime() },
      hasRead || this.#hasHeard,
      this.#epochBegan,
    );
    // Whoever goes on after this task must know what others have heard of it.
    if (this.#timeChanged || hasRead || hasTold || this.#due.movesTime) this.#keepTime();
    const { endsFiring } = this.#due;
    const { idle, watermark } = this.#decided;
    const { fired } = this.#done;
    const failed = this.#errors.takeLeftOut();
    return this.#commits.end({ idle, watermark, fired, endsFiring, failed });
  }

  #keepTime(): void {
    const { time, timeStore, chain, sharing } = this.#parts;
    const steps = chain.timed.snapshot(time.settled);
    timeStore.put(onlyKey, {
      ...time.snapshot(),
      ...(steps === undefined ? {} : { steps }),
      ...(sharing === undefined
        ? {}
        : { shared: this.#senders.snapshot(this.#standing.receiversAt) }),
    });
    this.#timeChanged = false;
  }

  /** Whether all that there was when the epoch began was read, and nobody has more to send. */
  #hasCaughtUp(): boolean {
    const { inputs } = this.#parts;
    if (!this.#isDone || this.#isAhead || this.#senders.areBusy) return false;
    return inputs.every(({ hasNext }) => !hasNext);
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

  /** Whether it is known what comes next, and what is due before it is done. */
  #isReady(): boolean {
    return (!this.#isSkipping() || this.#skipOn()) && this.#due.run();
  }

  #work(): boolean {
    const { inputs, asking } = this.#parts;
    if (!this.#isReady()) return false;
    for (;;) {
      const first = earliestOf(inputs, -1);
      if (first === -1 || this.#isAhead) return true;
      if (asking.full !== undefined) return false;
      const bound = this.#senders.boundOf(first);
      if (bound === undefined) return true; // who sends must tell first that nothing comes before
      if (this.#senders.goOnDraining(first) && !this.#due.run()) return false;
      if (!this.#runInput(first, bound)) return false;
    }
  }

  /**
   * Reads from one input while its next record comes before that of `bound`; false where time is
   * up.
   */
  #runInput(index: number, bound: Bound): boolean {
    const { inputs, time, limit, asking } = this.#parts;
    const input = inputs[index];
    assert(input !== undefined, 'the earliest input exists');
    const othersMin = time.othersMin(index);
    while (input.hasNext && isWithin(input, bound)) {
      if (limit.endsBeforeRecord(this.#done) || !this.#due.runBefore(input)) return false;
      const progress = this.#senders.progressOf(input);
      if (!this.#process(input)) return false;
      input.consume();
      this.#hasMoved = true;
      const next = input.hasNext ? this.#senders.progressOf(input) : Number.NEGATIVE_INFINITY;
      time.observe(index, progress, next, othersMin, this.#epochBegan);
      this.#hear(index, input);
      if (input.isSkipping || !this.#due.run() || asking.full !== undefined) return false;
    }
    return true;
  }

  /** False where the record is to be tried again. */
  #process(input: PartitionInput): boolean {
    this.#errors.enter(input);
    const { context } = this.#parts;
    context.key = input.key;
    context.sourcePartition = input.sourcePartition;
    context.origin = input.origin;
    context.settled = this.#parts.time.watermark;
    // A partial only waits for its window: what steps before that fire has its place before it.
    if (!input.isPartial) arriveAt(context.place, input, this.#parts.index);
    let isDone = true;
    if (this.#errors.mayFail(input.source.node)) {
      isDone = this.#errors.runRecord(input, () => receive(input));
    } else {
      receive(input);
    }
    this.#errors.leave();
    if (isDone) this.#countRead(input.source.node);
    return isDone;
  }

  /** What comes from other tasks of the job was read by them. */
  #countRead({ exchange }: SourceNode): void {
    this.#done.records++;
    if (exchange === undefined) this.#recordsRead++;
  }
}

function receive({ source, value, time, key, isPartial }: PartitionInput): void {
  if (isPartial) source.partials?.receivePartial(time, value, key);
  else source.receiver.receive(value, time, key);
}

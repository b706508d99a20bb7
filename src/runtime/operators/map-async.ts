/**
 * The step that asks outside: each input becomes a call, and its result goes on when it is there.
 *
 *   receive ──> open calls, part of the state ──> deliver ──> next
 *                    |             ^
 *                    v             |
 *                  asked ......> answer       by the task, between epochs (asking/async-steps.ts)
 *
 * A result comes with the time of its input, and the steps behind see event time only as it stood
 * when the earliest open input came. So nothing is late there that was not late here.
 *
 *   ordered      results leave in the order of their inputs
 *   unordered    a result leaves once it is there. An input that was late waits until those before
 *                it have left, so that it is late behind the step exactly if it was late before it
 *
 * Of several that may leave the earliest leaves first: the order does not depend on memory.
 */
import { MillraceError } from '../../platform/index.ts';
import type { StoreRegistry } from '../../state/index.ts';
import type { Outcome } from '../asking/answer.ts';
import { dropMemo, Memo } from '../asking/memo.ts';
import { type Call, type NewCall, OpenCalls } from '../asking/open-calls.ts';
import type { MapAsyncNode } from '../graph.ts';
import type { KeyFactory } from '../keys.ts';
import type { Key, OperatorContext, Receiver, Step, TimedOperator } from '../operator.ts';
import { Moment } from './moment.ts';

export interface MapAsyncParts {
  readonly context: OperatorContext;
  readonly stores: StoreRegistry;
  readonly step: Step;
  readonly node: MapAsyncNode;
  /** Of the stream's keys; null is one where the stream may have records without. */
  readonly keys: KeyFactory;
  readonly next: Receiver;
}

export class MapAsyncOperator implements Receiver, TimedOperator {
  readonly step: Step;
  readonly node: MapAsyncNode;
  readonly open: OpenCalls;
  watermark: number = Number.NEGATIVE_INFINITY;
  readonly #parts: MapAsyncParts;
  readonly #memo: Memo | undefined;
  readonly #moment = new Moment();
  /** What leaves next; null where it is not known. */
  #leaving: Call | undefined | null = null;

  constructor(parts: MapAsyncParts) {
    const { stores, step, node, keys } = parts;
    const { inputCodec: input, resultCodec: result, memo: spec } = node;
    const of = { stores, step: step.name, result };
    this.#parts = parts;
    this.step = step;
    this.node = node;
    this.open = new OpenCalls({ ...of, keyCodec: keys.codec, input });
    this.#memo = spec && new Memo({ ...of, spec, moment: this.#moment });
    if (spec === undefined) dropMemo(stores, step.name);
  }

  /** Whether nothing more is to be read before an answer has come. */
  get isFull(): boolean {
    return this.open.size >= this.node.capacity;
  }

  /** Where event time stands for the steps behind, as far as this one holds it back. */
  get held(): number {
    const { first } = this.open;
    if (first === undefined) return Number.POSITIVE_INFINITY;
    return first.watermark ?? Number.NEGATIVE_INFINITY;
  }

  receive(value: unknown, timestamp: number, key: Key | null): void {
    const { context, next } = this.#parts;
    context.step = this.step;
    if (this.#memo === undefined) {
      this.#add(value, timestamp, key, {});
      return;
    }
    this.#moment.ofRecord(timestamp, this.watermark, context.now);
    const question = this.#memo.questionOf(value);
    const known = this.#memo.look(question);
    if (known.kind === 'answered' && this.#maySkip(timestamp)) {
      next.receive(known.result, timestamp, key);
    } else if (known.kind === 'answered') {
      this.#answer(this.#add(value, timestamp, key, {}), known.result);
    } else if (known.kind === 'asked') {
      this.#add(value, timestamp, key, { follows: known.call });
    } else {
      const { number } = this.#add(value, timestamp, key, { question });
      this.#memo.asked(question, number);
    }
  }

  /** Takes what a call has come to, for itself and for those that ask the same. */
  take(number: number, outcome: Outcome): void {
    const asked = this.open.get(number);
    if (asked === undefined || asked.isAnswered) return;
    const answered = [asked, ...this.open.followersOf(asked)];
    if (outcome.kind === 'failure') {
      for (const call of answered) this.open.fail(call, outcome.failure);
      this.#memo?.failed(asked);
    } else {
      const { bytes } = outcome;
      const result = this.node.resultCodec.decode(bytes, 0, bytes.length);
      for (const call of answered) this.open.answer(call, result);
      this.#memo?.answered(asked, result);
    }
    this.#leaving = null;
  }

  /** The call whose result is to be passed on next. */
  get leaving(): Call | undefined {
    if (this.#leaving === null) this.#leaving = this.#findLeaving();
    return this.#leaving;
  }

  /** Passes a result on, or throws what the call has failed with. */
  deliver(call: Call): void {
    const { context, keys, next } = this.#parts;
    const key = keys.ofState(call.key);
    context.step = this.step;
    context.key = key.value === null ? null : key;
    context.origin = call.origin;
    context.sourcePartition = call.origin?.partition ?? 0;
    if (call.failure !== undefined) {
      const { code, message, cause } = call.failure;
      throw new MillraceError(code, message, { cause });
    }
    const result = this.open.resultOf(call);
    this.open.clear(call);
    next.receive(result, call.timestamp, context.key);
  }

  /** The call is over, whatever came of it. */
  close(call: Call): void {
    this.open.close(call);
    this.#leaving = null;
  }

  nextEventTime(): number {
    return this.#nextTime('event');
  }

  nextProcessingTime(): number {
    return this.#nextTime('processing');
  }

  /** No time-to-live counts: event time does not go on to make answers forgotten. */
  lastEventTime(): number {
    return Number.NEGATIVE_INFINITY;
  }

  fireEvent(): void {
    this.#fire('event');
  }

  fireProcessing(): void {
    this.#fire('processing');
  }

  #add(value: unknown, timestamp: number, key: Key | null, of: Partial<NewCall>): Call {
    const { keys, context } = this.#parts;
    const watermark = this.watermark === Number.NEGATIVE_INFINITY ? null : this.watermark;
    const call = { timestamp, watermark, ...originIn(context), ...of };
    return this.open.add(keys.of(key === null ? null : key.value).state, value, call);
  }

  /** Whether a result that is known may leave before open calls. */
  #maySkip(timestamp: number): boolean {
    if (this.open.size === 0) return true;
    return this.node.order === 'unordered' && timestamp > this.watermark;
  }

  #answer(call: Call, result: unknown): void {
    this.open.answer(call, result);
    this.#leaving = null;
  }

  #findLeaving(): Call | undefined {
    const { first } = this.open;
    if (first === undefined || first.isAnswered || this.node.order === 'ordered') {
      return first?.isAnswered === true ? first : undefined;
    }
    for (const call of this.open.all()) {
      if (!call.isAnswered) continue;
      const { timestamp, watermark } = call;
      const isLate = watermark !== null && timestamp <= watermark;
      if (!isLate || watermark === first.watermark) return call;
    }
    return undefined;
  }

  #nextTime(kind: 'event' | 'processing'): number {
    const expiry = this.#memo?.expiry;
    if (expiry?.time !== kind) return Number.POSITIVE_INFINITY;
    return this.#mustAdopt(kind) ? Number.NEGATIVE_INFINITY : expiry.nextTime();
  }

  /** Answers from before there was a time-to-live; without event time nothing can begin in it. */
  #mustAdopt(kind: 'event' | 'processing'): boolean {
    const hasTime = kind === 'processing' || this.watermark > Number.NEGATIVE_INFINITY;
    return this.#memo?.expiry?.isAdopting === true && hasTime;
  }

  #fire(kind: 'event' | 'processing'): void {
    const expiry = this.#memo?.expiry;
    if (expiry === undefined) return;
    const { context } = this.#parts;
    const isAdopting = this.#mustAdopt(kind);
    const time = isAdopting ? this.watermark : expiry.nextTime();
    context.step = this.step;
    if (kind === 'event') this.#moment.ofEvent(time, context.now);
    else this.#moment.ofProcessing(time, this.watermark, context.now);
    if (isAdopting) expiry.adoptNext();
    else expiry.check();
  }
}

function originIn({ origin }: OperatorContext): Pick<NewCall, 'origin'> {
  if (origin === undefined) return {};
  const { topic, partition, offset } = origin;
  return { origin: { topic, partition, offset } };
}

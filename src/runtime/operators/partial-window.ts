/**
 * The sending half of a window behind an exchange: what an epoch has of a key and a slice goes over
 * as one accumulator, instead of as many records.
 *
 *   records of an epoch           held here, in memory         sent to the window
 *   09:01 JFK, 09:03 JFK, ... --> (09:04:59.999, JFK) -------> one partial
 *   08:12 JFK, perhaps late -------------------------------->  the record as it is
 *
 * The window comes to the same accumulators as by records, byte for byte, since the aggregate is
 * free of order.
 *
 * **Partials are never late**: a record is held only if its slice ends behind the watermark here,
 * and leaves before time goes on beyond the end of the slice: `fireEvent` is due there. Receivers
 * are no further than their senders. The exception is a sender that was idle, for which they did
 * not wait: until its own watermark has caught up, `receiversAt` says how far they may be. What
 * ends before that goes over as records, of which the window decides which ones are late.
 *
 * **It has no state**: whoever runs it calls `flush` before an epoch ends, and before the sender
 * says that it is idle.
 *
 * **What a record that fails has added is undone**, as with topics that are written to: between
 * `begin` and `keep` or `undo` records are aggregated apart, each by itself. That costs a merge for
 * each record, and no copies of what is held.
 */
import { assert } from '../../platform/index.ts';
import type { Aggregation, WindowNode } from '../graph.ts';
import type {
  Key,
  OperatorContext,
  PartialReceiver,
  Receiver,
  Step,
  TimedOperator,
} from '../operator.ts';
import { partialSlicesOf, type SliceOf } from './partial-slices.ts';
import { type Partial, Partials } from './partials.ts';

/** More are passed on before the epoch ends. */
const heldMaxByDefault = 8192;

/**
 * Where keys come seldom, a partial for each record would be dearer than the record: two to three
 * times, measured with 300,000 keys. If an epoch has fewer records than these for a partial, as
 * many times its records go over as they are, and then it is tried again.
 */
const worthByDefault = 2;
const recordsBetweenTries = 15;

export interface PartialWindowParts {
  readonly context: OperatorContext;
  readonly step: Step;
  /** One for which there is `partialSlicesOf`. */
  readonly node: WindowNode;
  readonly next: PartialReceiver;
  /** How many partials are held at most. Default 8,192. */
  readonly heldMax?: number;
  /** How many records a partial must stand for on average. Default 2. */
  readonly recordsWorthPartial?: number;
}

export class PartialWindowOperator implements Receiver, TimedOperator {
  readonly step: Step;
  watermark: number = Number.NEGATIVE_INFINITY;
  /** How far event time may have come for the receivers, where that is further than here. */
  receiversAt: number = Number.NEGATIVE_INFINITY;
  readonly #context: OperatorContext;
  readonly #aggregate: Aggregation;
  readonly #sliceOf: SliceOf;
  readonly #next: PartialReceiver;
  readonly #heldMax: number;
  readonly #recordsWorthPartial: number;
  readonly #held = new Partials();
  /** Of the record in work, while it may be undone. */
  readonly #ofRecord: Partial[] = [];
  #isUndoable = false;
  /** Since the epoch began: records that were aggregated, and what they came to. */
  #records = 0;
  #partials = 0;
  /** So many records to come are not aggregated. */
  #unaggregated = 0;

  constructor(parts: PartialWindowParts) {
    const { context, step, node, next } = parts;
    const sliceOf = partialSlicesOf(node);
    assert(sliceOf !== undefined, 'a window that takes partials has slices, and no order');
    this.step = step;
    this.#context = context;
    this.#aggregate = node.aggregate;
    this.#sliceOf = sliceOf;
    this.#next = next;
    this.#heldMax = parts.heldMax ?? heldMaxByDefault;
    this.#recordsWorthPartial = parts.recordsWorthPartial ?? worthByDefault;
  }

  receive(value: unknown, timestamp: number, key: Key): void {
    const slice = this.#sliceOf(timestamp);
    if (slice <= this.watermark || slice <= this.receiversAt || this.#unaggregated > 0) {
      this.#unaggregated = Math.max(0, this.#unaggregated - 1);
      this.#next.receive(value, timestamp, key);
      return;
    }
    this.#context.step = this.step;
    this.#records++;
    const known = this.#isUndoable ? undefined : this.#held.get(slice, key.state);
    if (known !== undefined) {
      known.accumulator = this.#aggregate.add(known.accumulator, value, timestamp);
      return;
    }
    const accumulator = this.#aggregate.add(this.#aggregate.create(), value, timestamp);
    if (this.#isUndoable) this.#ofRecord.push({ slice, key, accumulator });
    else this.#hold({ slice, key, accumulator });
  }

  /** What comes from here on can be undone, until it is kept. */
  begin(): void {
    this.#isUndoable = true;
  }

  keep(): void {
    this.#isUndoable = false;
    for (const partial of this.#ofRecord) {
      const known = this.#held.get(partial.slice, partial.key.state);
      if (known === undefined) this.#hold(partial);
      else known.accumulator = this.#aggregate.merge(known.accumulator, partial.accumulator);
    }
    this.#ofRecord.length = 0;
  }

  undo(): void {
    this.#isUndoable = false;
    this.#ofRecord.length = 0;
  }

  /** Passes on all that is held: the epoch ends. */
  flush(): void {
    assert(!this.#isUndoable, 'no epoch ends while a record may be undone');
    while (this.#held.size > 0) this.fireEvent();
    const isWorthIt = this.#records >= this.#partials * this.#recordsWorthPartial;
    if (!isWorthIt) this.#unaggregated = this.#records * recordsBetweenTries;
    this.#records = 0;
    this.#partials = 0;
  }

  nextEventTime(): number {
    return this.#held.firstSlice;
  }

  nextProcessingTime(): number {
    return Number.POSITIVE_INFINITY;
  }

  lastEventTime(): number {
    return this.#held.lastSlice;
  }

  fireEvent(): void {
    const first = this.#held.takeFirst();
    if (first === undefined) return;
    const { slice, key, accumulator } = first;
    this.#partials++;
    this.#context.step = this.step;
    this.#context.key = key;
    this.#next.receivePartial(slice, accumulator, key);
  }

  fireProcessing(): void {}

  #hold(partial: Partial): void {
    this.#held.add(partial);
    while (this.#held.size > this.#heldMax) this.fireEvent();
  }
}

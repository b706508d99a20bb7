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
 * `begin` and `keep` or `undo` records are aggregated apart. That costs a merge for each record,
 * and no copies of what is held.
 */
import { assert, unreachable } from '../../platform/index.ts';
import type { Aggregation, WindowNode } from '../graph.ts';
import type {
  Key,
  OperatorContext,
  PartialReceiver,
  Receiver,
  Step,
  TimedOperator,
} from '../operator.ts';
import { Partials } from './partials.ts';
import { cumulatingSlices, hoppingSlices } from './slices.ts';
import { calendarFrames, tumblingFrames } from './window.ts';

/** More are passed on before the epoch ends. */
const heldMaxByDefault = 8192;

export interface PartialWindowParts {
  readonly context: OperatorContext;
  readonly step: Step;
  /** One for which there is `partialSlicesOf`. */
  readonly node: WindowNode;
  readonly next: PartialReceiver;
  /** How many partials are held at most. Default 8,192. */
  readonly heldMax?: number;
}

/** The slice, or window, of a timestamp, by its last millisecond. */
export type SliceOf = (timestamp: number) => number;

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
  readonly #held = new Partials();
  /** Of the record in work, while it may be undone. */
  readonly #ofRecord = new Partials();
  #isUndoable = false;

  constructor({ context, step, node, next, heldMax = heldMaxByDefault }: PartialWindowParts) {
    const sliceOf = partialSlicesOf(node);
    assert(sliceOf !== undefined, 'a window that takes partials has slices, and no order');
    this.step = step;
    this.#context = context;
    this.#aggregate = node.aggregate;
    this.#sliceOf = sliceOf;
    this.#next = next;
    this.#heldMax = heldMax;
  }

  receive(value: unknown, timestamp: number, key: Key): void {
    const slice = this.#sliceOf(timestamp);
    if (slice <= this.watermark || slice <= this.receiversAt) {
      this.#next.receive(value, timestamp, key);
      return;
    }
    this.#context.step = this.step;
    const partials = this.#isUndoable ? this.#ofRecord : this.#held;
    const known = partials.get(slice, key.state);
    if (known !== undefined) {
      known.accumulator = this.#aggregate.add(known.accumulator, value, timestamp);
      return;
    }
    const accumulator = this.#aggregate.add(this.#aggregate.create(), value, timestamp);
    partials.add({ slice, key, accumulator });
    this.#makeRoom();
  }

  /** What comes from here on can be undone, until it is kept. */
  begin(): void {
    this.#isUndoable = true;
  }

  keep(): void {
    this.#isUndoable = false;
    for (let of = this.#ofRecord.takeFirst(); of !== undefined; of = this.#ofRecord.takeFirst()) {
      const known = this.#held.get(of.slice, of.key.state);
      if (known === undefined) this.#held.add(of);
      else known.accumulator = this.#aggregate.merge(known.accumulator, of.accumulator);
    }
    this.#makeRoom();
  }

  undo(): void {
    this.#isUndoable = false;
    this.#ofRecord.clear();
  }

  /** Passes on all that is held: the epoch ends. */
  flush(): void {
    assert(!this.#isUndoable, 'no epoch ends while a record may be undone');
    while (this.#held.size > 0) this.fireEvent();
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
    this.#context.step = this.step;
    this.#context.key = key;
    this.#next.receivePartial(slice, accumulator, key);
  }

  fireProcessing(): void {}

  #makeRoom(): void {
    while (this.#held.size > this.#heldMax) this.fireEvent();
  }
}

/**
 * The pieces of time of which a window step takes partials; undefined where it must see each record:
 * where windows merge, fire more than once, or are chosen by a function, and where the order of
 * records counts.
 */
export function partialSlicesOf(node: WindowNode): SliceOf | undefined {
  const { assigner, firing, aggregate } = node;
  if (firing !== undefined || aggregate.isOrderFree !== true) return undefined;
  switch (assigner.kind) {
    case 'tumbling':
      return tumblingFrames(assigner).lastOf;
    case 'calendar':
      return calendarFrames(assigner).lastOf;
    case 'hopping':
      return hoppingSlices(assigner).sliceOf;
    case 'cumulating':
      return cumulatingSlices(assigner).sliceOf;
    case 'session':
    case 'custom':
    case 'global':
      return undefined;
    default:
      return unreachable(assigner);
  }
}

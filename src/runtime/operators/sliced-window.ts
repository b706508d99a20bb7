/**
 * Windows that overlap: hopping and cumulating. A record changes the accumulator of its slice and
 * nothing else, however many windows it is in; a window that fires merges its slices.
 *
 *   record --> slice [09:05, 09:10) of its key        one change of state
 *
 *   ends       (time of a window, key)                where a key fires next, as often as its
 *              08:59:59.999  JFK                      slices are in windows to come
 *
 * The first record of a key in a slice notes the key for the first window that has the slice and
 * has not fired. A window that fires for a key notes it for the next one while slices of it remain,
 * so a key without records in the newest slices fires from the older ones; and it drops the slices
 * that no later window has. Entries fire one at a time, in the order (time, key group, key).
 *
 * A record is late if all its windows have fired. One that some of them still wait for counts for
 * those.
 */
import { assert } from '../../platform/index.ts';
import type { StateKey, TimedStore } from '../../state/index.ts';
import type { Aggregation, WindowNode } from '../graph.ts';
import type { KeyFactory } from '../keys.ts';
import type {
  Key,
  OperatorContext,
  PartialReceiver,
  Receiver,
  Step,
  TimedOperator,
} from '../operator.ts';
import { onlyPane } from '../windows.ts';
import { SliceMerger } from './merge-slices.ts';
import type { Slices } from './slices.ts';

export interface SlicedWindowParts {
  readonly context: OperatorContext;
  readonly step: Step;
  readonly node: WindowNode;
  readonly keys: KeyFactory;
  readonly slices: Slices;
  /** Accumulators by slice. */
  readonly store: TimedStore<unknown>;
  /** Keys by the window in which they fire next. */
  readonly ends: TimedStore<true>;
  readonly next: Receiver;
  /** Undefined: nobody reads the late stream; records are only counted. */
  readonly late: Receiver | undefined;
}

export class SlicedWindowOperator implements PartialReceiver, TimedOperator {
  readonly step: Step;
  watermark: number = Number.NEGATIVE_INFINITY;
  readonly #parts: SlicedWindowParts;
  readonly #context: OperatorContext;
  readonly #aggregate: Aggregation;
  readonly #slices: Slices;
  readonly #store: TimedStore<unknown>;
  readonly #merger: SliceMerger;

  constructor(parts: SlicedWindowParts) {
    this.#parts = parts;
    this.step = parts.step;
    this.#context = parts.context;
    this.#aggregate = parts.node.aggregate;
    this.#slices = parts.slices;
    this.#store = parts.store;
    this.#merger = new SliceMerger(this.#aggregate, parts.slices, parts.store);
  }

  receive(value: unknown, timestamp: number, key: Key): void {
    const slice = this.#slices.sliceOf(timestamp);
    if (slice <= this.watermark && this.#slices.lastWindow(slice) <= this.watermark) {
      this.#context.late++;
      this.#parts.late?.receive(value, timestamp, key);
      return;
    }
    this.#context.step = this.step;
    if (slice <= this.watermark) this.#merger.forget(key.state); // a window with it has fired
    const known = this.#store.get(slice, key.state);
    const accumulator = known ?? this.#aggregate.create();
    this.#store.put(slice, key.state, this.#aggregate.add(accumulator, value, timestamp));
    if (known !== undefined) return;
    this.#parts.ends.put(this.#slices.firstWindow(slice, this.watermark), key.state, true);
  }

  /**
   * Partials are never late (see PartialWindowOperator), nor is any window with their slice: so
   * nothing that is kept of merged slices has to be forgotten.
   */
  receivePartial(slice: number, accumulator: unknown, key: Key): void {
    assert(slice > this.watermark, 'a partial comes before a window with its slice fires');
    this.#context.step = this.step;
    const known = this.#store.get(slice, key.state);
    const both = known === undefined ? accumulator : this.#aggregate.merge(known, accumulator);
    this.#store.put(slice, key.state, both);
    if (known !== undefined) return;
    this.#parts.ends.put(this.#slices.firstWindow(slice, this.watermark), key.state, true);
  }

  nextEventTime(): number {
    return this.#parts.ends.firstTime();
  }

  nextProcessingTime(): number {
    return Number.POSITIVE_INFINITY;
  }

  lastEventTime(): number {
    const slice = this.#store.lastTime();
    return slice === Number.NEGATIVE_INFINITY ? slice : this.#slices.lastWindow(slice);
  }

  fireEvent(): void {
    const { ends, keys, node, next } = this.#parts;
    const end = ends.first();
    if (end === undefined) return;
    const { time: window } = end;
    ends.delete(window, end.key);
    const key = keys.ofState(end.key);
    this.#context.step = this.step;
    this.#context.key = key;
    const { accumulator, last } = this.#merger.merge(window, end.key);
    this.#leave(window, last, end.key);
    const bounds = { start: this.#slices.startOf(window), end: window + 1 };
    const result = node.result(this.#aggregate.result(accumulator), bounds, onlyPane);
    next.receive(result, window, key);
  }

  fireProcessing(): void {}

  /** Drops the slices that no later window has; `last` is the last slice that there is. */
  #leave(window: number, last: number, key: StateKey): void {
    const { startOf, lastWindow, nextWindow, sliceMs } = this.#slices;
    const first = startOf(window) + sliceMs - 1;
    for (let slice = first; slice <= last && lastWindow(slice) <= window; slice += sliceMs) {
      this.#store.delete(slice, key);
    }
    if (lastWindow(last) > window) this.#parts.ends.put(nextWindow(window), key, true);
    else this.#merger.forget(key);
  }
}

/**
 * Windows that follow one another (tumbling, calendar). They are aggregated as records come, and
 * fire once, when the watermark passes their last millisecond.
 *
 *   record at 09:20 --> window [09:00, 10:00) --> entry (time 09:59:59.999, key)
 *                                                 fires when the watermark is 09:59:59.999
 *
 * Entries lie time-major, so firing walks over what is due in the order (time, key group, key) and
 * drops it; there is no timer per key. A record is late if its window has fired: it goes to the
 * late stream and is counted.
 */
import { assert } from '../../platform/index.ts';
import type { TimedStore } from '../../state/index.ts';
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
import { Calendar } from '../time/calendar.ts';
import { type CalendarWindows, onlyPane, type TumblingWindows } from '../windows.ts';
import { modulo } from './slices.ts';

/** Windows that follow one another without a gap; each is named by its last millisecond. */
export interface Frames {
  lastOf(timestamp: number): number;
  /** First millisecond. */
  startOf(last: number): number;
}

export interface WindowParts {
  readonly context: OperatorContext;
  readonly step: Step;
  readonly node: WindowNode;
  readonly frames: Frames;
  readonly keys: KeyFactory;
  readonly store: TimedStore<unknown>;
  readonly next: Receiver;
  /** Undefined: nobody reads the late stream; records are only counted. */
  readonly late: Receiver | undefined;
}

export class WindowOperator implements PartialReceiver, TimedOperator {
  readonly step: Step;
  watermark: number = Number.NEGATIVE_INFINITY;
  readonly #parts: WindowParts;
  readonly #aggregate: Aggregation;
  readonly #store: TimedStore<unknown>;
  readonly #context: OperatorContext;
  readonly #frames: Frames;

  constructor(parts: WindowParts) {
    this.#parts = parts;
    this.step = parts.step;
    this.#context = parts.context;
    this.#store = parts.store;
    this.#aggregate = parts.node.aggregate;
    this.#frames = parts.frames;
  }

  receive(value: unknown, timestamp: number, key: Key): void {
    const time = this.#frames.lastOf(timestamp);
    if (time <= this.watermark) {
      this.#context.late++;
      this.#parts.late?.receive(value, timestamp, key);
      return;
    }
    this.#context.step = this.step;
    const accumulator = this.#store.get(time, key.state) ?? this.#aggregate.create();
    this.#store.put(time, key.state, this.#aggregate.add(accumulator, value, timestamp));
  }

  /** Partials are never late: see PartialWindowOperator. */
  receivePartial(time: number, accumulator: unknown, key: Key): void {
    assert(time > this.watermark, 'a partial comes before its window fires');
    this.#context.step = this.step;
    const known = this.#store.get(time, key.state);
    const both = known === undefined ? accumulator : this.#aggregate.merge(known, accumulator);
    this.#store.put(time, key.state, both);
  }

  nextEventTime(): number {
    return this.#store.firstTime();
  }

  nextProcessingTime(): number {
    return Number.POSITIVE_INFINITY;
  }

  lastEventTime(): number {
    return this.#store.lastTime();
  }

  fireEvent(): void {
    const entry = this.#store.first();
    if (entry === undefined) return;
    const { time, value } = entry;
    const key = this.#parts.keys.ofState(entry.key);
    this.#store.delete(time, entry.key);
    this.#context.step = this.step;
    this.#context.key = key;
    const bounds = { start: this.#frames.startOf(time), end: time + 1 };
    const result = this.#parts.node.result(this.#aggregate.result(value), bounds, onlyPane);
    this.#parts.next.receive(result, time, key);
  }

  fireProcessing(): void {}
}

export function tumblingFrames({ sizeMs, offsetMs }: TumblingWindows): Frames {
  return {
    lastOf: (timestamp) => timestamp - modulo(timestamp - offsetMs, sizeMs) + sizeMs - 1,
    startOf: (last) => last + 1 - sizeMs,
  };
}

export function calendarFrames(windows: CalendarWindows): Frames {
  const calendar = new Calendar(windows);
  return {
    lastOf: (timestamp) => calendar.periodOf(timestamp).end - 1,
    startOf: (last) => calendar.periodOf(last).start,
  };
}

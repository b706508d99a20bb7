/**
 * The general keyed step: state and timers per key, and a function for each record and each timer.
 * Running aggregates and reduce are built on it; windows have an operator of their own, because
 * they keep no timer per key.
 *
 * Timers are deduplicated by (key, time), are part of the state, and fire in the order (time, key
 * group, key).
 */
import type { TimedStore } from '../../state/index.ts';
import type { ProcessContext, ProcessDefinition, TimerService } from '../graph.ts';
import type { KeyFactory } from '../keys.ts';
import type { Key, OperatorContext, Receiver, Step, TimedOperator } from '../operator.ts';
import { timeMax } from '../time/time-max.ts';
import type { OpenState } from './states.ts';

export interface ProcessParts {
  readonly context: OperatorContext;
  readonly step: Step;
  readonly definition: ProcessDefinition;
  readonly keys: KeyFactory;
  readonly state: Readonly<Record<string, OpenState>>;
  readonly eventTimers: TimedStore<true>;
  readonly processingTimers: TimedStore<true>;
  readonly next: Receiver;
}

const noKey: Key = { value: undefined, state: '' };

export class ProcessOperator implements Receiver, TimedOperator {
  readonly step: Step;
  watermark: number = Number.NEGATIVE_INFINITY;
  readonly #parts: ProcessParts;
  readonly #userContext: ProcessContext;
  #key: Key = noKey;
  #timestamp = 0;

  constructor(parts: ProcessParts) {
    this.#parts = parts;
    this.step = parts.step;
    this.#userContext = this.#makeUserContext();
  }

  receive(value: unknown, timestamp: number, key: Key): void {
    this.#begin(key, timestamp);
    this.#emit(this.#parts.definition.onRecord(value, this.#userContext));
  }

  nextEventTime(): number {
    return this.#parts.eventTimers.firstTime();
  }

  nextProcessingTime(): number {
    return this.#parts.processingTimers.firstTime();
  }

  lastEventTime(): number {
    return this.#parts.eventTimers.lastTime();
  }

  fireEvent(): void {
    this.#fire('event', this.#parts.eventTimers);
  }

  fireProcessing(): void {
    this.#fire('processing', this.#parts.processingTimers);
  }

  #fire(kind: 'event' | 'processing', timers: TimedStore<true>): void {
    const timer = timers.first();
    if (timer === undefined) return;
    const { time } = timer;
    timers.delete(time, timer.key);
    this.#begin(this.#parts.keys.ofState(timer.key), time);
    this.#emit(this.#parts.definition.onTimer?.({ kind, time }, this.#userContext));
  }

  #begin(key: Key, timestamp: number): void {
    const { context } = this.#parts;
    context.step = this.step;
    context.key = key;
    this.#key = key;
    this.#timestamp = timestamp;
  }

  #emit(results: Iterable<unknown> | undefined): void {
    if (results === undefined) return;
    const { next, context } = this.#parts;
    const key = this.#key;
    const timestamp = this.#timestamp;
    for (const result of results) {
      next.receive(result, timestamp, key);
      context.step = this.step; // a generator runs on
      context.key = key;
    }
  }

  /** One object for the life of the operator; it speaks of the current key. */
  #makeUserContext(): ProcessContext {
    const self = this;
    const { state, eventTimers, processingTimers, context } = this.#parts;
    const current = { key: '', timestamp: 0 };
    const now = () => {
      current.key = this.#key.state;
      current.timestamp = this.#timestamp;
      return current;
    };
    const states = Object.entries(state).map(([name, open]) => [name, open(now)]);
    return {
      get key() {
        return self.#key.value;
      },
      get timestamp() {
        return self.#timestamp;
      },
      get watermark() {
        return self.watermark;
      },
      get now() {
        return context.now;
      },
      state: Object.fromEntries(states),
      timers: {
        event: this.#timerService(eventTimers),
        processing: this.#timerService(processingTimers),
      },
    };
  }

  #timerService(timers: TimedStore<true>): TimerService {
    const wholeMs = (time: number) => {
      if (Math.abs(time) <= timeMax) return Math.ceil(time) + 0; // -0 + 0 is 0
      throw new TypeError(
        `a timer can't be set for ${time}: give ms since the epoch, as far as a Date goes`,
      );
    };
    return {
      set: (time) => timers.put(wholeMs(time), this.#key.state, true),
      delete: (time) => timers.delete(wholeMs(time), this.#key.state),
    };
  }
}

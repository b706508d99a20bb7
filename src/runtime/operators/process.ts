/**
 * The general keyed step: state and timers per key, and a function for each record and each timer.
 * Running aggregates and reduce are built on it; windows have an operator of their own, because
 * they keep no timer per key.
 *
 * Timers are deduplicated by (key, time), are part of the state, and fire in the order (time, key
 * group, key). Entries of state whose time-to-live is over go as timers fire: one at a time, in the
 * order of their ends, before the timers of the same time. Work of a record that goes on in slices
 * comes before all of that.
 */
import type { StateKey, TimedStore } from '../../state/index.ts';
import type { ProcessContext, ProcessDefinition, TimedValue, TimerService } from '../graph.ts';
import type { KeyFactory } from '../keys.ts';
import type { Key, OperatorContext, Receiver, Step, TimedOperator } from '../operator.ts';
import type { State } from '../state.ts';
import { timeMax } from '../time/time-max.ts';
import type { VisitedKeys } from './broadcast.ts';
import type { Expiry } from './expiry.ts';
import type { Moment } from './moment.ts';
import type { DeclaredState } from './states.ts';

export interface ProcessParts {
  readonly context: OperatorContext;
  readonly step: Step;
  readonly definition: ProcessDefinition;
  /** See `ProcessNode.keyedBy`. */
  readonly keyOf: ((value: unknown) => unknown) | undefined;
  readonly keys: KeyFactory;
  readonly moment: Moment;
  readonly state: Readonly<Record<string, DeclaredState>>;
  readonly eventTimers: TimedStore<true>;
  readonly processingTimers: TimedStore<true>;
  /** Keys whose work goes on, by the time of its record; undefined where the step has none. */
  readonly slices: TimedStore<true> | undefined;
  /** What all keys see; see broadcast.ts. */
  readonly broadcast: Readonly<Record<string, Partial<State>>>;
  /** The keys that have state, where they are to be visited. */
  readonly visited?: VisitedKeys | undefined;
  readonly next: Receiver;
  /** Undefined: nobody reads the late stream; records are only counted. */
  readonly late: Receiver | undefined;
}

interface NamedExpiry {
  readonly state: string;
  readonly isMap: boolean;
  readonly expiry: Expiry;
}

const noKey: Key = { value: undefined, state: '' };

export class ProcessOperator implements Receiver, TimedOperator {
  readonly step: Step;
  watermark: number = Number.NEGATIVE_INFINITY;
  readonly #parts: ProcessParts;
  readonly #moment: Moment;
  readonly #expiries: Readonly<Record<'event' | 'processing', readonly NamedExpiry[]>>;
  readonly #userContext: ProcessContext;
  /** Whose state it is. */
  #key: Key = noKey;
  /** What is emitted has this key. */
  #keyOut: Key | null = noKey;

  constructor(parts: ProcessParts) {
    this.#parts = parts;
    this.#moment = parts.moment;
    this.step = parts.step;
    this.#expiries = {
      event: expiriesOf(parts, 'event'),
      processing: expiriesOf(parts, 'processing'),
    };
    this.#userContext = this.#makeUserContext();
  }

  receive(value: unknown, timestamp: number, key: Key | null): void {
    const { keyOf, keys, context } = this.#parts;
    context.step = this.step;
    this.#moment.ofRecord(timestamp, this.watermark, context.now);
    this.#begin(keyOf === undefined ? (key ?? noKey) : keys.of(keyOf(value)));
    this.#keyOut = key;
    this.#emit(this.#parts.definition.onRecord(value, this.#userContext));
    this.#noteKey();
  }

  /** A broadcast record has asked for it: `timestamp` is its event time. */
  visit(key: StateKey, timestamp: number): void {
    const { keys, context, definition, visited } = this.#parts;
    if (!this.#hasState(key)) {
      visited?.delete(key);
      return;
    }
    this.#moment.ofRecord(timestamp, this.watermark, context.now);
    this.#begin(keys.ofState(key));
    this.#emit(definition.onKey?.(this.#userContext));
  }

  nextEventTime(): number {
    if (this.#hasSlice()) return Number.NEGATIVE_INFINITY;
    return this.#nextTime('event', this.#parts.eventTimers);
  }

  nextProcessingTime(): number {
    return this.#nextTime('processing', this.#parts.processingTimers);
  }

  /** No time-to-live counts: event time does not go on to make state end. */
  lastEventTime(): number {
    return this.#parts.eventTimers.lastTime();
  }

  fireEvent(): void {
    if (this.#hasSlice()) this.#goOn();
    else this.#fire('event', this.#parts.eventTimers);
  }

  fireProcessing(): void {
    this.#fire('processing', this.#parts.processingTimers);
  }

  #hasSlice(): boolean {
    const { slices } = this.#parts;
    return slices !== undefined && slices.firstTime() !== Number.POSITIVE_INFINITY;
  }

  /** Goes on with the work of a record, as at its time. */
  #goOn(): void {
    const { slices, keys, context, definition } = this.#parts;
    const slice = slices?.first();
    if (slice === undefined) return;
    slices?.delete(slice.time, slice.key);
    this.#moment.ofRecord(slice.time, this.watermark, context.now);
    this.#begin(keys.ofState(slice.key));
    this.#emit(definition.onSlice?.(this.#userContext));
  }

  #nextTime(kind: 'event' | 'processing', timers: TimedStore<true>): number {
    const expiries = this.#expiries[kind];
    let next = timers.firstTime();
    for (let i = 0; i < expiries.length; i++) {
      const { expiry } = expiries[i] as NamedExpiry; // below the length
      if (this.#mustAdopt(expiry)) return Number.NEGATIVE_INFINITY;
      const time = expiry.nextTime();
      if (time < next) next = time;
    }
    return next;
  }

  /** Without event time nothing can be said to have been written in it. */
  #mustAdopt(expiry: Expiry): boolean {
    const hasTime = expiry.time === 'processing' || this.watermark > Number.NEGATIVE_INFINITY;
    return expiry.isAdopting && hasTime;
  }

  #fire(kind: 'event' | 'processing', timers: TimedStore<true>): void {
    const timerTime = timers.firstTime();
    let time = timerTime;
    let first: NamedExpiry | undefined;
    for (const named of this.#expiries[kind]) {
      if (this.#mustAdopt(named.expiry)) {
        this.#adopt(named.expiry);
        return;
      }
      const end = named.expiry.nextTime();
      if (end < time || (first === undefined && end === timerTime)) {
        first = named;
        time = end;
      }
    }
    if (time === Number.POSITIVE_INFINITY) return;
    if (first === undefined) this.#fireTimer(kind, timers, time);
    else this.#expire(kind, first, time);
  }

  #fireTimer(kind: 'event' | 'processing', timers: TimedStore<true>, time: number): void {
    const timer = timers.first();
    if (timer === undefined) return;
    timers.delete(time, timer.key);
    this.#setTime(kind, time);
    this.#begin(this.#parts.keys.ofState(timer.key));
    this.#emit(this.#parts.definition.onTimer?.({ kind, time }, this.#userContext));
    this.#noteKey();
  }

  #expire(kind: 'event' | 'processing', { state, isMap, expiry }: NamedExpiry, time: number): void {
    const { definition, keys, context } = this.#parts;
    context.step = this.step;
    this.#setTime(kind, time);
    const expired = expiry.check();
    if (expired === undefined) return;
    if (definition.onExpire !== undefined) {
      this.#begin(keys.ofState(expired.key));
      const { item, value } = expired;
      const entry = isMap ? { state, item, value } : { state, value };
      this.#emit(definition.onExpire(entry, this.#userContext));
    }
    const { visited } = this.#parts;
    if (visited !== undefined && !this.#hasState(expired.key)) visited.delete(expired.key);
  }

  /** The key in work may have come to have state. That it has none any more shows in a visit. */
  #noteKey(): void {
    const { visited } = this.#parts;
    const { state: key } = this.#key;
    if (visited !== undefined && !visited.has(key) && this.#hasState(key)) visited.add(key);
  }

  #hasState(key: StateKey): boolean {
    return Object.values(this.#parts.state).some((declared) => declared.has(key));
  }

  #adopt(expiry: Expiry): void {
    this.#parts.context.step = this.step;
    this.#setTime(expiry.time, this.watermark);
    expiry.adoptNext();
  }

  #setTime(kind: 'event' | 'processing', time: number): void {
    const { now } = this.#parts.context;
    if (kind === 'event') this.#moment.ofEvent(time, now);
    else this.#moment.ofProcessing(time, this.watermark, now);
  }

  #begin(key: Key): void {
    const { context } = this.#parts;
    context.step = this.step;
    context.key = key;
    this.#key = key;
    this.#keyOut = key;
    this.#moment.key = key.state;
  }

  #emit(results: Iterable<unknown> | undefined): void {
    if (results === undefined) return;
    const { next, context, definition } = this.#parts;
    const [key, keyOut] = [this.#key, this.#keyOut];
    const { timestamp } = this.#moment;
    const isTimed = definition.isTimed === true;
    for (const result of results) {
      if (isTimed) {
        const timed = result as TimedValue; // as the definition says
        next.receive(timed.value, timed.timestamp, keyOut);
      } else {
        next.receive(result, timestamp, keyOut);
      }
      context.step = this.step; // a generator runs on
      context.key = key;
    }
  }

  /** One object for the life of the operator; it speaks of the current key. */
  #makeUserContext(): ProcessContext {
    const self = this;
    const { state, eventTimers, processingTimers, slices, context } = this.#parts;
    const states = Object.entries(state).map(([name, declared]) => [name, declared.state]);
    return {
      get key() {
        return self.#key.value;
      },
      get timestamp() {
        return self.#moment.timestamp;
      },
      get watermark() {
        return self.watermark;
      },
      get now() {
        return context.now;
      },
      state: Object.fromEntries(states),
      broadcast: this.#parts.broadcast,
      timers: {
        event: this.#timerService(eventTimers),
        processing: this.#timerService(processingTimers),
      },
      late: (value) => this.#late(value),
      goOn: () => slices?.put(this.#moment.timestamp, this.#key.state, true),
    };
  }

  #late(value: unknown): void {
    const { context, late } = this.#parts;
    context.late++;
    late?.receive(value, this.#moment.timestamp, this.#keyOut);
    context.step = this.step;
    context.key = this.#key;
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

function expiriesOf(
  { state, definition }: ProcessParts,
  time: 'event' | 'processing',
): readonly NamedExpiry[] {
  return Object.entries(state).flatMap(([name, { expiry }]) => {
    const isMap = definition.state[name]?.kind === 'map';
    return expiry?.time === time ? [{ state: name, isMap, expiry }] : [];
  });
}

/**
 * Windows of any kind, each with an accumulator of its own, that fire once: sessions, which merge,
 * and those that a function of the user chooses. Windows of fixed kinds do with less: see window.ts
 * and sliced-window.ts.
 *
 * Sessions of a key never overlap. A record opens the session [time, time + gap); it and all
 * sessions of its key that it overlaps become one, which may reach further into both directions.
 *
 *   [---------)       [------)     [------)       sessions
 *           [-------------------------)           a record that bridges them, with its gap
 *   [-------------------------------------)       one session
 *
 * Accumulators merge in the order of the sessions' begins, and the record is added to what they
 * come to. Entries fire in the order (time, key group, length of the key, key, window).
 *
 * A record is late if each of its windows has ended before the watermark; a session that it would
 * make longer has not.
 */
import type { Aggregation, WindowNode } from '../graph.ts';
import type { KeyFactory } from '../keys.ts';
import type { Key, OperatorContext, Receiver, Step, TimedOperator } from '../operator.ts';
import { onlyPane, type WindowBounds } from '../windows.ts';
import { type Assign, isSame, overlaps, unionOf } from './assigners.ts';
import type { WindowTable } from './window-table.ts';

export interface AssignedWindowParts {
  readonly context: OperatorContext;
  readonly step: Step;
  readonly node: WindowNode;
  readonly keys: KeyFactory;
  readonly assign: Assign;
  /** Whether windows of a key that overlap become one. */
  readonly merges: boolean;
  readonly table: WindowTable;
  readonly next: Receiver;
  /** Undefined: nobody reads the late stream; records are only counted. */
  readonly late: Receiver | undefined;
}

export class AssignedWindowOperator implements Receiver, TimedOperator {
  readonly step: Step;
  watermark: number = Number.NEGATIVE_INFINITY;
  readonly #parts: AssignedWindowParts;
  readonly #context: OperatorContext;
  readonly #aggregate: Aggregation;
  readonly #table: WindowTable;

  constructor(parts: AssignedWindowParts) {
    this.#parts = parts;
    this.step = parts.step;
    this.#context = parts.context;
    this.#aggregate = parts.node.aggregate;
    this.#table = parts.table;
  }

  receive(value: unknown, timestamp: number, key: Key): void {
    this.#context.step = this.step;
    const assigned = this.#parts.assign(timestamp, value);
    let taken = assigned.length === 0;
    for (const window of assigned) {
      const whole = this.#parts.merges ? this.#merge(window, key) : window;
      if (whole.end - 1 <= this.watermark) continue;
      taken = true;
      this.#add(whole, value, timestamp, key);
    }
    if (taken) return;
    this.#context.late++;
    this.#parts.late?.receive(value, timestamp, key);
  }

  nextEventTime(): number {
    return this.#table.ends.firstTime();
  }

  nextProcessingTime(): number {
    return Number.POSITIVE_INFINITY;
  }

  lastEventTime(): number {
    return this.#table.ends.lastTime();
  }

  fireEvent(): void {
    const due = this.#table.ends.take();
    if (due === undefined) return;
    const { time, window } = due;
    const accumulator = this.#table.windows.get(due.key, window);
    this.#table.windows.delete(due.key, window);
    const key = this.#parts.keys.ofState(due.key);
    this.#context.step = this.step;
    this.#context.key = key;
    const result = this.#parts.node.result(this.#aggregate.result(accumulator), window, onlyPane);
    this.#parts.next.receive(result, time, key);
  }

  fireProcessing(): void {}

  #add(window: WindowBounds, value: unknown, timestamp: number, key: Key): void {
    const { windows, ends } = this.#table;
    const known = windows.get(key.state, window);
    const accumulator = known ?? this.#aggregate.create();
    windows.put(key.state, window, this.#aggregate.add(accumulator, value, timestamp));
    if (known === undefined) ends.put(window.end - 1, key.state, window);
  }

  /** The session that a record's window becomes; what it takes in is one accumulator under it. */
  #merge(window: WindowBounds, { state: key }: Key): WindowBounds {
    const { windows, ends } = this.#table;
    const met = [...windows.entries(key)].filter(([other]) => overlaps(other, window));
    const whole = unionOf(met, window);
    const [first] = met;
    if (first === undefined || (met.length === 1 && isSame(first[0], whole))) return whole;
    for (const [other] of met) {
      windows.delete(key, other);
      ends.delete(other.end - 1, key, other);
    }
    windows.put(key, whole, met.map(([, accumulator]) => accumulator).reduce(this.#mergeTwo));
    ends.put(whole.end - 1, key, whole);
    return whole;
  }

  readonly #mergeTwo = (left: unknown, right: unknown): unknown =>
    this.#aggregate.merge(left, right);
}

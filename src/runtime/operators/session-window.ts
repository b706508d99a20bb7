/**
 * Sessions: windows that last as long as records come, and fire once.
 *
 * Those of a key never overlap. A record opens the session [time, time + gap); it and all sessions
 * of its key that it overlaps become one, which may reach further into both directions.
 *
 *   [---------)       [------)     [------)       sessions
 *           [-------------------------)           a record that bridges them, with its gap
 *   [-------------------------------------)       one session
 *
 * Accumulators merge in the order of the sessions' begins, and the record is added to what they
 * come to. Sessions fire in the order (end, key group, length of the key, key).
 *
 * A record is late if it meets no session, and its own would have ended before the watermark.
 */
import type { ElementPlace } from '../../state/index.ts';
import type { Aggregation, WindowNode } from '../graph.ts';
import type { KeyFactory } from '../keys.ts';
import type { Key, OperatorContext, Receiver, Step, TimedOperator } from '../operator.ts';
import { onlyPane } from '../windows.ts';
import type { Session, SessionTable } from './session-table.ts';

export interface SessionWindowParts {
  readonly context: OperatorContext;
  readonly step: Step;
  readonly node: WindowNode;
  readonly keys: KeyFactory;
  readonly gapOf: (value: unknown) => number;
  readonly table: SessionTable;
  readonly next: Receiver;
  /** Undefined: nobody reads the late stream; records are only counted. */
  readonly late: Receiver | undefined;
}

export class SessionWindowOperator implements Receiver, TimedOperator {
  readonly step: Step;
  watermark: number = Number.NEGATIVE_INFINITY;
  readonly #parts: SessionWindowParts;
  readonly #context: OperatorContext;
  readonly #aggregate: Aggregation;
  readonly #table: SessionTable;
  /** The session that a record makes, and those that it overlaps. */
  #start = 0;
  #end = 0;
  readonly #met: Session[] = [];
  /** Of the last one that was met. */
  #place: ElementPlace = 0;

  constructor(parts: SessionWindowParts) {
    this.#parts = parts;
    this.step = parts.step;
    this.#context = parts.context;
    this.#aggregate = parts.node.aggregate;
    this.#table = parts.table;
  }

  receive(value: unknown, timestamp: number, key: Key): void {
    this.#context.step = this.step;
    this.#start = timestamp;
    this.#end = timestamp + this.#parts.gapOf(value);
    this.#met.length = 0;
    this.#table.each(key.state, this.#meet);
    const [first] = this.#met;
    if (first === undefined) {
      this.#open(value, timestamp, key);
    } else if (this.#met.length === 1 && first.start <= timestamp) {
      first.accumulator = this.#aggregate.add(first.accumulator, value, timestamp);
      this.#table.put(this.#place, first, Math.max(first.end, this.#end));
    } else {
      const merged = this.#merge(key);
      this.#openWith(this.#aggregate.add(merged, value, timestamp), key);
    }
  }

  nextEventTime(): number {
    return this.#table.firstTime();
  }

  nextProcessingTime(): number {
    return Number.POSITIVE_INFINITY;
  }

  lastEventTime(): number {
    return this.#table.lastTime();
  }

  fireEvent(): void {
    const ended = this.#table.takeEnded();
    if (ended === undefined) return;
    const [state, { start, end, accumulator }] = ended;
    const key = this.#parts.keys.ofState(state);
    this.#context.step = this.step;
    this.#context.key = key;
    const kept = this.#aggregate.result(accumulator);
    const result = this.#parts.node.result(kept, { start, end }, onlyPane);
    this.#parts.next.receive(result, end - 1, key);
  }

  fireProcessing(): void {}

  readonly #meet = (session: Session, place: ElementPlace): void => {
    if (session.start >= this.#end || this.#start >= session.end) return;
    this.#met.push(session);
    this.#place = place;
  };

  #open(value: unknown, timestamp: number, key: Key): void {
    if (this.#end - 1 > this.watermark) {
      this.#openWith(this.#aggregate.add(this.#aggregate.create(), value, timestamp), key);
      return;
    }
    this.#context.late++;
    this.#parts.late?.receive(value, timestamp, key);
  }

  #openWith(accumulator: unknown, { state: key }: Key): void {
    this.#table.open(key, this.#start, this.#end, accumulator);
  }

  /** What the sessions that were met come to; they go, and the record's own is as long as all. */
  #merge({ state: key }: Key): unknown {
    const met = this.#met.toSorted((a, b) => a.start - b.start);
    for (const session of met) {
      this.#table.remove(key, session);
      this.#start = Math.min(this.#start, session.start);
      this.#end = Math.max(this.#end, session.end);
    }
    return met
      .map(({ accumulator }) => accumulator)
      .reduce((left, right) => this.#aggregate.merge(left, right));
  }
}

/**
 * Windows that a function of the user chooses, each with an accumulator of its own. They fire once,
 * in the order (time, key group, length of the key, key, window). A record is late if each of its
 * windows has ended before the watermark.
 */
import type { Aggregation, WindowNode } from '../graph.ts';
import type { KeyFactory } from '../keys.ts';
import type { Key, OperatorContext, Receiver, Step, TimedOperator } from '../operator.ts';
import { onlyPane, type WindowBounds } from '../windows.ts';
import type { Assign } from './assigners.ts';
import type { WindowTable } from './window-table.ts';

export interface AssignedWindowParts {
  readonly context: OperatorContext;
  readonly step: Step;
  readonly node: WindowNode;
  readonly keys: KeyFactory;
  readonly assign: Assign;
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
      if (window.end - 1 <= this.watermark) continue;
      taken = true;
      this.#add(window, value, timestamp, key);
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
}

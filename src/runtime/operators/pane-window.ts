/**
 * Windows that may fire more than once: before their end, at it, and for records that come late.
 *
 *   records    . . .  . .   .        |end    .           |end + lateness
 *   watermark  ---------------------->----------------------->
 *   panes         early   early      on-time  late       the window goes
 *
 * A window is kept until the watermark has passed its end by the allowed lateness. What it holds
 * then that no pane had leaves in a last one, so no record is lost to a trigger that waits.
 *
 * Every window, of whatever kind, has an accumulator and a pane of its own. Where windows merge, so
 * do their panes: the next one has the highest index of them, and nothing that was emitted is taken
 * back.
 */
import { assert } from '../../platform/index.ts';
import type { StateKey } from '../../state/index.ts';
import type { Aggregation, WindowNode } from '../graph.ts';
import type { KeyFactory } from '../keys.ts';
import type { Key, OperatorContext, Receiver, Step, TimedOperator } from '../operator.ts';
import type { Pane, PaneTrigger, WindowBounds, WindowFiring } from '../windows.ts';
import { type Assign, isSame, overlaps, unionOf } from './assigners.ts';
import type { OpenPane, PaneTable, WindowEnd } from './window-table.ts';

export interface PaneWindowParts {
  readonly context: OperatorContext;
  readonly step: Step;
  readonly node: WindowNode;
  readonly firing: WindowFiring;
  readonly keys: KeyFactory;
  readonly assign: Assign;
  /** Whether windows of a key that overlap become one. */
  readonly merges: boolean;
  readonly table: PaneTable;
  readonly next: Receiver;
  /** Undefined: nobody reads the late stream; records are only counted. */
  readonly late: Receiver | undefined;
}

export class PaneWindowOperator implements Receiver, TimedOperator {
  readonly step: Step;
  watermark: number = Number.NEGATIVE_INFINITY;
  readonly #parts: PaneWindowParts;
  readonly #context: OperatorContext;
  readonly #aggregate: Aggregation;
  readonly #firing: WindowFiring;
  readonly #table: PaneTable;
  readonly #isEndless: boolean;

  constructor(parts: PaneWindowParts) {
    this.#parts = parts;
    this.step = parts.step;
    this.#context = parts.context;
    this.#aggregate = parts.node.aggregate;
    this.#firing = parts.firing;
    this.#table = parts.table;
    this.#isEndless = parts.node.assigner.kind === 'global';
  }

  receive(value: unknown, timestamp: number, key: Key): void {
    this.#context.step = this.step;
    const assigned = this.#parts.assign(timestamp, value);
    let taken = assigned.length === 0;
    for (const window of assigned) {
      const whole = this.#parts.merges ? this.#merge(window, key.state) : window;
      if (whole.end - 1 + this.#firing.latenessMs <= this.watermark) continue;
      taken = true;
      this.#context.step = this.step; // a pane may have left
      this.#context.key = key;
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
    return this.#table.dues.firstTime();
  }

  lastEventTime(): number {
    return this.#table.ends.lastTime();
  }

  fireEvent(): void {
    const end = this.#table.ends.take();
    if (end === undefined) return;
    const { time, window } = end;
    const { trigger, latenessMs } = this.#firing;
    const isEnd = time === window.end - 1;
    const isLast = time === window.end - 1 + latenessMs;
    const pane = this.#paneOf(end);
    const hasMore = pane.since > 0;
    const firesAtEnd = isEnd && trigger.kind === 'afterWatermark' && this.#holdsAny(end);
    if (firesAtEnd || (isLast && hasMore)) {
      this.#fire(end, pane, { timing: isEnd ? 'on-time' : 'late', isLast });
    }
    if (isLast) this.#remove(end, pane);
  }

  fireProcessing(): void {
    const due = this.#table.dues.take();
    if (due === undefined) return;
    const timing = this.#isPast(due.window) ? 'late' : 'early';
    this.#fire(due, { ...this.#paneOf(due), due: null }, { timing, isLast: false });
  }

  #add(window: WindowBounds, value: unknown, timestamp: number, key: Key): void {
    const { windows, panes } = this.#table;
    const known = panes.get(key.state, window);
    if (known === undefined) this.#schedule(window, key.state);
    const { index, since, latest, due } = known ?? { ...newPane, latest: timestamp };
    const accumulator = windows.get(key.state, window) ?? this.#aggregate.create();
    windows.put(key.state, window, this.#aggregate.add(accumulator, value, timestamp));
    const pane = { index, since: since + 1, latest: Math.max(latest, timestamp), due };
    this.#trigger({ key: key.state, window }, pane);
  }

  /** Keeps the pane, and fires or waits as its trigger says. */
  #trigger(of: Open, pane: OpenPane): void {
    const { panes, dues } = this.#table;
    const isPast = this.#isPast(of.window);
    const trigger = this.#triggerOf(isPast);
    if (trigger?.kind === 'afterCount' && pane.since >= trigger.count) {
      this.#fire(of, pane, { timing: isPast ? 'late' : 'early', isLast: false });
    } else if (trigger?.kind === 'afterProcessingTime' && pane.due === null) {
      const due = this.#context.now + trigger.delayMs;
      dues.put(due, of.key, of.window);
      panes.put(of.key, of.window, { ...pane, due });
    } else {
      panes.put(of.key, of.window, pane);
    }
  }

  #triggerOf(isPast: boolean): PaneTrigger | undefined {
    const { trigger } = this.#firing;
    if (trigger.kind === 'repeatedly') return trigger.trigger;
    return isPast ? trigger.late : trigger.early;
  }

  #fire(of: Open, pane: OpenPane, how: Omit<Pane, 'index'>): void {
    const { windows, panes, dues } = this.#table;
    const { keys, node, next } = this.#parts;
    const { window } = of;
    const key = keys.ofState(of.key);
    this.#context.step = this.step;
    this.#context.key = key;
    const result = this.#aggregate.result(windows.get(of.key, window));
    const value = node.result(result, window, { index: pane.index, ...how });
    if (pane.due !== null) dues.delete(pane.due, of.key, window);
    panes.put(of.key, window, { ...pane, index: pane.index + 1, since: 0, due: null });
    if (this.#firing.mode === 'discarding') windows.delete(of.key, window);
    next.receive(value, how.timing === 'early' ? pane.latest : window.end - 1, key);
  }

  /** When the window fires by event time, and when it goes. */
  #schedule(window: WindowBounds, key: StateKey): void {
    if (this.#isEndless) return;
    const { ends } = this.#table;
    if (!this.#isPast(window)) ends.put(window.end - 1, key, window);
    ends.put(window.end - 1 + this.#firing.latenessMs, key, window);
  }

  #remove({ key, window }: Open, pane: OpenPane): void {
    const { windows, panes, ends, dues } = this.#table;
    windows.delete(key, window);
    panes.delete(key, window);
    ends.delete(window.end - 1, key, window);
    ends.delete(window.end - 1 + this.#firing.latenessMs, key, window);
    if (pane.due !== null) dues.delete(pane.due, key, window);
  }

  /** The session that a record's window becomes; what it takes in is one pane under it. */
  #merge(window: WindowBounds, key: StateKey): WindowBounds {
    const { windows, panes, dues } = this.#table;
    const met = [...panes.entries(key)].filter(([other]) => overlaps(other, window));
    const whole = unionOf(met, window);
    const [first] = met;
    if (first === undefined || (met.length === 1 && isSame(first[0], whole))) return whole;
    const all: unknown[] = met.map(([other]) => windows.get(key, other));
    const held: unknown[] = all.filter((accumulator) => accumulator !== undefined);
    for (const [other, pane] of met) this.#remove({ key, window: other }, pane);
    const pane = met.map(([, of]) => of).reduce(mergePanes);
    if (held.length > 0) windows.put(key, whole, held.reduce(this.#mergeTwo));
    panes.put(key, whole, pane);
    if (pane.due !== null) dues.put(pane.due, key, whole);
    this.#schedule(whole, key);
    return whole;
  }

  #paneOf({ key, window }: Open): OpenPane {
    const pane = this.#table.panes.get(key, window);
    assert(pane !== undefined, 'a window that is waited for is open');
    return pane;
  }

  #holdsAny({ key, window }: Open): boolean {
    return this.#table.windows.get(key, window) !== undefined;
  }

  /** Whether the watermark has passed the window's end. */
  #isPast({ end }: WindowBounds): boolean {
    return end - 1 <= this.watermark;
  }

  readonly #mergeTwo = (left: unknown, right: unknown): unknown =>
    this.#aggregate.merge(left, right);
}

type Open = Pick<WindowEnd, 'key' | 'window'>;

const newPane = { index: 0, since: 0, due: null };

function mergePanes(a: OpenPane, b: OpenPane): OpenPane {
  const dues = [a.due, b.due].filter((due) => due !== null);
  return {
    index: Math.max(a.index, b.index),
    since: a.since + b.since,
    latest: Math.max(a.latest, b.latest),
    due: dues.length === 0 ? null : Math.min(...dues),
  };
}

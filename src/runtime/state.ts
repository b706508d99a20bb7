/** State of the current key, as the functions of a process step see it. */
import type { Duration } from './duration.ts';

export type State =
  | ValueState<unknown>
  | ListState<unknown>
  | MapState<unknown, unknown>
  | ReducingState<unknown>
  | AggregatingState<unknown, unknown>;

/** How long entries live; see `ttl` of `value()`. */
export interface TimeToLive {
  readonly afterMs: number;
  /** Whose time counts: that of the records, or that of the clock. */
  readonly time: 'event' | 'processing';
  /** What makes an entry live on: being written, or being read as well. */
  readonly refresh: 'write' | 'read and write';
}

/** For one entry of state with a time-to-live. */
export interface EntryOptions {
  /** How long this entry lives, in place of what the state says. */
  readonly ttl: Duration;
}

/** One value of the current key. */
export interface ValueState<Value> {
  /** Undefined where there is none. Not to be changed in place: `set` another one. */
  get(): Value | undefined;
  /** Fails with `ENCODE` for what its codec would not give back equal. */
  set(value: Value, options?: EntryOptions): void;
  /** Sets what `change` makes of the current value. */
  update(change: (current: Value | undefined) => Value): void;
  /** Forgets the value. */
  clear(): void;
}

/**
 * A list that grows at its end. Adding an element writes one element, however long the list is.
 */
export interface ListState<Value> {
  /** Fails with `ENCODE` for what its codec would not give back equal. */
  add(value: Value, options?: EntryOptions): void;
  /** The elements that are there now, in the order in which they were added. */
  values(): Iterable<Value>;
  /** Removes all elements. */
  clear(): void;
}

/** A map whose elements are read and written one at a time, however many there are. */
export interface MapState<Item, Value> {
  /** Undefined where there is none. Not to be changed in place: `set` another one. */
  get(item: Item): Value | undefined;
  has(item: Item): boolean;
  /** Fails with `ENCODE` for what its codecs would not give back equal. */
  set(item: Item, value: Value, options?: EntryOptions): void;
  /** Sets what `change` makes of the current value. */
  update(item: Item, change: (current: Value | undefined) => Value): void;
  delete(item: Item): void;
  /**
   * The elements that are there now, in the order of the encoded items; with `after` only those
   * behind that item, which need not be there.
   */
  entries(options?: { readonly after?: Item }): Iterable<[Item, Value]>;
  keys(): Iterable<Item>;
  values(): Iterable<Value>;
  /** Removes all elements. */
  clear(): void;
}

/** One value, combined of all that were added. */
export interface ReducingState<Value> {
  add(value: Value): void;
  /** Undefined where nothing was added. */
  get(): Value | undefined;
  clear(): void;
}

/** An aggregate of all that was added. */
export interface AggregatingState<Value, Result> {
  /** The time of the current record or timer goes with it. */
  add(value: Value): void;
  /** Undefined where nothing was added. */
  get(): Result | undefined;
  clear(): void;
}

/**
 * Keyed state as operators see it. Every kind of state is one of two tables:
 *
 *   keyed   key         -> value      value state, running aggregates
 *   timed   time, key   -> value      windows (time: their last ms) and timers (no value)
 *
 * Timed state is kept time-major: what is due is a prefix, so firing walks forward and drops what
 * it walked over, in the order (time, key group, key), which is the same whether entries come from
 * memory or from tables.
 *
 * A store holds the working set in memory and remembers what changed; the task takes the changes at
 * each checkpoint and appends them to its changelog. Objects handed out must not be changed in
 * place.
 */
import type { Codec } from '../formats/index.ts';

/**
 * A key in the form that stores use: one character for its key group (0 to 127), then one character
 * for each byte of the encoded key. So two keys are equal when their bytes are, and string order is
 * the order of the tables.
 */
export type StateKey = string;

/**
 * What is recorded about a store; a job whose declarations do not fit what is on disk is refused.
 */
export interface StoreDeclaration<Value> {
  /** Unique within the task: the step's identity, a slash, the name within the step. */
  readonly name: string;
  readonly kind: 'keyed' | 'timed';
  readonly value: Codec<Value>;
  /** The codec of the keys: its name is part of the shape. */
  readonly keyCodec: { readonly name: string; readonly text: boolean };
  /**
   * Anything else that must not change under the state: the window's size, the aggregate's fields.
   */
  readonly shape?: string;
}

export interface KeyedStore<Value> {
  get(key: StateKey): Value | undefined;
  /** Fails with `ENCODE`, naming the store, for a value that would not come back equal. */
  put(key: StateKey, value: Value): void;
  delete(key: StateKey): void;
  readonly size: number;
}

export interface TimedEntry<Value> {
  readonly time: number;
  readonly key: StateKey;
  readonly value: Value;
}

export interface TimedStore<Value> {
  get(time: number, key: StateKey): Value | undefined;
  put(time: number, key: StateKey, value: Value): void;
  delete(time: number, key: StateKey): void;
  /**
   * The smallest time that has an entry; Infinity where there is none. Cheap enough to ask for each
   * record.
   */
  firstTime(): number;
  /** The first entry in the order (time, key). Deleting it makes the next one the first. */
  first(): TimedEntry<Value> | undefined;
  /** The largest time that has an entry; -Infinity where there is none. */
  lastTime(): number;
  readonly size: number;
}

/** The stores of one task. Declaring a name twice fails. */
export interface StoreRegistry {
  keyed<Value>(declaration: Omit<StoreDeclaration<Value>, 'kind'>): KeyedStore<Value>;
  timed<Value>(declaration: Omit<StoreDeclaration<Value>, 'kind'>): TimedStore<Value>;
}

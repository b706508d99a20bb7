/**
 * Keyed state as operators see it. There are four kinds of store:
 *
 *   value   key          -> value       value state, running aggregates
 *   timed   time, key    -> value       windows (time: their last ms) and timers (no value)
 *   list    key, place   -> element     in the order in which they were added
 *   map     key, item    -> element     in the order of the item's bytes
 *
 * Timed state is kept time-major: what is due is a prefix, so firing walks forward and drops what
 * it walked over, in the order (time, key group, key).
 *
 * A store holds in memory what is used, and remembers what changed; the task takes the changes at
 * each checkpoint and appends them to its changelog. The rest lies in the tables of the state file,
 * and is read when it is asked for. No result depends on which is where. Objects handed out must
 * not be changed in place.
 */
import type { Codec, Version } from '../formats/index.ts';
import type { UndoJournal } from './undo-journal.ts';

/**
 * A key in the form that stores use: one character for its key group (0 to 127), then one character
 * for each byte of the encoded key. So two keys are equal when their bytes are, and string order is
 * the order of the tables.
 */
export type StateKey = string;

/** What a store needs to know of a codec of keys. */
export interface KeyFormat {
  readonly name: string;
  readonly text: boolean;
  /** See `Codec.versions`. */
  readonly versions?: readonly Version[];
  /** The key is the place of an entry of a list or map: made of a key and an item. */
  readonly place?: { readonly key: KeyFormat; readonly item: KeyFormat };
}

/**
 * What is recorded about a store; a job whose declarations do not fit what is on disk is refused.
 */
export interface StoreDeclaration<Value> {
  /** Unique within the task: the step's identity, a slash, the name within the step. */
  readonly name: string;
  readonly value: Codec<Value>;
  /** The codec of the keys: its name is part of the shape. */
  readonly keyCodec: KeyFormat;
  /**
   * Anything else that must not change under the state: the window's size, the aggregate's fields.
   */
  readonly shape?: string;
  /** Values are plain JSON, and who gets one may change it before it puts it. Default false. */
  readonly changedInPlace?: boolean;
}

export interface MapDeclaration<Item, Value> extends StoreDeclaration<Value> {
  readonly item: Codec<Item>;
}

export interface ValueStore<Value> {
  get(key: StateKey): Value | undefined;
  /** Fails with `ENCODE`, naming the store, for a value that would not come back equal. */
  put(key: StateKey, value: Value): void;
  delete(key: StateKey): void;
  /**
   * Every key that is there all the time, in no order, some more than once. May be asked for the
   * next one at any later time.
   */
  keys(): Iterator<StateKey>;
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
}

export interface ListStore<Value> {
  /** Adds an element at the end: one record, however long the list is. Returns its place. */
  add(key: StateKey, value: Value): number;
  get(key: StateKey, place: number): Value | undefined;
  delete(key: StateKey, place: number): void;
  /** The elements that are there now, with their places, in the order of these. */
  entries(key: StateKey): Iterable<[number, Value]>;
  /** The elements that are there now, in the order in which they were added. */
  values(key: StateKey): Iterable<Value>;
  /** Removes all elements: one record, however long the list is. */
  clear(key: StateKey): void;
  /** As `keys` of a value store. */
  places(): Iterator<[StateKey, number]>;
}

/** Where an element is: as `each` gave it, until the store is changed or the record is done. */
export type ElementPlace = number;

export interface MapStore<Item, Value> {
  /** Reads one element, however many there are. */
  get(key: StateKey, item: Item): Value | undefined;
  put(key: StateKey, item: Item, value: Value): void;
  delete(key: StateKey, item: Item): void;
  /**
   * The elements that are there now, in the order of the item's bytes: all of them, or those behind
   * `after`, which need not be there.
   */
  entries(key: StateKey, after?: Item): Iterable<[Item, Value]>;
  /**
   * Hands on the elements that are there now, in no order, with their places. Nothing must be
   * changed meanwhile.
   */
  each(key: StateKey, visit: (value: Value, place: ElementPlace) => void): void;
  /** `put` without looking for the element. */
  putAt(place: ElementPlace, value: Value): void;
  /** Removes all elements: one record, however many there are. */
  clear(key: StateKey): void;
  /** As `keys` of a value store. */
  places(): Iterator<[StateKey, Item]>;
}

/**
 * The stores of one task. Declaring a name twice fails. A store holds what was committed once all
 * of them are declared.
 */
export interface StoreRegistry {
  value<Value>(declaration: StoreDeclaration<Value>): ValueStore<Value>;
  timed<Value>(declaration: StoreDeclaration<Value>): TimedStore<Value>;
  list<Value>(declaration: StoreDeclaration<Value>): ListStore<Value>;
  map<Item, Value>(declaration: MapDeclaration<Item, Value>): MapStore<Item, Value>;
  /** Drops a store that is on disk and not wanted any more; does nothing where there is none. */
  drop(name: string): void;
  /** What a record that fails takes back; for what operators keep in memory beside their stores. */
  readonly journal: UndoJournal;
  /** Calls `run` once the stores hold what was committed, before anything else uses them. */
  onRecovered(run: () => void): void;
}

/** Stores whose entries have a time-to-live: what has ended is not there. */
import type { ListStore, MapStore, StateKey, ValueStore } from '../../state/index.ts';
import type { Expiry } from './expiry.ts';

/** A value store; `ownMs` is the time-to-live of one entry, where it has one. */
export interface Values extends Pick<ValueStore<unknown>, 'get' | 'delete'> {
  put(key: StateKey, value: unknown, ownMs?: number): void;
}

export interface Lists extends Pick<ListStore<unknown>, 'values' | 'clear'> {
  add(key: StateKey, value: unknown, ownMs?: number): void;
}

export interface Maps
  extends Pick<MapStore<unknown, unknown>, 'get' | 'delete' | 'entries' | 'clear'> {
  put(key: StateKey, item: unknown, value: unknown, ownMs?: number): void;
}

export function ageingValues(store: ValueStore<unknown>, expiry: Expiry): Values {
  return {
    get(key) {
      const value = store.get(key);
      return value !== undefined && expiry.sees(key, undefined) ? value : undefined;
    },
    put(key, value, ownMs) {
      store.put(key, value);
      expiry.wrote(key, undefined, ownMs);
    },
    delete(key) {
      store.delete(key);
      expiry.removed(key, undefined);
    },
  };
}

export function ageingLists(store: ListStore<unknown>, expiry: Expiry): Lists {
  return {
    add: (key, value, ownMs) => expiry.wrote(key, store.add(key, value), ownMs),
    *values(key) {
      for (const [place, value] of store.entries(key)) if (expiry.sees(key, place)) yield value;
    },
    clear(key) {
      store.clear(key);
      expiry.cleared(key);
    },
  };
}

export function ageingMaps(store: MapStore<unknown, unknown>, expiry: Expiry): Maps {
  return {
    get(key, item) {
      const value = store.get(key, item);
      return value !== undefined && expiry.sees(key, item) ? value : undefined;
    },
    put(key, item, value, ownMs) {
      store.put(key, item, value);
      expiry.wrote(key, item, ownMs);
    },
    delete(key, item) {
      store.delete(key, item);
      expiry.removed(key, item);
    },
    *entries(key, after) {
      for (const entry of store.entries(key, after)) if (expiry.sees(key, entry[0])) yield entry;
    },
    clear(key) {
      store.clear(key);
      expiry.cleared(key);
    },
  };
}

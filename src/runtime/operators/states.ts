/** Makes the state of a process step out of stores: one object for each, for the current key. */
import { unreachable } from '../../platform/index.ts';
import type { KeyFormat, StateKey, StoreRegistry, ValueStore } from '../../state/index.ts';
import type { AggregatingSpec, ReducingSpec, StateSpec } from '../graph.ts';
import type {
  AggregatingState,
  ListState,
  MapState,
  ReducingState,
  State,
  ValueState,
} from '../state.ts';

/** What the operator handles at the moment. */
export interface Current {
  readonly key: StateKey;
  readonly timestamp: number;
}

/** `now` tells the current key at each call. */
export type OpenState = (now: () => Current) => State;

/** Declares the store of one piece of state. */
export function declareState(
  stores: StoreRegistry,
  name: string,
  keyCodec: KeyFormat,
  spec: StateSpec,
): OpenState {
  switch (spec.kind) {
    case 'value': {
      const store = stores.value({ name, keyCodec, value: spec.codec, shape: spec.shape ?? '' });
      return (now) => valueState(store, now);
    }
    case 'list': {
      const store = stores.list({ name, keyCodec, value: spec.codec });
      return (now): ListState<unknown> => ({
        add: (value) => store.add(now().key, value),
        values: () => store.values(now().key),
        clear: () => store.clear(now().key),
      });
    }
    case 'map':
      return declareMap(stores, name, keyCodec, spec);
    case 'reducing': {
      const store = stores.value({ name, keyCodec, value: spec.codec });
      return (now) => reducingState(store, spec, now);
    }
    case 'aggregating': {
      const { name: shape, codec } = spec.aggregate;
      const store = stores.value({ name, keyCodec, value: codec, shape });
      return (now) => aggregatingState(store, spec, now);
    }
    default:
      return unreachable(spec);
  }
}

function valueState(store: ValueStore<unknown>, now: () => Current): ValueState<unknown> {
  const set = (value: unknown) => {
    if (value === undefined) store.delete(now().key);
    else store.put(now().key, value);
  };
  return {
    get: () => store.get(now().key),
    set,
    update: (change) => set(change(store.get(now().key))),
    clear: () => store.delete(now().key),
  };
}

function declareMap(
  stores: StoreRegistry,
  name: string,
  keyCodec: KeyFormat,
  { item, codec }: Extract<StateSpec, { readonly kind: 'map' }>,
): OpenState {
  const store = stores.map({ name, keyCodec, item, value: codec });
  return (now): MapState<unknown, unknown> => {
    const set = (of: unknown, value: unknown) => {
      if (value === undefined) store.delete(now().key, of);
      else store.put(now().key, of, value);
    };
    return {
      get: (of) => store.get(now().key, of),
      has: (of) => store.get(now().key, of) !== undefined,
      set,
      update: (of, change) => set(of, change(store.get(now().key, of))),
      delete: (of) => store.delete(now().key, of),
      entries: () => store.entries(now().key),
      keys: () => pick(store.entries(now().key), 0),
      values: () => pick(store.entries(now().key), 1),
      clear: () => store.clear(now().key),
    };
  };
}

function* pick(entries: Iterable<[unknown, unknown]>, at: 0 | 1): Iterable<unknown> {
  for (const entry of entries) yield entry[at];
}

function reducingState(
  store: ValueStore<unknown>,
  { combine }: ReducingSpec<unknown>,
  now: () => Current,
): ReducingState<unknown> {
  return {
    add(value) {
      const { key } = now();
      const before = store.get(key);
      store.put(key, before === undefined ? value : combine(before, value));
    },
    get: () => store.get(now().key),
    clear: () => store.delete(now().key),
  };
}

function aggregatingState(
  store: ValueStore<unknown>,
  { aggregate }: AggregatingSpec<unknown, unknown>,
  now: () => Current,
): AggregatingState<unknown, unknown> {
  return {
    add(value) {
      const { key, timestamp } = now();
      store.put(key, aggregate.add(store.get(key) ?? aggregate.create(), value, timestamp));
    },
    get() {
      const accumulator = store.get(now().key);
      return accumulator === undefined ? undefined : aggregate.result(accumulator);
    },
    clear: () => store.delete(now().key),
  };
}

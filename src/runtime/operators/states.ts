/** Makes the state of a process step out of stores: one object for each, for the current key. */
import { MillraceError, unreachable } from '../../platform/index.ts';
import type { KeyFormat, StateKey, StoreRegistry } from '../../state/index.ts';
import { ttlMs } from '../duration.ts';
import type { AggregatingSpec, MapSpec, ReducingSpec, StateSpec, ValueSpec } from '../graph.ts';
import type {
  AggregatingState,
  EntryOptions,
  ListState,
  MapState,
  ReducingState,
  State,
  ValueState,
} from '../state.ts';
import { ageingLists, ageingMaps, ageingValues, type Maps, type Values } from './ageing.ts';
import { type Cells, listCells, mapCells, valueCells } from './cells.ts';
import { dropExpiry, Expiry } from './expiry.ts';
import type { Moment } from './moment.ts';

/** A piece of state, for the key of the moment. */
export interface DeclaredState {
  readonly state: State;
  /** Whether a key has an entry, be it one whose life is over. It lives no longer for that. */
  has(key: StateKey): boolean;
  /** Undefined where entries live until they are removed. */
  readonly expiry: Expiry | undefined;
}

/** What a step's state is declared with. */
export interface StateContext {
  readonly stores: StoreRegistry;
  /** The step's identity. */
  readonly step: string;
  readonly keyCodec: KeyFormat;
  readonly moment: Moment;
}

/** Declares the stores of one piece of state. */
export function declareState(context: StateContext, name: string, spec: StateSpec): DeclaredState {
  return new StateDeclaration(context, `${context.step}/${name}`, spec).declare();
}

class StateDeclaration {
  readonly #context: StateContext;
  readonly #name: string;
  readonly #spec: StateSpec;

  constructor(context: StateContext, name: string, spec: StateSpec) {
    this.#context = context;
    this.#name = name;
    this.#spec = spec;
  }

  declare(): DeclaredState {
    const spec = this.#spec;
    switch (spec.kind) {
      case 'value': {
        const { values, ...declared } = this.#values(spec);
        return { ...declared, state: this.#valueState(values) };
      }
      case 'list':
        return this.#list(spec.codec);
      case 'map':
        return this.#map(spec);
      case 'reducing': {
        const { values, ...declared } = this.#values({ codec: spec.codec });
        return { ...declared, state: this.#reducingState(values, spec) };
      }
      case 'aggregating': {
        const { aggregate } = spec;
        const { codec, name: shape } = aggregate;
        const kept = { codec, shape, changedInPlace: true };
        const { values, ...declared } = this.#values(kept, aggregate.result);
        return { ...declared, state: this.#aggregatingState(values, spec) };
      }
      default:
        return unreachable(spec);
    }
  }

  #values(
    { codec, shape = '', changedInPlace = false }: Omit<ValueSpec<unknown>, 'kind' | 'ttl'>,
    resultOf?: (value: unknown) => unknown,
  ): Omit<DeclaredState, 'state'> & { readonly values: Values } {
    const { stores, keyCodec } = this.#context;
    const name = this.#name;
    const store = stores.value({ name, keyCodec, value: codec, shape, changedInPlace });
    const expiry = this.#expiry(valueCells(store, keyCodec, resultOf));
    const values = expiry === undefined ? store : ageingValues(store, expiry);
    return { values, has: (key) => store.get(key) !== undefined, expiry };
  }

  #valueState(store: Values): ValueState<unknown> {
    const { moment } = this.#context;
    const set = (value: unknown, options?: EntryOptions) => {
      if (value === undefined) store.delete(moment.key);
      else store.put(moment.key, value, this.#ownMs(options));
    };
    return {
      get: () => store.get(moment.key),
      set,
      update: (change) => set(change(store.get(moment.key))),
      clear: () => store.delete(moment.key),
    };
  }

  #list(codec: Extract<StateSpec, { readonly kind: 'list' }>['codec']): DeclaredState {
    const { stores, keyCodec, moment } = this.#context;
    const store = stores.list({ name: this.#name, keyCodec, value: codec });
    const expiry = this.#expiry(listCells(store, keyCodec));
    const lists = expiry === undefined ? store : ageingLists(store, expiry);
    const state: ListState<unknown> = {
      add: (value, options) => {
        lists.add(moment.key, value, this.#ownMs(options));
      },
      values: () => lists.values(moment.key),
      clear: () => lists.clear(moment.key),
    };
    return { state, has: (key) => isAny(store.values(key)), expiry };
  }

  #map({ item, codec }: MapSpec<unknown, unknown>): DeclaredState {
    const { stores, keyCodec } = this.#context;
    const store = stores.map({ name: this.#name, keyCodec, item, value: codec });
    const expiry = this.#expiry(mapCells(store, keyCodec, item));
    return {
      state: this.#mapState(expiry === undefined ? store : ageingMaps(store, expiry)),
      has: (key) => isAny(store.entries(key)),
      expiry,
    };
  }

  #mapState(store: Maps): MapState<unknown, unknown> {
    const { moment } = this.#context;
    const set = (of: unknown, value: unknown, options?: EntryOptions) => {
      if (value === undefined) store.delete(moment.key, of);
      else store.put(moment.key, of, value, this.#ownMs(options));
    };
    return {
      get: (of) => store.get(moment.key, of),
      has: (of) => store.get(moment.key, of) !== undefined,
      set,
      update: (of, change) => set(of, change(store.get(moment.key, of))),
      delete: (of) => store.delete(moment.key, of),
      entries: ({ after } = {}) => store.entries(moment.key, after),
      keys: () => pick(store.entries(moment.key), 0),
      values: () => pick(store.entries(moment.key), 1),
      clear: () => store.clear(moment.key),
    };
  }

  #reducingState(store: Values, { combine }: ReducingSpec<unknown>): ReducingState<unknown> {
    const { moment } = this.#context;
    return {
      add(value) {
        const { key } = moment;
        const before = store.get(key);
        store.put(key, before === undefined ? value : combine(before, value));
      },
      get: () => store.get(moment.key),
      clear: () => store.delete(moment.key),
    };
  }

  #aggregatingState(
    store: Values,
    { aggregate }: AggregatingSpec<unknown, unknown>,
  ): AggregatingState<unknown, unknown> {
    const { moment } = this.#context;
    return {
      add(value) {
        const { key, timestamp } = moment;
        const before = store.get(key);
        const accumulator = before === undefined ? aggregate.create() : before; // null is one
        store.put(key, aggregate.add(accumulator, value, timestamp));
      },
      get() {
        const accumulator = store.get(moment.key);
        return accumulator === undefined ? undefined : aggregate.result(accumulator);
      },
      clear: () => store.delete(moment.key),
    };
  }

  #expiry(cells: Cells): Expiry | undefined {
    const { stores, moment } = this.#context;
    const { ttl } = this.#spec;
    if (ttl?.time !== 'event') dropExpiry(stores, this.#name, 'event');
    if (ttl?.time !== 'processing') dropExpiry(stores, this.#name, 'processing');
    return ttl === undefined ? undefined : new Expiry(stores, this.#name, cells, ttl, moment);
  }

  #ownMs(options: EntryOptions | undefined): number | undefined {
    if (options === undefined) return undefined;
    if (this.#spec.ttl === undefined) {
      throw new MillraceError(
        'INVALID',
        `State "${this.#name}" has no time-to-live, so none of its entries can have one. ` +
          'Declare it with { ttl }.',
      );
    }
    return ttlMs(options.ttl, `The ttl of an entry of state "${this.#name}"`);
  }
}

function* pick(entries: Iterable<[unknown, unknown]>, at: 0 | 1): Iterable<unknown> {
  for (const entry of entries) yield entry[at];
}

function isAny(elements: Iterable<unknown>): boolean {
  for (const _ of elements) return true;
  return false;
}

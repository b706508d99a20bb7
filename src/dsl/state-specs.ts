/** Declares the state of a process step. */
import { type Codec, json, keyJson } from '../formats/index.ts';
import type {
  AggregatingSpec,
  ListSpec,
  MapSpec,
  ReducingSpec,
  ValueSpec,
} from '../runtime/index.ts';
import type { Aggregate } from './aggregates/aggregate.ts';
import { type Aggregates, composite, isAggregate, type ResultsOf } from './aggregates/composite.ts';

/**
 * One value for each key; plain JSON unless another codec is given.
 *
 * @example
 * stream.keyBy((e) => e.user).process({
 *   state: { seen: value<number>() },
 *   onRecord: (event, { state }) => {
 *     state.seen.update((n = 0) => n + 1);
 *     return [{ ...event, seen: state.seen.get() }];
 *   },
 * })
 */
export function value<Value>(codec: Codec<Value> = json<Value>()): ValueSpec<Value> {
  return { kind: 'value', codec };
}

/**
 * A list for each key. Each element is an entry of its own: adding one writes one, however many
 * there are.
 *
 * @example state: { visits: list<Visit>() }
 */
export function list<Value>(codec: Codec<Value> = json<Value>()): ListSpec<Value> {
  return { kind: 'list', codec };
}

/**
 * A map for each key. Each element is an entry of its own: looking one up reads one, however many
 * there are. Items are told apart by their bytes, canonical JSON unless another codec is given.
 *
 * @example state: { lastSeen: map<string, number>() }
 */
export function map<Item, Value>(
  codecs: { readonly key?: Codec<Item>; readonly value?: Codec<Value> } = {},
): MapSpec<Item, Value> {
  const { key = keyJson<Item>(), value: codec = json<Value>() } = codecs;
  return { kind: 'map', item: key, codec };
}

/**
 * One value for each key, combined of all that are added; the first one is taken as it is.
 *
 * @example state: { best: reducing<Bid>((a, b) => (b.price > a.price ? b : a)) }
 */
export function reducing<Value>(
  combine: (reduced: Value, value: Value) => Value,
  codec: Codec<Value> = json<Value>(),
): ReducingSpec<Value> {
  return { kind: 'reducing', combine, codec };
}

/**
 * An aggregate for each key, or several by name.
 *
 * @example state: { stats: aggregating({ orders: count(), spent: sum((o: Order) => o.price) }) }
 */
export function aggregating<Value, Result>(
  aggregate: Aggregate<Value, Result>,
): AggregatingSpec<Value, Result>;
export function aggregating<Value, Fields extends Aggregates<Value>>(
  fields: Fields & Aggregates<Value>,
): AggregatingSpec<Value, ResultsOf<Fields>>;
export function aggregating(
  of: Aggregate<unknown, unknown> | Aggregates<unknown>,
): AggregatingSpec<unknown, unknown> {
  const fields: Readonly<Record<string, unknown>> = { ...of };
  const aggregate = isAggregate(of) ? of : composite(fields, 'aggregating()', []);
  return { kind: 'aggregating', aggregate };
}

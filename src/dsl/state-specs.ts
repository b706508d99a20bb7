/** Declares the state of a process step. */
import { type Codec, checkKeyCodec, json, keyJson, ofKeys } from '../formats/index.ts';
import { MillraceError } from '../platform/index.ts';
import {
  type AggregatingSpec,
  checkOptions,
  type Duration,
  type ListSpec,
  type MapSpec,
  type ReducingSpec,
  type TimeToLive,
  ttlMs,
  type ValueSpec,
} from '../runtime/index.ts';
import type { Aggregate } from './aggregates/aggregate.ts';
import { type Aggregates, composite, isAggregate, type ResultsOf } from './aggregates/composite.ts';

/** How long entries of state live, and by which time. */
export interface TtlOptions {
  readonly after: Duration;
  /**
   * `'event'`, the default: an entry ends when the watermark reaches the time of the record that
   * wrote it plus `after`, the same in every replay. `'processing'`: when the clock does.
   */
  readonly time?: 'event' | 'processing';
  /** What makes an entry live on. Default `'write'`. */
  readonly refresh?: 'write' | 'read and write';
}

/** What all kinds of state take. */
export interface AgeingOptions {
  /** Default: entries live until they are removed. Can be changed, given and taken away later. */
  readonly ttl?: Duration | TtlOptions;
}

export interface StateOptions<Value> extends AgeingOptions {
  /** Default: plain JSON. */
  readonly codec?: Codec<Value>;
}

export interface MapOptions<Item, Value> extends AgeingOptions {
  /** Of the keys in the map. They are told apart by their bytes. Default: canonical JSON. */
  readonly key?: Codec<Item>;
  /** Default: plain JSON. */
  readonly value?: Codec<Value>;
}

/**
 * One value for each key; plain JSON unless another codec is given.
 *
 * @example
 * stream.keyBy((e) => e.user).process({
 *   state: { seen: value<number>({ ttl: '30d' }) },
 *   onRecord: (event, { state }) => {
 *     state.seen.update((n = 0) => n + 1);
 *     return [{ ...event, seen: state.seen.get() }];
 *   },
 * })
 */
export function value<Value>(options: Codec<Value> | StateOptions<Value> = {}): ValueSpec<Value> {
  return { kind: 'value', ...stateOf(options, 'value()') };
}

/**
 * A list for each key. Each element is an entry of its own: adding one writes one, however many
 * there are, and each has its own time to live.
 *
 * @example state: { visits: list<Visit>({ ttl: '1h' }) }
 */
export function list<Value>(options: Codec<Value> | StateOptions<Value> = {}): ListSpec<Value> {
  return { kind: 'list', ...stateOf(options, 'list()') };
}

/**
 * A map for each key. Each element is an entry of its own: looking one up reads one, however many
 * there are, and each has its own time to live.
 *
 * @example state: { lastSeen: map<string, number>({ ttl: { after: '7d', time: 'processing' } }) }
 */
export function map<Item, Value>(options: MapOptions<Item, Value> = {}): MapSpec<Item, Value> {
  checkOptions('map()', options, ['key', 'value', 'ttl']);
  const { key = keyJson<Item>(), value: codec = json<Value>() } = options;
  return {
    kind: 'map',
    item: ofKeys(checkKeyCodec(key, 'map()')),
    codec,
    ...ttlOf(options, 'map()'),
  };
}

/**
 * One value for each key, combined of all that are added; the first one is taken as it is.
 *
 * @example state: { best: reducing<Bid>((a, b) => (b.price > a.price ? b : a)) }
 */
export function reducing<Value>(
  combine: (reduced: Value, value: Value) => Value,
  options: Codec<Value> | StateOptions<Value> = {},
): ReducingSpec<Value> {
  return { kind: 'reducing', combine, ...stateOf(options, 'reducing()') };
}

/**
 * An aggregate for each key, or several by name.
 *
 * @example state: { stats: aggregating({ orders: count(), spent: sum((o: Order) => o.price) }) }
 */
export function aggregating<Value, Result>(
  aggregate: Aggregate<Value, Result>,
  options?: AgeingOptions,
): AggregatingSpec<Value, Result>;
export function aggregating<Value, Fields extends Aggregates<Value>>(
  fields: Fields & Aggregates<Value>,
  options?: AgeingOptions,
): AggregatingSpec<Value, ResultsOf<Fields>>;
export function aggregating(
  of: Aggregate<unknown, unknown> | Aggregates<unknown>,
  options: AgeingOptions = {},
): AggregatingSpec<unknown, unknown> {
  checkOptions('aggregating()', options, ['ttl']);
  const fields: Readonly<Record<string, unknown>> = { ...of };
  const aggregate = isAggregate(of) ? of : composite(fields, 'aggregating()', []);
  return { kind: 'aggregating', aggregate, ...ttlOf(options, 'aggregating()') };
}

export interface Ageing {
  readonly ttl?: TimeToLive;
}

function stateOf<Value>(
  options: Codec<Value> | StateOptions<Value>,
  call: string,
): { readonly codec: Codec<Value> } & Ageing {
  if ('encode' in options) return { codec: options };
  checkOptions(call, options, ['codec', 'ttl']);
  return { codec: options.codec ?? json<Value>(), ...ttlOf(options, call) };
}

/** Fails with `INVALID`, naming `call`. */
export function ttlOf({ ttl }: AgeingOptions, call: string): Ageing {
  if (ttl === undefined) return {};
  const options: TtlOptions = typeof ttl === 'object' ? ttl : { after: ttl };
  checkOptions(`ttl of ${call}`, options, ['after', 'time', 'refresh']);
  const { after, time = 'event', refresh = 'write' } = options;
  checkOneOf(time, ['event', 'processing'], `time in the ttl of ${call}`);
  checkOneOf(refresh, ['write', 'read and write'], `refresh in the ttl of ${call}`);
  return { ttl: { afterMs: ttlMs(after, `The ttl of ${call}`), time, refresh } };
}

function checkOneOf(value: string, known: readonly string[], what: string): void {
  if (known.includes(value)) return;
  const names = known.map((name) => `'${name}'`).join(' or ');
  throw new MillraceError('INVALID', `${what} can't be ${JSON.stringify(value)}: say ${names}.`);
}

/**
 * A keyed stream, and records that all of its keys see: rules, rates, settings. It is a process
 * step with state beside that of its keys.
 */
import { checkOptions, MillraceError } from '../platform/index.ts';
import type {
  Edge,
  ProcessDefinition,
  StateSpec,
  Timer,
  BroadcastContext as UntypedContext,
} from '../runtime/index.ts';
import type { GraphBuilder } from './graph-builder.ts';
import type { Emitted, Expired, KeyContext, StateSpecs, StatesOf } from './process.ts';
import { checkStepName, nameOf } from './step-options.ts';
import type { KeyedStream } from './stream.ts';

/** What only reads of a state. */
type Readers = 'get' | 'has' | 'entries' | 'keys' | 'values';

/** Broadcast state as keys see it. */
export type ReadableStates<Shared> = {
  readonly [Name in keyof StatesOf<Shared>]: Pick<
    StatesOf<Shared>[Name],
    keyof StatesOf<Shared>[Name] & Readers
  >;
};

/** What the callbacks of a key see: its own state, and what all keys see. */
export interface SharedKeyContext<Key, Specs, Shared> extends KeyContext<Key, Specs> {
  readonly broadcast: ReadableStates<Shared>;
}

/** What a broadcast record sees; not valid afterwards. */
export interface BroadcastContext<Shared> {
  /** Event time of the record, in ms. */
  readonly timestamp: number;
  readonly watermark: number;
  /** The epoch's clock reading, ms since the epoch. */
  readonly now: number;
  readonly broadcast: StatesOf<Shared>;
  /**
   * Has `onKey` called for each key that has state, in the order of the keys, before another record
   * is read. Asking several times for one record is asking once.
   */
  visitKeys(): void;
}

export interface BroadcastFunctions<
  Value,
  Rule,
  Key,
  Specs extends StateSpecs,
  Shared extends StateSpecs,
  Out,
  KeyOut,
  TimerOut,
  EndOut,
> {
  /** Names the step, and its state on disk. */
  readonly name?: string;
  /** Of each key. */
  readonly state?: Specs;
  /** What all keys see. It has no time-to-live. */
  readonly broadcast: Shared;
  onRecord(value: Value, context: SharedKeyContext<Key, Specs, Shared>): Emitted<Out>;
  /** Changes what all keys see; must depend on nothing but the record and that. */
  onBroadcast(rule: Rule, context: BroadcastContext<Shared>): void;
  /** Called for each key that has state, where `onBroadcast` has asked for it. */
  onKey?(context: SharedKeyContext<Key, Specs, Shared>): Emitted<KeyOut>;
  onTimer?(timer: Timer, context: SharedKeyContext<Key, Specs, Shared>): Emitted<TimerOut>;
  /** Called for each entry of a key that has come to the end of its time-to-live. */
  onExpire?(
    expired: Expired<Specs>,
    context: SharedKeyContext<Key, Specs, Shared>,
  ): Emitted<EndOut>;
}

const names = [
  ...['name', 'state', 'broadcast', 'onRecord', 'onBroadcast', 'onKey', 'onTimer', 'onExpire'],
] as const;

/** Whatever they are typed by: the graph does not know types. */
export type AnyBroadcastFunctions = BroadcastFunctions<
  never,
  never,
  never,
  StateSpecs,
  StateSpecs,
  unknown,
  unknown,
  unknown,
  unknown
>;

export class BroadcastStreams<Value, Rule, Key> {
  readonly #add: <Out>(functions: AnyBroadcastFunctions) => KeyedStream<Out, Key>;

  constructor(add: <Out>(functions: AnyBroadcastFunctions) => KeyedStream<Out, Key>) {
    this.#add = add;
  }

  /**
   * State and timers for each key, and state that all keys see; what the functions return is
   * emitted. Broadcast records emit nothing themselves: `onKey` does, for each key.
   * @example
   * payments.keyBy((p) => p.account).connectBroadcast(limits).process({
   *   state: { spent: value<number>() },
   *   broadcast: { limit: value<number>() },
   *   onRecord(payment, { state }) {
   *     state.spent.update((before = 0) => before + payment.amount);
   *   },
   *   onBroadcast(limit, { broadcast, visitKeys }) {
   *     broadcast.limit.set(limit.amount);
   *     visitKeys();
   *   },
   *   *onKey({ key, state, broadcast }) {
   *     const spent = state.spent.get() ?? 0;
   *     if (spent > (broadcast.limit.get() ?? Infinity)) yield { account: key, spent };
   *   },
   * })
   */
  process<
    Shared extends StateSpecs,
    Specs extends StateSpecs = Record<never, never>,
    Out = never,
    KeyOut = never,
    TimerOut = never,
    EndOut = never,
  >(
    functions: BroadcastFunctions<Value, Rule, Key, Specs, Shared, Out, KeyOut, TimerOut, EndOut>,
  ): KeyedStream<Out | KeyOut | TimerOut | EndOut, Key> {
    return this.#add(functions as unknown as AnyBroadcastFunctions);
  }
}

/** Adds both steps; returns the output of the keyed one. Fails with `INVALID`. */
export function addBroadcast(
  graph: GraphBuilder,
  keyed: Edge,
  rules: Edge,
  functions: AnyBroadcastFunctions,
): Edge {
  checkOptions('process()', functions, names);
  const { state = {}, broadcast, onRecord, onBroadcast, onKey, onTimer, onExpire } = functions;
  const { name } = nameOf(functions);
  checkStepName(graph.job, name);
  checkFunctions({ onRecord, onBroadcast });
  checkBroadcastState(broadcast);
  const changes = graph.add({
    kind: 'broadcast',
    input: rules,
    name,
    state: broadcast,
    onBroadcast: onBroadcast as (value: unknown, context: UntypedContext) => void, // untyped
  });
  const definition = { state, onRecord, onTimer, onExpire, onKey } as unknown as ProcessDefinition;
  const label = 'connectBroadcast';
  return graph.add({ kind: 'process', input: keyed, name, label, definition, broadcast: changes });
}

function checkFunctions(functions: object): void {
  for (const [name, given] of Object.entries(functions)) {
    if (typeof given === 'function') continue;
    throw new MillraceError('INVALID', `process() of connectBroadcast() needs ${name}().`);
  }
}

function checkBroadcastState(broadcast: StateSpecs | undefined): void {
  const specs: Readonly<Record<string, StateSpec>> = broadcast ?? {};
  if (Object.keys(specs).length === 0) {
    throw new MillraceError(
      'INVALID',
      'process() of connectBroadcast() needs broadcast: the state that all keys see, such as ' +
        '{ rules: map<string, Rule>() }.',
    );
  }
  for (const [name, { ttl }] of Object.entries(specs)) {
    if (ttl === undefined) continue;
    throw new MillraceError(
      'INVALID',
      `Broadcast state "${name}" can't have a time-to-live: remove entries in onBroadcast().`,
    );
  }
}

/**
 * The operator graph: plain readonly data between what users write (src/dsl) and what runs (the
 * compiler and tasks).
 *
 * Nodes stand in topological order, and a node's id is its index. Functions of the user are the
 * only values in it that are not data. `describe(graph)` prints it in a stable text form.
 */
import type { Codec, Decoder } from '../formats/index.ts';
import type { Exchange } from './stages/exchange.ts';
import type { State, TimeToLive } from './state.ts';
import type { Pane, WindowAssigner, WindowBounds, WindowFiring } from './windows.ts';

/** A topic as a job names it. */
export interface TopicSpec<Key = unknown, Value = unknown> {
  readonly name: string;
  readonly key: Codec<Key>;
  readonly value: Codec<Value>;
  /** For topics that the job makes: how many partitions. Default: as many as its first source. */
  readonly partitions: number | undefined;
}

/** A topic as a job reads it: perhaps only some fields of its values. */
export interface SourceSpec<Key = unknown, Value = unknown> {
  readonly name: string;
  readonly key: Codec<Key>;
  readonly value: Decoder<Value>;
}

/** Where a job begins to read a topic for which it has committed no position yet. */
export type StartPosition = 'earliest' | 'latest' | { readonly timestamp: number };

/**
 * An output of another node. Windows have a second one, for late records; a split has one for each
 * branch and none else.
 */
export interface Edge {
  readonly node: number;
  readonly port: Port;
}

export type Port = 'out' | 'late' | `branch ${string}`;

interface NodeBase {
  readonly id: number;
  readonly input: Edge;
  /** Given by the user, for errors and identity; undefined where there is none. */
  readonly name: string | undefined;
}

/** What happens where a record of a source fails. */
export interface ErrorPolicy {
  /** Before anything else, it is tried again; undefined: it is not. */
  readonly retry: { readonly times: number; readonly backOffMs: number } | undefined;
  /** Its topic takes what fails. */
  readonly otherwise: 'fail' | 'skip' | { readonly deadLetters: string };
}

/** The topic that takes the records of a source that fail; undefined where there is none. */
export function deadLettersOf({ onError }: Pick<SourceNode, 'onError'>): string | undefined {
  return typeof onError?.otherwise === 'object' ? onError.otherwise.deadLetters : undefined;
}

/** What happens where a record fails that came of one of `topic`. */
export function policyOf(
  { onError, exchange, topic: own }: SourceNode,
  topic: string,
): ErrorPolicy | undefined {
  if (exchange === undefined) return own.name === topic ? onError : undefined;
  return exchange.origins.find((of) => of.topic === topic)?.onError;
}

export interface SourceNode {
  readonly kind: 'source';
  readonly id: number;
  readonly name: string | undefined;
  readonly topic: SourceSpec;
  /** Event time of a value in ms; undefined: the record's own timestamp. */
  readonly eventTime: ((value: unknown) => number) | undefined;
  readonly outOfOrdernessMs: number;
  /** A caught-up partition that stays silent this long no longer holds the watermark back. */
  readonly idleAfterMs: number;
  /** When all are silent this long, the watermark goes on with the clock. Infinity turns it off. */
  readonly quietAfterMs: number;
  readonly start: StartPosition;
  /** Undefined: the job fails. */
  readonly onError?: ErrorPolicy | undefined;
  /** In the graph of a stage: it reads what another stage sends. */
  readonly exchange?: Exchange;
}

/** In the graph of a stage: sends records to another stage. */
export interface SendNode extends NodeBase {
  readonly kind: 'send';
  readonly exchange: Exchange;
}

export interface MapNode extends NodeBase {
  readonly kind: 'map';
  readonly map: (value: unknown) => unknown;
}

export interface FilterNode extends NodeBase {
  readonly kind: 'filter';
  readonly keep: (value: unknown) => boolean;
}

export interface FlatMapNode extends NodeBase {
  readonly kind: 'flatMap';
  /** The key is given only where `withKey` is true: functions of users take the value alone. */
  readonly expand: (value: unknown, key?: unknown) => Iterable<unknown>;
  readonly withKey?: boolean;
}

/** The records of several streams, each as it comes. */
export interface UnionNode {
  readonly kind: 'union';
  readonly id: number;
  readonly name: string | undefined;
  /** Two or more. */
  readonly inputs: readonly Edge[];
}

/** Each record goes to the first branch that takes it. */
export interface SplitNode extends NodeBase {
  readonly kind: 'split';
  readonly branches: readonly Branch[];
}

export interface Branch {
  readonly name: string;
  readonly takes: (value: unknown) => boolean;
}

export interface KeyByNode extends NodeBase {
  readonly kind: 'keyBy';
  /** Undefined: the key of the record, as its topic has it; a record without one fails. */
  readonly key: ((value: unknown) => unknown) | undefined;
  readonly codec: Codec<unknown>;
  /** How many tasks the steps behind it have; undefined: as the job says. */
  readonly parallelism?: number | undefined;
}

/** The general keyed step; running aggregates and reduce are lowered to it. */
export interface ProcessNode extends NodeBase {
  readonly kind: 'process';
  /** What users called it: `process`, `aggregate`, `reduce`. Part of the derived identity. */
  readonly label: string;
  readonly definition: ProcessDefinition;
  /**
   * Whose state a record has, where that is not the key of the stream; what is emitted for a record
   * keeps its key. Nothing may be emitted otherwise.
   */
  readonly keyedBy?: Pick<KeyByNode, 'codec'> & { readonly of: (value: unknown) => unknown };
  /** The broadcast node whose state it sees; undefined where there is none. */
  readonly broadcast?: Edge;
}

/** State that all keys of a process step see, and the records that change it. Emits nothing. */
export interface BroadcastNode extends NodeBase {
  readonly kind: 'broadcast';
  readonly state: Readonly<Record<string, StateSpec>>;
  readonly onBroadcast: (value: unknown, context: BroadcastContext) => void;
}

/** Asks outside for each value. */
export interface MapAsyncNode extends NodeBase {
  readonly kind: 'mapAsync';
  readonly map: (value: unknown, context: { readonly signal: AbortSignal }) => unknown;
  /** So many calls at once, at most; and nothing is read while so many are open. */
  readonly capacity: number;
  readonly order: 'ordered' | 'unordered';
  /** Of a try; Infinity for none. */
  readonly timeoutMs: number;
  readonly retry: { readonly times: number; readonly backOffMs: number } | undefined;
  readonly memo: MemoSpec | undefined;
  /** How inputs and results are kept. */
  readonly inputCodec: Codec<unknown>;
  readonly resultCodec: Codec<unknown>;
}

/** What is remembered of answers. */
export interface MemoSpec extends Ageing {
  /** What is asked: equal keys, equal answers. */
  readonly key: (value: unknown) => unknown;
}

export interface WindowNode extends NodeBase {
  readonly kind: 'window';
  readonly assigner: WindowAssigner;
  readonly aggregate: Aggregation;
  /** Undefined: a window fires once, when the watermark passes its end. */
  readonly firing?: WindowFiring;
  /** Makes the emitted value out of the aggregate's result; a pane where there may be several. */
  readonly result: (result: unknown, window: WindowBounds, pane: Pane) => unknown;
}

export interface SinkNode extends NodeBase {
  readonly kind: 'sink';
  readonly topic: TopicSpec;
  /** Key of the written record; undefined: the stream's key. */
  readonly key: ((value: unknown) => unknown) | undefined;
  /** Whether null is written as a record without a value, which deletes the row of its key. */
  readonly writesTombstones?: boolean | undefined;
}

export type GraphNode =
  | SourceNode
  | MapNode
  | FilterNode
  | FlatMapNode
  | UnionNode
  | SplitNode
  | KeyByNode
  | MapAsyncNode
  | BroadcastNode
  | ProcessNode
  | WindowNode
  | SinkNode
  | SendNode;

export interface Graph {
  readonly job: string;
  readonly nodes: readonly GraphNode[];
  /** How many tasks each stage has, at least. Default 1. */
  readonly parallelism?: number | undefined;
}

/** What a node reads; of a source nothing. */
export function inputsOf(node: GraphNode): readonly Edge[] {
  if (node.kind === 'source') return [];
  if (node.kind === 'union') return node.inputs;
  const isShared = node.kind === 'process' && node.broadcast !== undefined;
  return isShared ? [node.input, node.broadcast] : [node.input];
}

/**
 * An incremental aggregate. Accumulators are plain JSON values that belong to the operator: `add`
 * may change the one it is given and return it, so that a record costs no allocation. What `result`
 * returns is a value of its own, which later calls never change.
 *
 * `merge(left, right)` is for windows that are made of slices or merge, and for two-phase
 * aggregation: the records of `left` come before those of `right`. It may change `left` and return
 * it; `right` goes on to be used, so it must not change it, nor return a part of it that `add` or
 * `merge` would change. One of the two may be what `create` made.
 */
export interface Aggregation<Value = unknown, Accumulator = unknown, Result = unknown> {
  /** Part of the state's shape: `count`, `mean`, `{flights: count, ...}`. */
  readonly name: string;
  /**
   * Whether records that are added, and accumulators that are merged, in any order and grouping,
   * give the same accumulator, byte for byte. So parts of a window can be aggregated apart, where
   * the records come from. Default false.
   */
  readonly isOrderFree?: boolean;
  create(): Accumulator;
  add(accumulator: Accumulator, value: Value, timestamp: number): Accumulator;
  merge(left: Accumulator, right: Accumulator): Accumulator;
  result(accumulator: Accumulator): Result;
  readonly codec: Codec<Accumulator>;
}

/** Declares one piece of keyed state of a process step. */
export type StateSpec =
  | ValueSpec<unknown>
  | ListSpec<unknown>
  | MapSpec<unknown, unknown>
  | ReducingSpec<unknown>
  | AggregatingSpec<unknown, unknown>;

/** What all kinds of state can have. */
interface Ageing {
  /** Undefined: entries live until they are removed. */
  readonly ttl?: TimeToLive | undefined;
}

export interface ValueSpec<Value> extends Ageing {
  readonly kind: 'value';
  readonly codec: Codec<Value>;
  /** What must not change under the state besides the codec: the fields of an aggregate. */
  readonly shape?: string;
  /** Values are plain JSON, and the step changes them in place before it sets them. */
  readonly changedInPlace?: boolean;
}

export interface ListSpec<Value> extends Ageing {
  readonly kind: 'list';
  readonly codec: Codec<Value>;
}

export interface MapSpec<Item, Value> extends Ageing {
  readonly kind: 'map';
  readonly item: Codec<Item>;
  readonly codec: Codec<Value>;
}

export interface ReducingSpec<Value> extends Ageing {
  readonly kind: 'reducing';
  readonly codec: Codec<Value>;
  combine(reduced: Value, value: Value): Value;
}

export interface AggregatingSpec<Value, Result> extends Ageing {
  readonly kind: 'aggregating';
  readonly aggregate: Aggregation<Value, unknown, Result>;
}

/** What a process step does; shared by all keys, so it must keep nothing itself. */
export interface ProcessDefinition {
  readonly state: Readonly<Record<string, StateSpec>>;
  /** Returns what it emits. */
  readonly onRecord: (value: unknown, context: ProcessContext) => Iterable<unknown> | undefined;
  /** Called when a timer is due; returns what it emits. */
  readonly onTimer:
    | ((timer: Timer, context: ProcessContext) => Iterable<unknown> | undefined)
    | undefined;
  /** Called when an entry of state has come to the end of its life; returns what it emits. */
  readonly onExpire?:
    | ((expired: ExpiredEntry, context: ProcessContext) => Iterable<unknown> | undefined)
    | undefined;
  /** Called for a key whose work `goOn` was called for; returns what it emits. */
  readonly onSlice?: ((context: ProcessContext) => Iterable<unknown> | undefined) | undefined;
  /** What is emitted are `TimedValue`s, with times of their own behind the watermark. */
  readonly isTimed?: boolean | undefined;
  /** Called for each key that has state, once a broadcast record has asked for it. */
  readonly onKey?: ((context: ProcessContext) => Iterable<unknown> | undefined) | undefined;
}

/** A value, and its event time in ms. */
export interface TimedValue<Value = unknown> {
  readonly value: Value;
  readonly timestamp: number;
}

/** An entry of state that is gone because its time-to-live is over. */
export interface ExpiredEntry {
  /** Name of the state. */
  readonly state: string;
  /** Of an element of a map: its key in the map. */
  readonly item?: unknown;
  readonly value: unknown;
}

/** A timer that is due. */
export interface Timer {
  readonly kind: 'event' | 'processing';
  /** What it was set for, ms since the epoch; the clock may have gone on. */
  readonly time: number;
}

/** Timers of the current key; setting one twice is setting it once. */
export interface TimerService {
  /** `time`: ms since the epoch, rounded up to whole ones. One in the past fires at once. */
  set(time: number): void;
  /** Does nothing where there is no such timer. */
  delete(time: number): void;
}

/** What a process step sees while it handles one record or timer; not valid afterwards. */
export interface ProcessContext<Key = unknown> {
  readonly key: Key;
  /** Event time of the record, or the time of the timer, in ms. */
  readonly timestamp: number;
  /** No record at or before this time is expected any more. */
  readonly watermark: number;
  /** The epoch's clock reading, ms since the epoch: the same in a replay of this run. */
  readonly now: number;
  readonly state: Readonly<Record<string, State>>;
  /** What all keys see, without the methods that change it. */
  readonly broadcast: Readonly<Record<string, Partial<State>>>;
  readonly timers: { readonly event: TimerService; readonly processing: TimerService };
  /** Counts a value as late, and emits it from the port `late`. */
  late(value: unknown): void;
  /**
   * Has `onSlice` called for the key, at the time of this record, before the next record: for work
   * that is too long for one turn. A commit may come between.
   */
  goOn(): void;
}

/** What a broadcast record sees; not valid afterwards. */
export interface BroadcastContext {
  readonly timestamp: number;
  readonly watermark: number;
  readonly now: number;
  readonly broadcast: Readonly<Record<string, State>>;
  /** Has `onKey` called for each key that has state, before another record is read. */
  visitKeys(): void;
}

/** Whether a step of the job waits for answers from outside. */
export function asksOutside({ nodes }: Graph): boolean {
  return nodes.some(({ kind }) => kind === 'mapAsync');
}

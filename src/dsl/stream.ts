/**
 * Streams: what users chain. Each method adds a step to the job's graph and returns a new stream;
 * nothing runs. The types carry what is legal: windows and state need keys, a topic takes only what
 * fits it.
 */
import type { Codec } from '../formats/index.ts';
import {
  checkOptions,
  type Edge,
  type GlobalWindows,
  type ProcessDefinition,
} from '../runtime/index.ts';
import { type Aggregates, composite, type ResultsOf } from './aggregates/composite.ts';
import type { BranchTests, SplitKeyedStreams, SplitStreams } from './branches.ts';
import { type AnyBroadcastFunctions, addBroadcast, BroadcastStreams } from './broadcast.ts';
import type { ConnectedStreams } from './connected-streams.ts';
import { CountWindowedStream } from './count-window.ts';
import type { DeduplicateOptions } from './deduplicate.ts';
import type { GraphBuilder } from './graph-builder.ts';
import { connected } from './joins/connected.ts';
import type { ConnectedTable } from './joins/stream-table.ts';
import type { MapAsyncArguments } from './map-async.ts';
import { GlobalStream } from './paned-stream.ts';
import {
  definitionOf,
  type ProcessFunctions,
  processDefinitionOf,
  type StateSpecs,
  type StepFunctions,
  type TimedStepFunctions,
} from './process.ts';
import { runningAggregate, runningReduce } from './running.ts';
import { ttlOf } from './state-specs.ts';
import {
  checkStepName,
  type KeyByOptions,
  nameOf,
  type RunningOptions,
  type SomeOf,
  type StepOptions,
} from './step-options.ts';
import { StreamSteps } from './stream-steps.ts';
import type { AnyRow } from './tables/change.ts';
import { latest, topN, toTable } from './tables/from-stream.ts';
import type { DeleteWhen, LatestOptions, ToTableOptions } from './tables/last-values.ts';
import type { Table } from './tables/table.ts';
import type { TopNOptions } from './tables/top-n.ts';
import { checkAssigner, type TimedWindows } from './window-assigners.ts';
import { WindowedStream } from './windowed-stream.ts';

/** A stream of values; `Key` is what `to` writes as the key of each record. */
export class Stream<Value, Key> extends StreamSteps<Value, Key> {
  /**
   * Turns each value into another one.
   * @example flights.map((f) => ({ origin: f.origin, late: f.delay > 15 }))
   */
  map<Out>(map: (value: Value) => Out, options: StepOptions = {}): Stream<Out, Key> {
    return new Stream(this.graph, this.addMap(map, options));
  }

  /**
   * Keeps the values for which `keep` returns true.
   * @example flights.filter((f) => f.delay > 0)
   */
  filter<Out extends Value>(
    keep: (value: Value) => value is Out,
    options?: StepOptions,
  ): Stream<Out, Key>;
  filter(keep: (value: Value) => boolean, options?: StepOptions): Stream<Value, Key>;
  filter(keep: (value: Value) => boolean, options: StepOptions = {}): Stream<Value, Key> {
    return new Stream(this.graph, this.addFilter(keep, options));
  }

  /**
   * Turns each value into any number of others.
   * @example lines.flatMap((line) => line.split(' '))
   */
  flatMap<Out>(
    expand: (value: Value) => Iterable<Out>,
    options: StepOptions = {},
  ): Stream<Out, Key> {
    return new Stream(this.graph, this.addFlatMap(expand, options));
  }

  /**
   * Asks outside for each value; what waits for its answer is state. See docs/async.md.
   * @example orders.mapAsync((o, { signal }) => cityOf(o.postcode, signal), { timeout: '5s' })
   */
  mapAsync<Out>(...given: MapAsyncArguments<Value, Out>): Stream<Out, Key> {
    return new Stream(this.graph, this.addMapAsync(...given));
  }

  /**
   * The records of this stream and of others; in the order of event time, where they are there.
   * @example web.union(app, shops).keyBy((order) => order.customer)
   */
  union<Other>(...others: SomeOf<Stream<Other, Key>>): Stream<Value | Other, Key> {
    return new Stream(this.graph, this.addUnion(others));
  }

  /**
   * Sends each record to the first branch whose test it passes, or to `rest`. Type guards narrow.
   * @example
   * const { large, small, rest } = orders.split({
   *   large: (o) => o.price > 100,
   *   small: (o) => o.price < 10,
   * });
   */
  split<Tests extends BranchTests<Value>>(
    tests: Tests & { readonly rest?: never },
    options: StepOptions = {},
  ): SplitStreams<Tests, Value, Key> {
    const of = (edge: Edge) => new Stream(this.graph, edge);
    return this.addSplit(tests, options, of) as SplitStreams<Tests, Value, Key>;
  }

  /**
   * Groups by key: what follows has state and windows for each key.
   * @example flights.keyBy((f) => f.origin)
   */
  keyBy<NewKey>(
    key: (value: Value) => NewKey,
    options: KeyByOptions<NewKey> = {},
  ): KeyedStream<Value, NewKey> {
    return new KeyedStream(this.graph, this.addKeyBy(key, options));
  }

  /**
   * Lets the first record of each id through, and drops others with its id whose event time is less
   * than `within` from its own. Keys do not count: ids that are unique only within a key need it.
   * @example payments.deduplicate({ by: (p) => p.id, within: '1h' })
   */
  deduplicate(options: DeduplicateOptions<Value>): DeduplicatedStream<Value, Key> {
    return new DeduplicatedStream(this.graph, this.addDeduplicate(options));
  }
}

/** A stream whose steps can have state, timers and windows for each key. */
export class KeyedStream<Value, Key> extends Stream<Value, Key> {
  override map<Out>(map: (value: Value) => Out, options: StepOptions = {}): KeyedStream<Out, Key> {
    return new KeyedStream(this.graph, this.addMap(map, options));
  }

  override filter<Out extends Value>(
    keep: (value: Value) => value is Out,
    options?: StepOptions,
  ): KeyedStream<Out, Key>;
  override filter(keep: (value: Value) => boolean, options?: StepOptions): KeyedStream<Value, Key>;
  override filter(
    keep: (value: Value) => boolean,
    options: StepOptions = {},
  ): KeyedStream<Value, Key> {
    return new KeyedStream(this.graph, this.addFilter(keep, options));
  }

  override flatMap<Out>(
    expand: (value: Value) => Iterable<Out>,
    options: StepOptions = {},
  ): KeyedStream<Out, Key> {
    return new KeyedStream(this.graph, this.addFlatMap(expand, options));
  }

  override mapAsync<Out>(...given: MapAsyncArguments<Value, Out>): KeyedStream<Out, Key> {
    return new KeyedStream(this.graph, this.addMapAsync(...given));
  }

  /**
   * The records of this stream and of others that are keyed alike: what follows has one state for
   * each key.
   */
  override union<Other>(
    ...others: SomeOf<KeyedStream<Other, Key>>
  ): KeyedStream<Value | Other, Key>;
  override union<Other>(...others: SomeOf<Stream<Other, Key>>): Stream<Value | Other, Key>;
  override union<Other>(...others: SomeOf<Stream<Other, Key>>): Stream<Value | Other, Key> {
    const keyed = others.filter((other) => other instanceof KeyedStream);
    if (keyed.length < others.length) return super.union(...others);
    for (const other of keyed) this.checkKeyedAlike('union()', other);
    return new KeyedStream<Value | Other, Key>(this.graph, this.addUnion(others));
  }

  override split<Tests extends BranchTests<Value>>(
    tests: Tests & { readonly rest?: never },
    options: StepOptions = {},
  ): SplitKeyedStreams<Tests, Value, Key> {
    const of = (edge: Edge) => new KeyedStream(this.graph, edge);
    return this.addSplit(tests, options, of) as SplitKeyedStreams<Tests, Value, Key>;
  }

  /**
   * This stream and another one that is keyed alike, or a table.
   * @example orders.keyBy((o) => o.id).connect(payments.keyBy((p) => p.order)).process({ ... })
   */
  connect<Right>(right: KeyedStream<Right, Key>): ConnectedStreams<Value, Right, Key>;
  connect<Row extends AnyRow>(table: Table<Row, Key>): ConnectedTable<Value, Row, Key>;
  connect(right: KeyedStream<unknown, Key> | Table<AnyRow, Key>): unknown {
    return connected(this, right);
  }

  /**
   * This stream, and another one whose records all keys see.
   * @example payments.keyBy((p) => p.account).connectBroadcast(limits).process({ ... })
   */
  connectBroadcast<Rule>(rules: Stream<Rule, unknown>): BroadcastStreams<Value, Rule, Key> {
    const { graph, edge } = this;
    const changes = this.edgeOf('connectBroadcast()', rules);
    return new BroadcastStreams(<Out>(functions: AnyBroadcastFunctions) => {
      return new KeyedStream<Out, Key>(graph, addBroadcast(graph, edge, changes, functions));
    });
  }

  /** @internal */
  checkKeyedAlike(call: string, other: KeyedStream<unknown, Key>): void {
    const isOfJob = other instanceof KeyedStream && other.graph === this.graph;
    this.graph.checkKeyedAlike(call, this.edge, isOfJob ? other.edge : undefined);
  }

  /**
   * Groups the records of each key by event time.
   * @example flights.keyBy((f) => f.origin).window(tumbling('1h'))
   */
  window(assigner: TimedWindows<Value>): WindowedStream<Value, Key>;
  window(assigner: GlobalWindows): GlobalStream<Value, Key>;
  window(
    assigner: GlobalWindows | TimedWindows<Value>,
  ): GlobalStream<Value, Key> | WindowedStream<Value, Key> {
    checkAssigner(assigner, this.graph.job);
    const { graph, edge: input } = this;
    const results = <Result>(edge: Edge) => new WindowResults<Result, Key, Value>(graph, edge);
    const parts = { graph, input, assigner, results };
    return assigner.kind === 'global' ? new GlobalStream(parts) : new WindowedStream(parts);
  }

  /**
   * Groups the records of each key as they come, `count` at a time, whatever their event time.
   * @example trades.keyBy((t) => t.symbol).countWindow(100).aggregate({ trades: count() })
   */
  countWindow(count: number): CountWindowedStream<Value, Key> {
    const add = <Out>(name: string | undefined, definition: ProcessDefinition) =>
      this.#addProcess<Out>('countWindow', name, definition);
    return new CountWindowedStream(this.graph.job, count, add);
  }

  /**
   * Running aggregates for each key: a result for each record.
   * @example payments.keyBy((p) => p.account).aggregate({ balance: sum((p) => p.amount) })
   */
  aggregate<Fields extends Aggregates<Value>>(
    fields: Fields,
    options: RunningOptions = {},
  ): KeyedStream<ResultsOf<Fields>, Key> {
    checkOptions('aggregate()', options, ['name', 'ttl']);
    const aggregation = composite(fields, 'aggregate()', []);
    const definition = runningAggregate(aggregation, ttlOf(options, 'aggregate()'));
    return this.#addProcess('aggregate', options.name, definition);
  }

  /**
   * Combines the values of each key, one by one from the first one on: a result for each record.
   * @example bids.keyBy((b) => b.auction).reduce((best, b) => (b.price > best.price ? b : best))
   */
  reduce(
    combine: (reduced: Value, value: Value) => Value,
    options: RunningOptions = {},
  ): KeyedStream<Value, Key> {
    this.check('reduce()', combine, options, ['name', 'ttl']);
    const definition = runningReduce(combine, ttlOf(options, 'reduce()'));
    return this.#addProcess('reduce', options.name, definition);
  }

  /**
   * The last value of each key, as they come, is its row. null is none: it deletes the row, and so
   * does what `deleteWhen` returns true for.
   * @example accounts.keyBy((a) => a.id).toTable({ deleteWhen: (a) => a.state === 'closed' })
   */
  toTable<Deleted extends NonNullable<Value>>(
    options: DeleteWhen<NonNullable<Value>, Deleted>,
  ): Table<Exclude<NonNullable<Value>, Deleted>, Key>;
  toTable(options?: ToTableOptions<NonNullable<Value>>): Table<NonNullable<Value>, Key>;
  toTable(options: ToTableOptions<NonNullable<Value>> = {}): Table<NonNullable<Value>, Key> {
    return toTable(this, options);
  }

  /**
   * The latest value of each key is its row: by event time, or by what `by` returns. Of two of the
   * same time the one that came last is; an earlier one that comes later changes nothing.
   * @example readings.keyBy((r) => r.sensor).latest()
   */
  latest(options: LatestOptions<NonNullable<Value>> = {}): Table<NonNullable<Value>, Key> {
    return latest(this, options);
  }

  /**
   * The `n` values of each key for which `by` is greatest (or smallest), as one row, the first one
   * first. Of those with the same number the one that came first stays first.
   * @example bids.keyBy((bid) => bid.auction).topN({ n: 3, by: (bid) => bid.price })
   */
  topN(options: TopNOptions<NonNullable<Value>>): Table<readonly NonNullable<Value>[], Key> {
    return topN(this, options);
  }

  override deduplicate(options: DeduplicateOptions<Value>): WindowResults<Value, Key, Value> {
    return new WindowResults(this.graph, this.addDeduplicate(options));
  }

  /** @internal */
  get keyCodec(): Codec<Key> {
    return this.graph.keyCodecOf(this.edge) as Codec<Key>; // a keyed stream stands behind keyBy
  }

  /** @internal */
  flatMapWithKey<Out>(
    expand: (value: Value, key: Key) => Iterable<Out>,
    name?: string,
  ): KeyedStream<Out, Key> {
    return new KeyedStream(this.graph, this.addFlatMapWithKey(expand, name));
  }

  /** @internal */
  withLate<Late>(late?: KeyedStream<Late, Key>): WindowResults<Value, Key, Late> {
    return new WindowResults(this.graph, this.edge, late?.edge);
  }

  /** @internal */
  addStep<Specs extends StateSpecs, Out>(
    label: string,
    name: string | undefined,
    step: StepFunctions<Value, Key, Specs, Out>,
  ): KeyedStream<Out, Key> {
    return this.#addProcess(label, name, definitionOf(step));
  }

  /** @internal */
  addTimedStep<Specs extends StateSpecs, Out>(
    label: string,
    name: string | undefined,
    step: TimedStepFunctions<Value, Key, Specs, Out>,
  ): KeyedStream<Out, Key> {
    return this.#addProcess(label, name, definitionOf(step));
  }

  /**
   * The general step: state and timers for each key, and functions that return what they emit.
   * @example
   * stream.keyBy((e) => e.user).process({
   *   onRecord: (event, { timers }) => timers.event.set(event.at + 60_000),
   *   onTimer: (_, { key }) => [key],
   * })
   */
  process<
    Specs extends StateSpecs = Record<never, never>,
    Out = never,
    TimerOut = never,
    EndOut = never,
  >(
    functions: ProcessFunctions<Value, Key, Specs, Out, TimerOut, EndOut>,
  ): KeyedStream<Out | TimerOut | EndOut, Key> {
    this.check('process()', functions.onRecord, { ...nameOf(functions) }, ['name']);
    return this.#addProcess('process', functions.name, processDefinitionOf(functions));
  }

  #addProcess<Out>(
    label: string,
    name: string | undefined,
    definition: ProcessDefinition,
  ): KeyedStream<Out, Key> {
    checkStepName(this.graph.job, name);
    const node = { kind: 'process' as const, input: this.edge, name, label, definition };
    return new KeyedStream(this.graph, this.graph.add(node));
  }
}

/** What `deduplicate` lets through, and what came too late. */
export class DeduplicatedStream<Value, Key> extends Stream<Value, Key> {
  /**
   * Records of which it is not known any more whether others came before them; always counted.
   */
  get late(): Stream<Value, Key> {
    return new Stream(this.graph, { node: this.edge.node, port: 'late' });
  }
}

/** The results of windows and joins, and the records that came too late for them. */
export class WindowResults<Value, Key, In> extends KeyedStream<Value, Key> {
  readonly #late: Edge;

  constructor(graph: GraphBuilder, edge: Edge, late: Edge = { node: edge.node, port: 'late' }) {
    super(graph, edge);
    this.#late = late;
  }

  /**
   * Records that came when the results that they belong to had been emitted. They are counted even
   * if nobody reads this.
   */
  get late(): KeyedStream<In, Key> {
    return new KeyedStream(this.graph, this.#late);
  }
}

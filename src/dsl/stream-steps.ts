/**
 * What all streams have in common: their place in the graph, the checks of a step, and the steps
 * without state as nodes. `Stream` and `KeyedStream` give them their types.
 */
import { type Codec, checkKeyCodec, keyJson, ofKeys } from '../formats/index.ts';
import { MillraceError } from '../platform/index.ts';
import { checkOptions, type Edge, type SinkNode } from '../runtime/index.ts';
import { type BranchTests, branchesOf } from './branches.ts';
import { type DeduplicateOptions, deduplicating } from './deduplicate.ts';
import type { GraphBuilder } from './graph-builder.ts';
import { type MapAsyncArguments, mapAsyncNode } from './map-async.ts';
import {
  checkParallelism,
  checkStepName,
  type KeyByOptions,
  nameOf,
  type StepOptions,
  type ToOptions,
} from './step-options.ts';
import type { HoldsFieldsOf, Topic, TopicFor } from './topic.ts';

/** A stream without the methods that give another one. */
export class StreamSteps<Value, Key> {
  protected readonly graph: GraphBuilder;
  protected readonly edge: Edge;

  constructor(graph: GraphBuilder, edge: Edge) {
    this.graph = graph;
    this.edge = edge;
  }

  /**
   * Writes the stream to a topic, which is made if it does not exist. The topic's type must have
   * all fields of the stream's values, and the stream all that the topic requires.
   * @example byHour.to(delays)
   */
  to<TopicValue>(
    topic: TopicFor<Key, Value> & {
      readonly value: Codec<TopicValue>;
    } & HoldsFieldsOf<Value, TopicValue>,
  ): void;
  to<TopicKey, TopicValue>(
    topic: TopicFor<never, Value> & {
      readonly key: Codec<TopicKey>;
      readonly value: Codec<TopicValue>;
    } & HoldsFieldsOf<Value, TopicValue>,
    options: ToOptions<Value, NoInfer<TopicKey>>,
  ): void;
  to(topic: TopicFor<never, never>, options: Partial<ToOptions<never, unknown>> = {}): void {
    this.#checkTopic(topic);
    checkOptions(`to("${topic.name}")`, options, ['key']);
    const key = options.key as SinkNode['key']; // the graph does not know types
    this.#addSink(topic, { key, writesTombstones: undefined });
  }

  /**
   * Writes values to a topic, and null as a record without a value.
   * @internal
   */
  toWithTombstones(topic: TopicFor<never, never>): void {
    this.#checkTopic(topic);
    this.#addSink(topic, { key: undefined, writesTombstones: true });
  }

  #checkTopic(topic: TopicFor<never, never>): void {
    if (topic?.kind === 'topic') return;
    throw new MillraceError(
      'INVALID',
      `Job "${this.graph.job}": to() takes a topic: make one with topic(name, { key, value }).`,
    );
  }

  #addSink(topic: TopicFor<never, never>, how: Pick<SinkNode, 'key' | 'writesTombstones'>): void {
    const spec = topic as unknown as Topic<unknown, unknown>; // the graph does not know types
    this.graph.add({ kind: 'sink', input: this.edge, name: undefined, topic: spec, ...how });
  }

  protected addMap(map: (value: Value) => unknown, options: StepOptions): Edge {
    this.check('map()', map, options, ['name']);
    return this.graph.add({
      kind: 'map',
      input: this.edge,
      name: options.name,
      map: map as (value: unknown) => unknown, // the graph does not know types
    });
  }

  protected addFilter(keep: (value: Value) => boolean, options: StepOptions): Edge {
    this.check('filter()', keep, options, ['name']);
    return this.graph.add({
      kind: 'filter',
      input: this.edge,
      name: options.name,
      keep: keep as (value: unknown) => boolean, // the graph does not know types
    });
  }

  protected addFlatMap(expand: (value: Value) => Iterable<unknown>, options: StepOptions): Edge {
    this.check('flatMap()', expand, options, ['name']);
    return this.graph.add({
      kind: 'flatMap',
      input: this.edge,
      name: options.name,
      expand: expand as (value: unknown) => Iterable<unknown>, // the graph does not know types
    });
  }

  /** @internal */
  checkSameJob(call: string, things: string, other: StreamSteps<unknown, unknown>): void {
    if (other instanceof StreamSteps && other.graph === this.graph) return;
    throw new MillraceError(
      'INVALID',
      `Job "${this.graph.job}": ${call} takes ${things} of the same job.`,
    );
  }

  /** Where a stream of this job stands in its graph. Fails with `INVALID` for another one. */
  protected edgeOf(call: string, other: StreamSteps<unknown, unknown>): Edge {
    this.checkSameJob(call, 'streams', other);
    return other.edge;
  }

  protected addFlatMapWithKey(
    expand: (value: Value, key: Key) => Iterable<unknown>,
    name: string | undefined,
  ): Edge {
    return this.graph.add({
      kind: 'flatMap',
      input: this.edge,
      name,
      expand: expand as (value: unknown, key: unknown) => Iterable<unknown>, // as in addMap
      withKey: true,
    });
  }

  protected addDeduplicate(options: DeduplicateOptions<Value>): Edge {
    checkStepName(this.graph.job, options.name);
    const { name } = options;
    return this.graph.add({ input: this.edge, name, ...deduplicating(options) });
  }

  protected addKeyBy<NewKey>(key: (value: Value) => NewKey, options: KeyByOptions<NewKey>): Edge {
    this.check('keyBy()', key, options, ['name', 'key', 'parallelism']);
    checkParallelism('keyBy()', options.parallelism);
    const codec = checkKeyCodec(options.key ?? keyJson<NewKey>(), 'keyBy()');
    return this.graph.add({
      kind: 'keyBy',
      input: this.edge,
      name: options.name,
      key: key as (value: unknown) => unknown, // the graph does not know types
      codec: ofKeys(codec) as Codec<unknown>, // likewise
      parallelism: options.parallelism,
    });
  }

  protected addMapAsync<Out>(...[map, options = {}]: MapAsyncArguments<Value, Out>): Edge {
    const node = mapAsyncNode(map, options);
    this.check('mapAsync()', map, { ...nameOf(options) }, ['name']);
    return this.graph.add({ ...node, input: this.edge });
  }

  protected addUnion(others: readonly StreamSteps<unknown, Key>[]): Edge {
    for (const other of others) this.checkSameJob('union()', 'streams', other);
    const inputs = [this, ...others].map(({ edge }) => edge);
    return this.graph.add({ kind: 'union', name: undefined, inputs });
  }

  /** The branches by name, and `rest`, each as `of` makes it. */
  protected addSplit<Branch>(
    tests: BranchTests<Value>,
    options: StepOptions,
    of: (edge: Edge) => Branch,
  ): Readonly<Record<string, Branch>> {
    this.check('split()', () => {}, options, ['name']);
    const branches = branchesOf(this.graph.job, tests);
    const { name } = options;
    const { node } = this.graph.add({ kind: 'split', input: this.edge, name, branches });
    const names = [...branches.map((branch) => branch.name), 'rest'];
    return Object.fromEntries(
      names.map((branch) => [branch, of({ node, port: `branch ${branch}` })]),
    );
  }

  /** @internal */
  check(call: string, run: unknown, options: StepOptions, known: readonly string[]): void {
    if (typeof run !== 'function') {
      throw new MillraceError(
        'INVALID',
        `Job "${this.graph.job}": ${call} takes a function, not ${String(run)}.`,
      );
    }
    checkOptions(call, options, known);
    checkStepName(this.graph.job, options.name);
  }
}

/**
 * From a graph to operators that run it: the interpreter. Operators are made from the sinks
 * upwards, each with its successors; their stores are declared on the way.
 */
import { assert, unreachable } from '../platform/index.ts';
import type { StoreRegistry } from '../state/index.ts';
import { orNone, streamKeysOf } from './asking/stream-keys.ts';
import { buildProcess } from './build-process.ts';
import { buildWindow } from './build-window.ts';
import {
  keyByOf,
  labelOf,
  labelOfKind,
  nameSteps,
  nodesBefore,
  parentsOf,
} from './compiler/names.ts';
import {
  type BroadcastNode,
  deadLettersOf,
  type Edge,
  type Graph,
  type GraphNode,
  inputsOf,
  type KeyByNode,
  type MapAsyncNode,
  type ProcessNode,
  type SendNode,
  type SinkNode,
  type SourceNode,
  type SplitNode,
  type WindowNode,
} from './graph.ts';
import { KeyFactory } from './keys.ts';
import type {
  OperatorContext,
  PartialReceiver,
  Receiver,
  Step,
  TimedOperator,
} from './operator.ts';
import {
  BroadcastOperator,
  type BroadcastParts,
  BroadcastState,
  VisitedKeys,
} from './operators/broadcast.ts';
import { MapAsyncOperator } from './operators/map-async.ts';
import { PartialWindowOperator } from './operators/partial-window.ts';
import { SendOperator } from './operators/send.ts';
import { SinkOperator } from './operators/sink.ts';
import {
  FanOut,
  FilterOperator,
  FlatMapOperator,
  KeyByOperator,
  KeyPartials,
  MapOperator,
  SplitOperator,
} from './operators/stateless.ts';
import { TopicOutput } from './operators/topic-output.ts';
import { type HeldOperator, TimedOperators } from './timed-operators.ts';

/** What a task runs. */
export interface Chain {
  /** In the order of the graph's sources. */
  readonly sources: readonly ChainSource[];
  /** What becomes due. */
  readonly timed: TimedOperators;
  /** The steps that ask outside, upstream ones first. */
  readonly asking: readonly MapAsyncOperator[];
  /** One for each topic that is written. */
  readonly outputs: readonly TopicOutput[];
  /** What sends to other stages of the job; into some of the outputs. */
  readonly sends: readonly SendOperator[];
  /** What is aggregated on its way to them. */
  readonly partials: readonly PartialWindowOperator[];
  /** By operator of `timed`: where its step stands in the job. */
  readonly ranks: ReadonlyMap<TimedOperator, number>;
  /** Those of them that take records that fail, by topic. */
  readonly deadLetters: ReadonlyMap<string, TopicOutput>;
}

export interface ChainSource {
  readonly node: SourceNode;
  readonly receiver: Receiver;
  /** Makes keys of the topic's keys; undefined where no step needs them. */
  readonly keys: KeyFactory | undefined;
  /** Takes what other tasks have aggregated; undefined where they aggregate nothing. */
  readonly partials: KeyPartials | undefined;
}

export interface ChainOptions {
  readonly graph: Graph;
  readonly context: OperatorContext;
  readonly stores: StoreRegistry;
  /** Partitions of each topic that is written. */
  partitionsOf(topic: string): number;
  /** Which task of a stage it is for; default: the only one. */
  readonly place?: ChainPlace | undefined;
}

/** One of the tasks of a stage. */
export interface ChainPlace {
  readonly index: number;
  readonly tasks: number;
  /** By node of its graph: where it stands in the graph of the job. */
  readonly ranks: readonly number[];
}

export function buildChain(options: ChainOptions): Chain {
  const builder = new ChainBuilder(options);
  return builder.build();
}

class ChainBuilder {
  readonly #options: ChainOptions;
  readonly #names: ReadonlyMap<number, string>;
  readonly #keys = new Map<number, KeyFactory>();
  /** With their nodes, downstream ones first. */
  readonly #timed: { readonly node: GraphNode; readonly operator: TimedOperator }[] = [];
  readonly #asking = new Map<number, MapAsyncOperator>();
  /** By broadcast node: the step that sees its state. */
  readonly #seeing = new Map<number, Pick<BroadcastParts, 'process' | 'state' | 'visited'>>();
  readonly #outputs = new Map<string, TopicOutput>();
  readonly #sends: SendOperator[] = [];
  readonly #partials: PartialWindowOperator[] = [];
  /** By node: windows that take partials. */
  readonly #windows = new Map<number, PartialReceiver>();

  constructor(options: ChainOptions) {
    this.#options = options;
    this.#names = nameSteps(options.graph);
  }

  build(): Chain {
    const { graph } = this.#options;
    const receivers = new Map<number, Receiver>();
    const sources: ChainSource[] = [];
    for (const node of [...graph.nodes].reverse()) {
      const to: Successors = (port) => joined(successorsOf(graph, receivers, node.id, port));
      if (node.kind === 'source') {
        const keys = needsKey(graph, node) ? new KeyFactory(node.topic.key) : undefined;
        const partials = this.#partialsOf(node);
        sources.unshift({ node, receiver: to('out') ?? nowhere, keys, partials });
      } else {
        receivers.set(node.id, this.#operator(node, to));
      }
    }
    const deadLetters = this.#deadLetters(sources);
    const outputs = [...[...this.#outputs.values()].reverse(), ...deadLetters.values()];
    const asking = [...this.#asking.values()].reverse();
    const sends = [...this.#sends].reverse();
    const ranks = this.#ranks();
    const partials = [...this.#partials];
    const timed = this.#heldOperators();
    return { sources, timed, asking, outputs, sends, partials, ranks, deadLetters };
  }

  #ranks(): ReadonlyMap<TimedOperator, number> {
    const { place } = this.#options;
    return new Map(
      this.#timed.map(({ node: { id }, operator }) => [operator, place?.ranks[id] ?? id]),
    );
  }

  #deadLetters(sources: readonly ChainSource[]): ReadonlyMap<string, TopicOutput> {
    const topics = sources.flatMap(({ node }) =>
      [node, ...(node.exchange?.origins ?? [])].flatMap((of) => deadLettersOf(of) ?? []),
    );
    return new Map(
      topics.map((name) => [name, new TopicOutput(name, this.#options.partitionsOf(name))]),
    );
  }

  #heldOperators(): TimedOperators {
    const held = this.#timed.map(({ node, operator }): HeldOperator => {
      const before = nodesBefore(this.#options.graph, node);
      const heldBy = [...before].flatMap(({ id }) => this.#asking.get(id) ?? []);
      // Keys are visited before anything else is done: more may be there to do in the next turn.
      return { operator, heldBy, goesFirst: operator instanceof BroadcastOperator };
    });
    return new TimedOperators(held.reverse());
  }

  #operator(node: Exclude<GraphNode, SourceNode>, to: Successors): Receiver {
    const { context } = this.#options;
    const step = this.#stepOf(node);
    const next = to('out') ?? nowhere;
    switch (node.kind) {
      case 'map':
        return new MapOperator(context, step, node.map, next);
      case 'filter':
        return new FilterOperator(context, step, node.keep, next);
      case 'flatMap':
        return new FlatMapOperator(context, step, node, next);
      case 'union':
        return next;
      case 'split':
        return this.#split(node, step, to);
      case 'keyBy':
        return new KeyByOperator(context, step, node.key, this.#keysOf(node), next);
      case 'mapAsync':
        return this.#mapAsync(node, step, next);
      case 'broadcast':
        return this.#broadcast(node, step);
      case 'window':
        return this.#window(node, step, next, to('late'));
      case 'process':
        return this.#process(node, step, next, to('late'));
      case 'sink':
        return this.#sink(node, step);
      case 'send':
        return this.#send(node, step);
      default:
        return unreachable(node);
    }
  }

  #split(node: SplitNode, step: Step, to: Successors): Receiver {
    const branches = node.branches.map(({ name, takes }) => {
      return { takes, next: to(`branch ${name}`) ?? nowhere };
    });
    return new SplitOperator(this.#options.context, step, branches, to('branch rest') ?? nowhere);
  }

  #window(node: WindowNode, step: Step, next: Receiver, late: Receiver | undefined): Receiver {
    const { context, stores } = this.#options;
    const keys = this.#keysFor(node);
    const operator = buildWindow({ context, stores, step, node, keys, next, late });
    if ('receivePartial' in operator) this.#windows.set(node.id, operator as PartialReceiver);
    this.#timed.push({ node, operator });
    return operator;
  }

  #process(node: ProcessNode, step: Step, next: Receiver, late: Receiver | undefined): Receiver {
    const { context, stores } = this.#options;
    const { keyedBy, definition } = node;
    const keys = keyedBy === undefined ? this.#keysFor(node) : new KeyFactory(keyedBy.codec);
    const shared = this.#sharedBy(node, step, keys);
    const keyOf = keyedBy?.of;
    const parts = { context, stores, step, definition, keyOf, keys, next, late };
    const operator = buildProcess({ ...parts, ...shared });
    this.#timed.push({ node, operator });
    if (shared !== undefined) this.#seeing.set(shared.id, { ...shared, process: operator });
    return operator;
  }

  /** What a process step shares with the broadcast records that it sees. */
  #sharedBy({ broadcast, definition }: ProcessNode, { name }: Step, { codec }: KeyFactory) {
    const { graph, stores } = this.#options;
    const node = graph.nodes[broadcast?.node ?? -1];
    if (node?.kind !== 'broadcast') return undefined;
    const state = new BroadcastState(stores, name, node.state);
    const isVisited = definition.onKey !== undefined;
    if (!isVisited) VisitedKeys.drop(stores, name);
    const visited = isVisited ? new VisitedKeys(stores, name, codec) : undefined;
    return { id: node.id, state, visited };
  }

  #broadcast(node: BroadcastNode, step: Step): Receiver {
    const { context } = this.#options;
    const seeing = this.#seeing.get(node.id);
    assert(seeing !== undefined, 'a step sees what is broadcast');
    const operator = new BroadcastOperator({ context, step, node, ...seeing });
    this.#timed.push({ node, operator });
    return operator;
  }

  #mapAsync(node: MapAsyncNode, step: Step, next: Receiver): Receiver {
    const { context, stores, graph } = this.#options;
    const [first, ...others] = streamKeysOf(graph, node);
    assert(first !== undefined, 'every stream comes from a source');
    const isKeyed = first.isKeyed && others.every((of) => of.isKeyed);
    const keys = new KeyFactory(isKeyed ? first.codec : orNone(first.codec));
    const operator = new MapAsyncOperator({ context, stores, step, node, keys, next });
    this.#timed.push({ node, operator });
    this.#asking.set(node.id, operator);
    return operator;
  }

  #sink(node: SinkNode, step: Step): Receiver {
    const { name } = node.topic;
    const output =
      this.#outputs.get(name) ?? new TopicOutput(name, this.#options.partitionsOf(name));
    this.#outputs.set(name, output);
    return new SinkOperator({ context: this.#options.context, step, node, output });
  }

  #send(node: SendNode, step: Step): Receiver {
    const { context, place, graph } = this.#options;
    const { exchange } = node;
    const { topic } = exchange;
    const partitions = this.#options.partitionsOf(topic);
    const output = new TopicOutput(topic, partitions);
    this.#outputs.set(topic, output);
    const { index: sender, tasks: senders } = place ?? { index: 0, tasks: 1 };
    const receivers = partitions / senders;
    const before = nodesBefore(graph, node);
    const held = (watermark: number) => this.#heldBack(before, watermark);
    const parts = { context, step, exchange, output, sender, senders, receivers, held };
    const operator = new SendOperator(parts);
    this.#sends.push(operator);
    return exchange.window === undefined ? operator : this.#aggregating(node, operator);
  }

  /** Aggregates what it can before it is sent. */
  #aggregating(node: SendNode, next: SendOperator): Receiver {
    const { window } = node.exchange;
    assert(window !== undefined, 'a window reads the exchange');
    const { context } = this.#options;
    const step = { name: window.name ?? node.exchange.topic, kind: 'window' };
    const operator = new PartialWindowOperator({ context, step, node: window, next });
    this.#timed.push({ node, operator });
    this.#partials.push(operator);
    return operator;
  }

  /** What takes the partials that come out of an exchange: the window behind its keyBy. */
  #partialsOf({ id, exchange }: SourceNode): KeyPartials | undefined {
    if (exchange?.window === undefined) return undefined;
    const { nodes } = this.#options.graph;
    const keyBy = nodes.find((node) => node.kind === 'keyBy' && node.input.node === id);
    const window = nodes.find(
      (node) => node.kind === 'window' && node.name === exchange.window?.name,
    );
    const operator = this.#windows.get(window?.id ?? -1);
    assert(keyBy?.kind === 'keyBy' && operator !== undefined, 'its window stands behind it');
    return new KeyPartials(this.#keysOf(keyBy), operator);
  }

  /** What `mapAsync` steps let through. */
  #heldBack(before: ReadonlySet<GraphNode>, watermark: number): number {
    let own = watermark;
    for (const [id, { held }] of this.#asking) {
      if (held < own && [...before].some((node) => node.id === id)) own = held;
    }
    return own;
  }

  #stepOf(node: GraphNode): Step {
    const label = labelOf(this.#options.graph, node, this.#names);
    const name = node.kind === 'send' ? node.exchange.reader : label;
    return { name, kind: labelOfKind(node) };
  }

  /** The keys of the keyBy step before a keyed step. */
  #keysFor(node: GraphNode): KeyFactory {
    const keyBy = keyByOf(this.#options.graph, node);
    assert(keyBy !== undefined, 'a keyed step stands behind keyBy');
    return this.#keysOf(keyBy);
  }

  #keysOf(node: KeyByNode): KeyFactory {
    const known = this.#keys.get(node.id) ?? new KeyFactory(node.codec);
    this.#keys.set(node.id, known);
    return known;
  }
}

/** What takes the records of one of a node's outputs; undefined where nothing does. */
type Successors = (port: Edge['port']) => Receiver | undefined;

/** A node that reads an output twice gets its records twice. */
function successorsOf(
  graph: Graph,
  receivers: ReadonlyMap<number, Receiver>,
  node: number,
  port: Edge['port'],
): Receiver[] {
  return graph.nodes.flatMap((successor) =>
    inputsOf(successor).flatMap((input) =>
      input.node === node && input.port === port ? (receivers.get(successor.id) ?? []) : [],
    ),
  );
}

const nowhere: Receiver = { receive: () => {} };

function joined(receivers: readonly Receiver[]): Receiver | undefined {
  return receivers.length > 1 ? new FanOut(receivers) : receivers[0];
}

/** Whether a step uses the key of the source's own records: writes, keeps or is keyed by it. */
function needsKey(graph: Graph, source: SourceNode): boolean {
  return graph.nodes.some((node) => {
    const usesKey = (node.kind === 'sink' || node.kind === 'keyBy') && node.key === undefined;
    if (!usesKey && node.kind !== 'mapAsync' && node.kind !== 'send') return false;
    return parentsOf(graph, node).some((input) => keepsKeysOf(graph, source, input));
  });
}

/** Whether records of `source` leave a node with the keys that they had. */
function keepsKeysOf(graph: Graph, source: SourceNode, node: GraphNode): boolean {
  if (node.id === source.id) return true;
  if (node.kind === 'keyBy' || node.kind === 'broadcast') return false;
  return parentsOf(graph, node).some((input) => keepsKeysOf(graph, source, input));
}

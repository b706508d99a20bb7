/**
 * From a graph to operators that run it: the interpreter. Operators are made from the sinks
 * upwards, each with its successors; their stores are declared on the way.
 */
import { assert, unreachable } from '../platform/index.ts';
import type { StoreRegistry } from '../state/index.ts';
import { buildWindow } from './build-window.ts';
import { keyByOf, labelOf, labelOfKind, nameSteps, parentsOf } from './compiler/names.ts';
import {
  deadLettersOf,
  type Edge,
  type Graph,
  type GraphNode,
  inputsOf,
  type KeyByNode,
  type ProcessNode,
  type SinkNode,
  type SourceNode,
  type SplitNode,
  type WindowNode,
} from './graph.ts';
import { KeyFactory } from './keys.ts';
import type { OperatorContext, Receiver, Step, TimedOperator } from './operator.ts';
import { Moment } from './operators/moment.ts';
import { presence } from './operators/presence.ts';
import { ProcessOperator } from './operators/process.ts';
import { SinkOperator } from './operators/sink.ts';
import {
  FanOut,
  FilterOperator,
  FlatMapOperator,
  KeyByOperator,
  MapOperator,
  SplitOperator,
} from './operators/stateless.ts';
import { declareState } from './operators/states.ts';
import { TopicOutput } from './operators/topic-output.ts';

/** What a task runs. */
export interface Chain {
  /** In the order of the graph's sources. */
  readonly sources: readonly ChainSource[];
  /** Upstream ones first. */
  readonly timed: readonly TimedOperator[];
  /** One for each topic that is written. */
  readonly outputs: readonly TopicOutput[];
  /** Those of them that take records that fail, by topic. */
  readonly deadLetters: ReadonlyMap<string, TopicOutput>;
}

export interface ChainSource {
  readonly node: SourceNode;
  readonly receiver: Receiver;
  /** Makes keys of the topic's keys; undefined where no step needs them. */
  readonly keys: KeyFactory | undefined;
}

export interface ChainOptions {
  readonly graph: Graph;
  readonly context: OperatorContext;
  readonly stores: StoreRegistry;
  /** Partitions of each topic that is written. */
  partitionsOf(topic: string): number;
}

export function buildChain(options: ChainOptions): Chain {
  const builder = new ChainBuilder(options);
  return builder.build();
}

class ChainBuilder {
  readonly #options: ChainOptions;
  readonly #names: ReadonlyMap<number, string>;
  readonly #keys = new Map<number, KeyFactory>();
  readonly #timed: TimedOperator[] = [];
  readonly #outputs = new Map<string, TopicOutput>();

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
        sources.unshift({ node, receiver: to('out') ?? nowhere, keys });
      } else {
        receivers.set(node.id, this.#operator(node, to));
      }
    }
    const deadLetters = this.#deadLetters(sources);
    const outputs = [...[...this.#outputs.values()].reverse(), ...deadLetters.values()];
    return { sources, timed: this.#timed.reverse(), outputs, deadLetters };
  }

  #deadLetters(sources: readonly ChainSource[]): ReadonlyMap<string, TopicOutput> {
    const topics = sources.flatMap(({ node }) => deadLettersOf(node) ?? []);
    return new Map(
      topics.map((name) => [name, new TopicOutput(name, this.#options.partitionsOf(name))]),
    );
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
      case 'window':
        return this.#window(node, step, next, to('late'));
      case 'process':
        return this.#process(node, step, next, to('late'));
      case 'sink':
        return this.#sink(node, step);
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
    this.#timed.push(operator);
    return operator;
  }

  #process(node: ProcessNode, step: Step, next: Receiver, late: Receiver | undefined): Receiver {
    const { context, stores } = this.#options;
    const { keyedBy } = node;
    const keys = keyedBy === undefined ? this.#keysFor(node) : new KeyFactory(keyedBy.codec);
    const moment = new Moment();
    const stateContext = { stores, step: step.name, keyCodec: keys.codec, moment };
    const state = Object.entries(node.definition.state).map(([name, spec]) => {
      return [name, declareState(stateContext, name, spec)] as const;
    });
    const timed = (name: string) =>
      stores.timed({ name: `${step.name}/${name}`, keyCodec: keys.codec, value: presence });
    const operator = new ProcessOperator({
      context,
      step,
      definition: node.definition,
      keyOf: keyedBy?.of,
      keys,
      moment,
      state: Object.fromEntries(state),
      eventTimers: timed('event timers'),
      processingTimers: timed('processing timers'),
      slices: node.definition.onSlice === undefined ? undefined : timed('work under way'),
      next,
      late,
    });
    this.#timed.push(operator);
    return operator;
  }

  #sink(node: SinkNode, step: Step): Receiver {
    const { name } = node.topic;
    const output =
      this.#outputs.get(name) ?? new TopicOutput(name, this.#options.partitionsOf(name));
    this.#outputs.set(name, output);
    return new SinkOperator({ context: this.#options.context, step, node, output });
  }

  #stepOf(node: GraphNode): Step {
    return { name: labelOf(this.#options.graph, node, this.#names), kind: labelOfKind(node) };
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

/** Whether a step uses the key of the source's own records: a sink writes it, or it is keyed by. */
function needsKey(graph: Graph, source: SourceNode): boolean {
  return graph.nodes.some((node) => {
    const usesKey = (node.kind === 'sink' || node.kind === 'keyBy') && node.key === undefined;
    return usesKey && parentsOf(graph, node).some((input) => keepsKeysOf(graph, source, input));
  });
}

/** Whether records of `source` leave a node with the keys that they had. */
function keepsKeysOf(graph: Graph, source: SourceNode, node: GraphNode): boolean {
  if (node.id === source.id) return true;
  if (node.kind === 'keyBy') return false;
  return parentsOf(graph, node).some((input) => keepsKeysOf(graph, source, input));
}

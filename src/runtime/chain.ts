/**
 * From a graph to operators that run it: the interpreter. Operators are made from the sinks
 * upwards, each with its successors; their stores are declared on the way.
 */
import { assert, unreachable } from '../platform/index.ts';
import type { StoreRegistry } from '../state/index.ts';
import { buildWindow } from './build-window.ts';
import { labelOf, labelOfKind, nameSteps, upstream } from './compiler/names.ts';
import type {
  Graph,
  GraphNode,
  KeyByNode,
  ProcessNode,
  SinkNode,
  SourceNode,
  WindowNode,
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
    const receivers = new Map<number, { readonly out: Receiver }>();
    const sources: ChainSource[] = [];
    const successors = (node: number, port: 'out' | 'late') =>
      graph.nodes
        .filter((n) => n.kind !== 'source' && n.input.node === node && n.input.port === port)
        .map((n) => receivers.get(n.id)?.out)
        .filter((r) => r !== undefined);
    for (const node of [...graph.nodes].reverse()) {
      const next = joined(successors(node.id, 'out'));
      if (node.kind === 'source') {
        const keys = needsKey(graph, node) ? new KeyFactory(node.topic.key) : undefined;
        sources.unshift({ node, receiver: next ?? nowhere, keys });
      } else {
        const late = joined(successors(node.id, 'late'));
        receivers.set(node.id, { out: this.#operator(node, next ?? nowhere, late) });
      }
    }
    const outputs = [...this.#outputs.values()].reverse();
    return { sources, timed: this.#timed.reverse(), outputs };
  }

  #operator(
    node: Exclude<GraphNode, SourceNode>,
    next: Receiver,
    late: Receiver | undefined,
  ): Receiver {
    const { context } = this.#options;
    const step = this.#stepOf(node);
    switch (node.kind) {
      case 'map':
        return new MapOperator(context, step, node.map, next);
      case 'filter':
        return new FilterOperator(context, step, node.keep, next);
      case 'flatMap':
        return new FlatMapOperator(context, step, node.expand, next);
      case 'keyBy':
        return new KeyByOperator(context, step, node.key, this.#keysOf(node), next);
      case 'window':
        return this.#window(node, step, next, late);
      case 'process':
        return this.#process(node, step, next);
      case 'sink':
        return this.#sink(node, step);
      default:
        return unreachable(node);
    }
  }

  #window(node: WindowNode, step: Step, next: Receiver, late: Receiver | undefined): Receiver {
    const { context, stores } = this.#options;
    const keys = this.#keysFor(node);
    const operator = buildWindow({ context, stores, step, node, keys, next, late });
    this.#timed.push(operator);
    return operator;
  }

  #process(node: ProcessNode, step: Step, next: Receiver): Receiver {
    const { context, stores } = this.#options;
    const keys = this.#keysFor(node);
    const declare = { keyCodec: keys.codec };
    const moment = new Moment();
    const stateContext = { stores, step: step.name, keyCodec: keys.codec, moment };
    const state = Object.entries(node.definition.state).map(([name, spec]) => {
      return [name, declareState(stateContext, name, spec)] as const;
    });
    const operator = new ProcessOperator({
      context,
      step,
      definition: node.definition,
      keys,
      moment,
      state: Object.fromEntries(state),
      eventTimers: stores.timed({ ...declare, name: `${step.name}/event timers`, value: presence }),
      processingTimers: stores.timed({
        ...declare,
        name: `${step.name}/processing timers`,
        value: presence,
      }),
      next,
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
    const keyBy = upstream(this.#options.graph, node).findLast((n) => n.kind === 'keyBy');
    assert(keyBy?.kind === 'keyBy', 'a keyed step stands behind keyBy');
    return this.#keysOf(keyBy);
  }

  #keysOf(node: KeyByNode): KeyFactory {
    const known = this.#keys.get(node.id) ?? new KeyFactory(node.codec);
    this.#keys.set(node.id, known);
    return known;
  }
}

const nowhere: Receiver = { receive: () => {} };

function joined(receivers: readonly Receiver[]): Receiver | undefined {
  return receivers.length > 1 ? new FanOut(receivers) : receivers[0];
}

/** Whether a sink writes the key of the source's own records. */
function needsKey(graph: Graph, source: SourceNode): boolean {
  return graph.nodes.some((node) => {
    if (node.kind !== 'sink' || node.key !== undefined) return false;
    const path = upstream(graph, node);
    return path[0]?.id === source.id && !path.some((n) => n.kind === 'keyBy');
  });
}

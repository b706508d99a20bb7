/** The graph of one stage: the steps that run there, between what it receives and what it sends. */
import { assert } from '../../platform/index.ts';
import { keyByOf, nameSteps } from '../compiler/names.ts';
import { type Edge, type Graph, type GraphNode, inputsOf, type SourceNode } from '../graph.ts';
import type { Exchange } from './exchange.ts';
import type { Levels } from './levels.ts';
import type { Crossed } from './plan.ts';

export interface StageGraph {
  readonly nodes: readonly GraphNode[];
  /** By node: its place in the graph of the job. */
  readonly ranks: readonly number[];
}

export function stageGraph(
  graph: Graph,
  levels: Levels,
  crossings: readonly Crossed[],
  stage: number,
): StageGraph {
  return new StageBuilder(graph, levels, crossings, stage).build();
}

type NewNode = GraphNode extends infer Node
  ? Node extends GraphNode
    ? Omit<Node, 'id'>
    : never
  : never;

class StageBuilder {
  readonly #graph: Graph;
  readonly #levels: Levels;
  readonly #crossings: readonly Crossed[];
  readonly #stage: number;
  readonly #names: ReadonlyMap<number, string>;
  readonly #nodes: GraphNode[] = [];
  readonly #ranks: number[] = [];
  readonly #placed = new Map<number, number>();
  readonly #sent = new Set<Exchange>();
  readonly #received = new Map<Exchange, Edge>();

  constructor(graph: Graph, levels: Levels, crossings: readonly Crossed[], stage: number) {
    this.#graph = graph;
    this.#levels = levels;
    this.#crossings = crossings;
    this.#stage = stage;
    this.#names = nameSteps(graph);
  }

  build(): StageGraph {
    const needed = this.#needed();
    for (const node of this.#graph.nodes) {
      if (needed.has(node.id)) this.#place(node);
      this.#sendTo(node);
    }
    return { nodes: this.#nodes, ranks: this.#ranks };
  }

  /** The nodes that run here, but for those whose records nobody here wants. */
  #needed(): ReadonlySet<number> {
    const needed = new Set<number>();
    const walk = (node: GraphNode) => {
      if (needed.has(node.id)) return;
      needed.add(node.id);
      for (const edge of inputsOf(node)) this.#walkBack(edge, node, walk);
    };
    for (const node of this.#graph.nodes) {
      const isEnd = ['sink', 'window', 'process', 'broadcast'].includes(node.kind);
      if (isEnd && this.#levels.stagesOf(node.id).includes(this.#stage)) walk(node);
    }
    for (const { edge, from } of this.#crossings) {
      if (from === this.#stage) walk(this.#nodeAt(edge));
    }
    return needed;
  }

  #walkBack(edge: Edge, reader: GraphNode, walk: (node: GraphNode) => void): void {
    if (this.#isDirect(edge, reader)) walk(this.#nodeAt(edge));
  }

  #isDirect(edge: Edge, reader: GraphNode): boolean {
    return this.#levels.isDirect(edge, reader, this.#stage);
  }

  #place(node: GraphNode): void {
    if (node.kind === 'source') {
      this.#placed.set(node.id, this.#add(node, node.id));
      return;
    }
    if (node.kind === 'union') {
      const direct = node.inputs.filter((edge) => this.#isDirect(edge, node));
      const inputs = direct.map((edge) => this.#edge(edge));
      this.#placed.set(node.id, this.#add({ ...node, inputs }, node.id));
      return;
    }
    this.#placed.set(node.id, this.#add(this.#withInputs(node), node.id));
  }

  #withInputs(node: Exclude<GraphNode, { kind: 'source' | 'union' }>): NewNode {
    const input = this.#inputOf(node.input, node);
    const name = this.#names.get(node.id) ?? node.name;
    if (node.kind !== 'process') {
      const isReceived = node.kind === 'sink' && !this.#isDirect(node.input, node);
      return isReceived ? { ...node, name, input, key: undefined } : { ...node, name, input };
    }
    if (node.broadcast === undefined) return { ...node, name, input };
    return { ...node, name, input, broadcast: this.#edge(node.broadcast) };
  }

  /** What a node reads: from this stage, from exchanges, or both. */
  #inputOf(edge: Edge, reader: GraphNode): Edge {
    const direct = this.#isDirect(edge, reader) ? [this.#edge(edge)] : [];
    const received = this.#crossings.filter((of) => of.reader === reader && of.to === this.#stage);
    const inputs = received.map((of) => this.#receive(of));
    return this.#joined([...direct, ...inputs], reader.id);
  }

  #joined(inputs: readonly Edge[], rank: number): Edge {
    const [first] = inputs;
    assert(first !== undefined, 'a step reads something');
    if (inputs.length === 1) return first;
    return { node: this.#add({ kind: 'union', name: undefined, inputs }, rank), port: 'out' };
  }

  /** The source of an exchange; what is keyed has its keys again behind it. */
  #receive({ exchange, reader }: Crossed): Edge {
    const known = this.#received.get(exchange);
    if (known !== undefined) return known;
    const { key, value } = exchange;
    const patience = this.#graph.nodes.flatMap((node) =>
      node.kind === 'source' ? [node.quietAfterMs] : [],
    );
    const source: Omit<SourceNode, 'id'> = {
      kind: 'source',
      name: undefined,
      topic: { name: exchange.topic, key, value },
      eventTime: undefined,
      outOfOrdernessMs: 0,
      idleAfterMs: Number.POSITIVE_INFINITY,
      quietAfterMs: Math.max(...patience),
      start: 'earliest',
      exchange,
    };
    let edge: Edge = { node: this.#add(source, reader.id), port: 'out' };
    const keyBy = keyByOf(this.#graph, reader);
    if (reader.kind !== 'sink' && reader.kind !== 'broadcast' && keyBy !== undefined) {
      const node = { kind: 'keyBy', name: keyBy.name, key: undefined, codec: keyBy.codec } as const;
      edge = { node: this.#add({ ...node, input: edge }, keyBy.id), port: 'out' };
    }
    this.#received.set(exchange, edge);
    return edge;
  }

  /** Stands where its reader would: what has several readers goes to them in their order. */
  #sendTo(node: GraphNode): void {
    for (const { edge, from, exchange, reader } of this.#crossings) {
      if (reader !== node || from !== this.#stage || this.#sent.has(exchange)) continue;
      this.#sent.add(exchange);
      const name = undefined;
      this.#add({ kind: 'send', name, input: this.#edge(edge), exchange }, edge.node);
    }
  }

  #edge({ node, port }: Edge): Edge {
    const placed = this.#placed.get(node);
    assert(placed !== undefined, 'nodes stand in topological order');
    return { node: placed, port };
  }

  #add(node: NewNode, rank: number): number {
    const id = this.#nodes.length;
    this.#nodes.push({ ...node, id } as GraphNode); // a node is what it was, with its id
    this.#ranks.push(rank);
    return id;
  }

  #nodeAt({ node: id }: Edge): GraphNode {
    const node = this.#graph.nodes[id];
    assert(node !== undefined, 'edges lead to nodes');
    return node;
  }
}

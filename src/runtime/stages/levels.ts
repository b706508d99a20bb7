/**
 * Pass: in which stages the steps of a job run, where it is shared by several tasks.
 *
 *   from(a) ── map ── keyBy ──┊── window ── map ── keyBy ──┊── aggregate ── to(b)
 *        stage 0              ┊         stage 1            ┊       stage 2
 *
 * The stage of a step is how many exchanges (┊) records have passed before it. A keyed step needs
 * one unless its records are with the task that owns their key already: behind another step of the
 * same keys. What keeps nothing runs where its records are, so a step behind a union may run in
 * several stages. A topic is written by one stage, in which each key is one task's, so that the
 * records of a key keep their order.
 */
import { keyByOf, parentsOf } from '../compiler/names.ts';
import { type Edge, type Graph, type GraphNode, inputsOf, type SinkNode } from '../graph.ts';

/**
 * Which task has a record: the one that owns its key, the one that reads its partition of a topic
 * (with the key that it has there), or any.
 */
type Placement = 'by key' | `as in ${string}` | 'anywhere';

/** An edge that leads from one stage into another one. */
export interface Crossing {
  readonly edge: Edge;
  readonly from: number;
  readonly to: number;
  /** What reads it. */
  readonly reader: GraphNode;
}

export class Levels {
  readonly #graph: Graph;
  /** By node: the stages that it runs in, and where records are when they leave it there. */
  readonly #placements = new Map<number, Map<number, Placement>>();
  readonly crossings: Crossing[] = [];

  constructor(graph: Graph) {
    this.#graph = graph;
    for (const node of graph.nodes) if (node.kind !== 'sink') this.#place(node);
    this.#placeSinks();
  }

  /** How many stages there are. */
  get count(): number {
    return 1 + Math.max(...this.#graph.nodes.flatMap(({ id }) => this.stagesOf(id)));
  }

  /** The stages in which a node runs, the first one first. */
  stagesOf(node: number): readonly number[] {
    return [...(this.#placements.get(node)?.keys() ?? [])].sort((a, b) => a - b);
  }

  /** Whether records come from `edge` to `reader` without leaving stage `stage`. */
  isDirect(edge: Edge, reader: GraphNode, stage: number): boolean {
    const crosses = this.crossings.some(
      (of) => of.reader === reader && of.from === stage && isSame(of.edge, edge),
    );
    return !crosses && this.stagesOf(edge.node).includes(stage);
  }

  #place(node: GraphNode): void {
    switch (node.kind) {
      case 'source':
        this.#put(node, 0, `as in ${node.topic.name}`);
        break;
      case 'window':
      case 'process':
        this.#placeKeyed(node);
        break;
      case 'broadcast':
        break; // stands where its step is
      default:
        for (const stage of this.#stagesBefore(node)) {
          this.#put(node, stage, node.kind === 'keyBy' ? 'anywhere' : this.#cameAs(node, stage));
        }
    }
  }

  /** A keyed step stands in one stage. */
  #placeKeyed(node: GraphNode & { readonly kind: 'window' | 'process' }): void {
    const { input } = node;
    const shared =
      node.kind === 'process' ? this.#graph.nodes[node.broadcast?.node ?? -1] : undefined;
    const isRekeyed = node.kind === 'process' && node.keyedBy !== undefined;
    const before = this.stagesOf(input.node);
    const last = Math.max(...before);
    const isThere = !isRekeyed && this.#placementOf(input.node, last) === 'by key';
    const broadcasts = shared?.kind === 'broadcast' ? this.stagesOf(shared.input.node) : [];
    const stage = Math.max(isThere ? last : last + 1, ...broadcasts.map((from) => from + 1));
    for (const from of before) {
      if (from !== stage) this.#cross(input, from, stage, node);
    }
    if (shared?.kind === 'broadcast') {
      for (const from of broadcasts) this.#cross(shared.input, from, stage, shared);
      this.#put(shared, stage, 'anywhere');
    }
    this.#put(node, stage, isRekeyed ? 'anywhere' : 'by key');
  }

  #placeSinks(): void {
    const sinks = this.#graph.nodes.filter((node) => node.kind === 'sink');
    for (const topic of new Set(sinks.map((sink) => sink.topic.name))) {
      this.#placeSinksOf(sinks.filter((sink) => sink.topic.name === topic));
    }
  }

  /** All sinks of one topic. */
  #placeSinksOf(sinks: readonly SinkNode[]): void {
    const stages = new Set(sinks.flatMap(({ input }) => this.stagesOf(input.node)));
    const last = Math.max(...stages);
    const places = new Set(
      sinks.map(({ input, key }) =>
        key === undefined ? this.#placementOf(input.node, last) : 'anywhere',
      ),
    );
    const isThere = stages.size === 1 && places.size === 1 && !places.has('anywhere');
    const stage = isThere ? last : last + 1;
    for (const sink of sinks) {
      for (const from of this.stagesOf(sink.input.node)) {
        if (from !== stage) this.#cross(sink.input, from, stage, sink);
      }
      this.#put(sink, stage, 'anywhere');
    }
  }

  #put(node: GraphNode, stage: number, placement: Placement): void {
    const placements = this.#placements.get(node.id) ?? new Map<number, Placement>();
    this.#placements.set(node.id, placements.set(stage, placement));
  }

  #cross(edge: Edge, from: number, to: number, reader: GraphNode): void {
    this.crossings.push({ edge, from, to, reader });
  }

  #stagesBefore(node: GraphNode): ReadonlySet<number> {
    return new Set(inputsOf(node).flatMap((input) => this.stagesOf(input.node)));
  }

  #placementOf(node: number, stage: number): Placement {
    return this.#placements.get(node)?.get(stage) ?? 'anywhere';
  }

  /** As the records of all inputs that a node has in a stage come to it. */
  #cameAs(node: GraphNode, stage: number): Placement {
    const placements = new Set(
      parentsOf(this.#graph, node).flatMap(({ id }) => this.#placements.get(id)?.get(stage) ?? []),
    );
    const [placement = 'anywhere'] = placements;
    return placements.size === 1 ? placement : 'anywhere';
  }
}

/** How many tasks a keyed step asks for; undefined: as the job says. */
export function parallelismOf(graph: Graph, node: GraphNode): number | undefined {
  return keyByOf(graph, node)?.parallelism;
}

export function isSame(a: Edge, b: Edge): boolean {
  return a.node === b.node && a.port === b.port;
}

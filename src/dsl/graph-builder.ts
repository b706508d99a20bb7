/**
 * Collects the nodes of one job while its streams are built. Streams are immutable; only this
 * grows.
 */
import type { Codec } from '../formats/index.ts';
import { MillraceError } from '../platform/index.ts';
import { type Edge, type Graph, type GraphNode, keyByOf } from '../runtime/index.ts';

/** A node before it has its place. */
export type NewNode = GraphNode extends infer Node
  ? Node extends GraphNode
    ? Omit<Node, 'id'>
    : never
  : never;

export class GraphBuilder {
  readonly job: string;
  readonly #nodes: GraphNode[] = [];
  #built = false;

  constructor(job: string) {
    this.job = job;
  }

  /** Adds a node and returns the edge that leads out of it. */
  add(node: NewNode): Edge {
    if (this.#built) {
      throw new MillraceError(
        'INVALID',
        `Job "${this.job}" is built already: add steps inside the function given to job().`,
      );
    }
    const id = this.#nodes.length;
    this.#nodes.push({ ...node, id } as GraphNode); // a node is what it was, with its id
    return { node: id, port: 'out' };
  }

  /**
   * Keys are equal when their bytes are, so both sides must write them alike; `other` is undefined
   * where it is no keyed stream of this job. Fails with `INVALID`.
   */
  checkKeyedAlike(call: string, own: Edge, other: Edge | undefined): void {
    const codec = this.#keyFormatOf(own);
    const its = other === undefined ? undefined : this.#keyFormatOf(other);
    if (codec !== undefined && codec === its) return;
    throw new MillraceError(
      'INVALID',
      `Job "${this.job}": ${call} takes keyed streams of the same job whose keys have one codec` +
        `${its === undefined ? '' : `, not ${codec} and ${its}`}. Call keyBy() on both alike.`,
    );
  }

  build(parallelism?: number): Graph {
    this.#built = true;
    return { job: this.job, nodes: this.#nodes, parallelism };
  }

  /** The codec of the keys that an edge carries; undefined where it is not keyed. */
  keyCodecOf({ node: id }: Edge): Codec<unknown> | undefined {
    const [graph, node] = [{ job: this.job, nodes: this.#nodes }, this.#nodes[id]];
    const keyBy = node?.kind === 'keyBy' ? node : node && keyByOf(graph, node);
    return keyBy?.codec;
  }

  /** Its name, and how many versions it has. */
  #keyFormatOf(edge: Edge): string | undefined {
    const codec = this.keyCodecOf(edge);
    if (codec === undefined) return undefined;
    const { name, versions = [] } = codec;
    return versions.length > 1 ? `${name} in version ${versions.length}` : name;
  }
}

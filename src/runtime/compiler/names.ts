/**
 * Pass: the identity of each step that keeps state, under which its state is found again.
 *
 * A given name is the identity. Else it is derived from the kind of the step, its sources, and the
 * number of keyBy steps between them: `aggregate-of-flights-keyed-1`. Stateless steps never count,
 * so adding or moving them loses no state. Two steps with one identity are refused: one of them
 * needs a name.
 */
import { MillraceError } from '../../platform/index.ts';
import type { Graph, GraphNode } from '../graph.ts';

/** Identities by node id, for nodes that keep state. Fails with `INVALID`. */
export function nameSteps(graph: Graph): ReadonlyMap<number, string> {
  const names = new Map<number, string>();
  const owners = new Map<string, GraphNode>();
  for (const node of graph.nodes) {
    if (node.kind !== 'window' && node.kind !== 'process') continue;
    const name = node.name ?? deriveName(graph, node);
    if (owners.has(name)) throw ambiguous(graph, name, node.name !== undefined);
    owners.set(name, node);
    names.set(node.id, name);
  }
  return names;
}

/** How errors name a step: its name, or its kind and place. */
export function labelOf(graph: Graph, node: GraphNode, names: ReadonlyMap<number, string>): string {
  if (node.kind === 'sink') return `to-${node.topic.name}`;
  if (node.kind === 'source') return `from-${node.topic.name}`;
  return (
    names.get(node.id) ??
    node.name ??
    `${node.kind}-${node.id} of ${sourcesOf(graph, node).join('+')}`
  );
}

/** The word in an identity for what users called the step. */
export function labelOfKind(node: GraphNode): string {
  return node.kind === 'process' ? node.label : node.kind;
}

function deriveName(graph: Graph, node: GraphNode): string {
  const sources = sourcesOf(graph, node).join('+');
  return `${labelOfKind(node)}-of-${sources}-keyed-${countKeyBys(graph, node)}`;
}

/** The topics that a node's records come from. */
export function sourcesOf(graph: Graph, node: GraphNode): string[] {
  return upstream(graph, node).flatMap((n) => (n.kind === 'source' ? [n.topic.name] : []));
}

function countKeyBys(graph: Graph, node: GraphNode): number {
  return upstream(graph, node).filter((n) => n.kind === 'keyBy').length;
}

/** The nodes between a node and its source, and the node itself, source first. */
export function upstream(graph: Graph, node: GraphNode): GraphNode[] {
  const path: GraphNode[] = [];
  let current: GraphNode | undefined = node;
  while (current !== undefined) {
    path.unshift(current);
    current = current.kind === 'source' ? undefined : graph.nodes[current.input.node];
  }
  return path;
}

function ambiguous(graph: Graph, name: string, given: boolean): MillraceError {
  return new MillraceError(
    'INVALID',
    given
      ? `Job "${graph.job}": two steps are named "${name}". Give each its own name: their ` +
          `state is kept under it.`
      : `Job "${graph.job}": two steps have the derived identity "${name}", so their state ` +
          `could be mixed up. ` +
          "Give one of them a name, for example { name: 'totals' }.",
  );
}

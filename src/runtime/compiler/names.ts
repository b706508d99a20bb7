/**
 * Pass: the identity of each step that keeps state, under which its state is found again.
 *
 * A given name is the identity. Else it is derived from the kind of the step, its sources, and the
 * number of keyBy steps between them: `aggregate-of-flights-keyed-1`. Stateless steps never count,
 * so adding or moving them loses no state. Two steps with one identity are refused: one of them
 * needs a name.
 */
import { MillraceError } from '../../platform/index.ts';
import { type Graph, type GraphNode, inputsOf, type KeyByNode } from '../graph.ts';

/** Identities by node id, for nodes that keep state. Fails with `INVALID`. */
export function nameSteps(graph: Graph): ReadonlyMap<number, string> {
  const names = new Map<number, string>();
  const owners = new Map<string, GraphNode>();
  for (const node of graph.nodes) {
    if (!keepsState(node)) continue;
    const name = node.name ?? deriveName(graph, node);
    if (owners.has(name)) throw ambiguous(graph, name, node.name !== undefined);
    owners.set(name, node);
    names.set(node.id, name);
  }
  return names;
}

function keepsState({ kind }: GraphNode): boolean {
  return kind === 'window' || kind === 'process' || kind === 'mapAsync';
}

/** How errors name a step: its name, or its kind and place. */
export function labelOf(graph: Graph, node: GraphNode, names: ReadonlyMap<number, string>): string {
  if (node.kind === 'sink') return `to-${node.topic.name}`;
  if (node.kind === 'source') return `from-${node.topic.name}`;
  if (node.kind === 'send') return node.exchange.topic;
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

/** The topics that a node's records come from, in the order in which the job names them. */
function sourcesOf(graph: Graph, node: GraphNode): string[] {
  const found = new Set([node, ...nodesBefore(graph, node)]);
  return graph.nodes.flatMap((n) => (n.kind === 'source' && found.has(n) ? [n.topic.name] : []));
}

/** On the way that has most of them. */
function countKeyBys(graph: Graph, node: GraphNode): number {
  const before = parentsOf(graph, node).map((input) => countKeyBys(graph, input));
  return Math.max(0, ...before) + (node.kind === 'keyBy' ? 1 : 0);
}

/**
 * The keyBy step that made the keys of what a node reads; of a union's inputs, which are keyed
 * alike, that of the first one. Undefined where nothing is keyed.
 */
export function keyByOf(graph: Graph, node: GraphNode): KeyByNode | undefined {
  const [input] = parentsOf(graph, node);
  if (input === undefined || input.kind === 'keyBy') return input;
  return keyByOf(graph, input);
}

/** The nodes whose records a node reads. */
export function parentsOf(graph: Graph, node: GraphNode): GraphNode[] {
  return inputsOf(node).flatMap(({ node: id }) => graph.nodes[id] ?? []);
}

/** All nodes whose records lead to those of a node. */
export function nodesBefore(graph: Graph, node: GraphNode): ReadonlySet<GraphNode> {
  const before = new Set<GraphNode>();
  const walk = (of: GraphNode) => {
    for (const parent of parentsOf(graph, of)) {
      if (before.has(parent)) continue;
      before.add(parent);
      walk(parent);
    }
  };
  walk(node);
  return before;
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

/** Pass: refuses graphs that can't mean anything, naming the step and the remedy. */
import { MillraceError } from '../../platform/index.ts';
import { streamKeysOf } from '../asking/stream-keys.ts';
import {
  deadLettersOf,
  type Graph,
  type GraphNode,
  type SinkNode,
  type SourceNode,
} from '../graph.ts';

/** Fails with `INVALID`. */
export function checkGraph(graph: Graph): void {
  const sources = graph.nodes.filter((node) => node.kind === 'source');
  const sinks = graph.nodes.filter((node) => node.kind === 'sink');
  if (sources.length === 0) {
    throw invalid(graph, 'it reads nothing. Begin a stream with from(topic, ...)');
  }
  if (sinks.length === 0) {
    throw invalid(graph, 'nothing leaves it. End a stream with .to(topic)');
  }
  checkSources(graph, sources);
  checkLoops(graph, sources, sinks);
  checkDeadLetters(graph, sources, sinks);
  checkKeptKeys(graph);
}

/** A step that keeps its inputs must be able to read their keys. */
function checkKeptKeys(graph: Graph): void {
  for (const node of graph.nodes) {
    if (node.kind !== 'mapAsync') continue;
    const keys = streamKeysOf(graph, node);
    const codecs = new Set(keys.map(({ codec }) => codec.name));
    if (codecs.size === 1) continue;
    throw invalid(
      graph,
      `mapAsync() reads records whose keys have several codecs (${[...codecs].join(', ')}). ` +
        'Call keyBy() before it',
    );
  }
}

function checkDeadLetters(
  graph: Graph,
  sources: readonly SourceNode[],
  sinks: readonly SinkNode[],
): void {
  for (const source of sources) {
    const topic = deadLettersOf(source);
    if (topic === undefined) continue;
    const isRead = sources.some((node) => node.topic.name === topic);
    if (!isRead && !sinks.some((node) => node.topic.name === topic)) continue;
    throw invalid(
      graph,
      `its dead letters go to topic "${topic}", which it ${isRead ? 'reads' : 'writes'} ` +
        'itself. Give them a topic of their own',
    );
  }
}

function checkSources(graph: Graph, sources: readonly SourceNode[]): void {
  const seen = new Set<string>();
  for (const { topic } of sources) {
    if (seen.has(topic.name)) {
      throw invalid(
        graph,
        `it reads topic "${topic.name}" twice. Call from() once, keep the stream in a constant ` +
          `and use that twice`,
      );
    }
    seen.add(topic.name);
  }
}

function checkLoops(graph: Graph, sources: readonly GraphNode[], sinks: readonly SinkNode[]): void {
  const read = new Set(
    sources.flatMap((node) => (node.kind === 'source' ? [node.topic.name] : [])),
  );
  for (const { topic } of sinks) {
    if (!read.has(topic.name)) continue;
    throw invalid(
      graph,
      `it reads and writes topic "${topic.name}", which would never end. Write to another topic`,
    );
  }
}

function invalid(graph: Graph, what: string): MillraceError {
  return new MillraceError('INVALID', `Job "${graph.job}" can't run: ${what}.`);
}

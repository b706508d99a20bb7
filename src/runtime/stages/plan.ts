/**
 * From the graph of a job to the graphs of its stages. A stage is what its tasks run, each for its
 * share of the keys, or of the partitions of topics.
 *
 * Steps that keep state have the names, and so the stores, that they have in the whole graph: state
 * can be moved from any number of tasks to any other (rescale). With one task for each stage there
 * is nothing to share, and the whole job is one stage, without exchanges.
 */
import { checkTopicName, isTopicName, positiveHash } from '../../broker/index.ts';
import type { Codec } from '../../formats/index.ts';
import { MillraceError } from '../../platform/index.ts';
import { streamKeysOf } from '../asking/stream-keys.ts';
import { keyByOf, nameSteps } from '../compiler/names.ts';
import type { Graph, GraphNode, SinkNode } from '../graph.ts';
import { partialSlicesOf } from '../operators/partial-slices.ts';
import type { Exchange, Origins } from './exchange.ts';
import { type Crossing, isSame, Levels, parallelismOf } from './levels.ts';
import { passing } from './passing.ts';
import { stageGraph } from './stage-graph.ts';

/** How a job is shared by tasks. */
export interface JobPlan {
  readonly job: string;
  /** Upstream ones first. */
  readonly stages: readonly Stage[];
}

export interface Stage {
  readonly index: number;
  readonly graph: Graph;
  /** How many tasks it asks for; the first stage has no more than there are partitions to read. */
  readonly parallelism: number;
  readonly sends: readonly Exchange[];
  /** By node of `graph`: its place in the graph of the job. */
  readonly ranks: readonly number[];
}

/** An edge that crosses, and the exchange that it becomes. */
export interface Crossed extends Crossing {
  readonly exchange: Exchange;
}

/**
 * `generation`: of the layout, part of the names of internal topics. Fails with `INVALID` where the
 * job can't be shared.
 */
export function planStages(graph: Graph, generation = 1): JobPlan {
  const { job } = graph;
  const asked = graph.parallelism ?? 1;
  const keyBys = graph.nodes.flatMap((node) => (node.kind === 'keyBy' ? [node] : []));
  if (asked === 1 && keyBys.every(({ parallelism = 1 }) => parallelism === 1)) {
    return { job, stages: [onlyStage(graph)] };
  }
  const levels = new Levels(graph);
  const crossings = exchangesOf(graph, levels.crossings, generation);
  const stages = Array.from({ length: levels.count }, (_, index) => {
    const { nodes, ranks } = stageGraph(graph, levels, crossings, index);
    const exchanges = [...new Set(crossings.map(({ exchange }) => exchange))];
    return {
      index,
      ranks,
      graph: { job, nodes },
      parallelism: stageParallelism(graph, levels, index, asked),
      sends: exchanges.filter(({ from }) => from === index),
    };
  });
  return { job, stages };
}

/** The whole job in one task. */
function onlyStage(graph: Graph): Stage {
  const ranks = graph.nodes.map(({ id }) => id);
  return { index: 0, graph, parallelism: 1, sends: [], ranks };
}

/** What a stage's steps ask for; the most counts, for they share its tasks. */
function stageParallelism(graph: Graph, levels: Levels, index: number, asked: number): number {
  const steps = graph.nodes.filter(
    (node) =>
      (node.kind === 'window' || node.kind === 'process') &&
      levels.stagesOf(node.id).includes(index),
  );
  const given = steps.flatMap((node) => parallelismOf(graph, node) ?? []);
  return given.length === 0 ? asked : Math.max(...given);
}

/** How far a task's watermark is behind the record that it reads next. */
export function lagOf({ nodes }: Graph): number {
  const disorder = nodes.map((node) => (node.kind === 'source' ? node.outOfOrdernessMs : 0));
  return Math.max(...disorder) + 1;
}

/** What records may be asked for where something came of them; nothing where nobody asks. */
function originsOf({ nodes }: Graph): readonly Origins[] {
  const sources = nodes.filter((node) => node.kind === 'source');
  const asks = nodes.some(({ kind }) => kind === 'mapAsync');
  if (!asks && sources.every(({ onError }) => onError === undefined)) return [];
  return sources.map(({ topic, onError }) => ({ topic: topic.name, onError }));
}

/** Steps that read the same records by the same keys share an exchange. */
function exchangesOf(graph: Graph, crossings: readonly Crossing[], generation: number): Crossed[] {
  const names = nameSteps(graph);
  const common = { origins: originsOf(graph), lagMs: lagOf(graph) };
  const crossed: Crossed[] = [];
  let index = 0;
  for (const crossing of crossings) {
    const like = crossed.find((of) => isShared(of, crossing));
    if (like !== undefined) {
      crossed.push({ ...crossing, exchange: like.exchange });
      continue;
    }
    const { from, to } = crossing;
    const { name, ...kind } = kindOf(graph, names, crossing);
    const topic = exchangeTopic(`__${graph.job}-${generation}.${from}`, name);
    const of = { index, topic, reader: name, from, to };
    crossed.push({ ...crossing, exchange: { ...common, ...kind, ...of } });
    index++;
  }
  return crossed;
}

/** Names that are derived may hold what topics can't have, or be long. */
function exchangeTopic(prefix: string, name: string): string {
  const topic = `${prefix}-${name}`;
  if (isTopicName(topic)) return topic;
  const hash = positiveHash(Buffer.from(name)).toString(16);
  const short = `${prefix}-${name.replaceAll(/[^a-zA-Z0-9._-]/g, '_').slice(0, 100)}-${hash}`;
  checkTopicName(short);
  return short;
}

function isShared(a: Crossing, b: Crossing): boolean {
  return isSame(a.edge, b.edge) && a.from === b.from && a.to === b.to && isKeyed(a) && isKeyed(b);
}

/** Whether its reader wants each record, with the task that owns its key. */
function isKeyed({ reader }: Crossing): boolean {
  if (reader.kind === 'window') return partialSlicesOf(reader) === undefined;
  return reader.kind === 'process' && reader.keyedBy === undefined;
}

interface ExchangeKind extends Pick<Exchange, 'key' | 'value' | 'by' | 'window'> {
  readonly name: string;
}

/** What an exchange carries to a step, and how it is shared out. */
function kindOf(
  graph: Graph,
  names: ReadonlyMap<number, string>,
  { reader }: Crossing,
): ExchangeKind {
  const name = names.get(reader.id) ?? String(reader.id);
  switch (reader.kind) {
    case 'sink':
      return kindOfSink(graph, reader);
    case 'broadcast': {
      const seen = names.get(seenBy(graph, reader)) ?? name;
      const key = keyCodecOf(graph, reader);
      return { name: `broadcast-${seen}`, key, value: passing, by: 'all', window: undefined };
    }
    default: {
      const { keyedBy = undefined } = reader.kind === 'process' ? reader : {};
      const by = keyedBy === undefined ? 'key' : { ...keyedBy, isKey: false };
      const isAggregated = reader.kind === 'window' && partialSlicesOf(reader) !== undefined;
      const window = isAggregated ? { ...reader, name } : undefined;
      return { name, key: keyCodecOf(graph, reader), value: passing, by, window };
    }
  }
}

function kindOfSink(
  graph: Graph,
  { id, topic, key: of, writesTombstones }: SinkNode,
): ExchangeKind {
  const sinks = graph.nodes.filter(
    (node) => node.kind === 'sink' && node.topic.name === topic.name,
  );
  const name = `to-${topic.name}-${sinks.findIndex((sink) => sink.id === id)}`;
  const by = of === undefined ? 'key' : { of, codec: topic.key, isKey: true };
  const value = writesTombstones === true ? passing : topic.value;
  return { name, key: topic.key, value, by, window: undefined };
}

/** The step that sees what is broadcast. */
function seenBy(graph: Graph, { id }: GraphNode): number {
  const step = graph.nodes.find((node) => node.kind === 'process' && node.broadcast?.node === id);
  return step?.id ?? id;
}

/** Of the keys of what a node reads. */
function keyCodecOf(graph: Graph, node: GraphNode): Codec<unknown> {
  const keyed = keyByOf(graph, node)?.codec;
  if (keyed !== undefined) return keyed;
  const codecs = streamKeysOf(graph, node).map(({ codec }) => codec);
  const [first] = codecs;
  if (first !== undefined && codecs.every(({ name }) => name === first.name)) return first;
  throw new MillraceError(
    'INVALID',
    `Job "${graph.job}" can't be shared by several tasks: a step reads records whose keys have ` +
      `several codecs (${codecs.map(({ name }) => name).join(', ')}). Call keyBy() before it.`,
  );
}

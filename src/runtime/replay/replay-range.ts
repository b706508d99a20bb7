/** Which records a replay reads: from where to where in each partition of the job's input. */
import type { Broker, Position, TopicPartition } from '../../broker/index.ts';
import { MillraceError } from '../../platform/index.ts';
import type { Graph } from '../graph.ts';

/**
 * A place in all partitions that a job reads: the first record with that timestamp (ms since the
 * epoch) or a later one; the same offset in each; or an offset of its own for each that is named.
 */
export type ReplayBound =
  | { readonly timestamp: number }
  | { readonly offset: number }
  | { readonly offsets: readonly Position[] };

export interface ReplayBounds {
  readonly from: 'earliest' | ReplayBound;
  readonly to: 'latest' | ReplayBound;
}

/** The records of a partition from `start` to before `end`. */
export interface PartitionRange extends TopicPartition {
  readonly start: number;
  readonly end: number;
}

/** Fails with `TOPIC_MISSING`, `OFFSET_OUT_OF_RANGE` or `INVALID`. */
export function rangesOf(broker: Broker, graph: Graph, bounds: ReplayBounds): PartitionRange[] {
  const partitions = partitionsRead(broker, graph);
  for (const bound of [bounds.from, bounds.to]) requireKnown(graph, partitions, bound);
  requireOrder(bounds);
  return partitions.map((of) => {
    const end = broker.endOf(of);
    const start = Math.min(offsetOf(broker, of, bounds.from, broker.startOf(of)), end);
    requirePresent(broker, of, start);
    const to = Math.min(offsetOf(broker, of, bounds.to, end), end);
    return { ...of, start, end: Math.max(start, to) };
  });
}

function partitionsRead(broker: Broker, graph: Graph): TopicPartition[] {
  return graph.nodes.flatMap((node) => {
    if (node.kind !== 'source') return [];
    const topic = node.topic.name;
    const described = broker.describeTopic(topic);
    if (described !== undefined) {
      return described.partitions.map(({ partition }) => ({ topic, partition }));
    }
    const message = `Job "${graph.job}" reads topic "${topic}", which does not exist.`;
    throw new MillraceError('TOPIC_MISSING', message);
  });
}

/** `otherwise`: of a partition of which the bound says nothing. */
function offsetOf(
  broker: Broker,
  of: TopicPartition,
  bound: 'earliest' | 'latest' | ReplayBound,
  otherwise: number,
): number {
  if (typeof bound === 'string') return otherwise;
  if ('offset' in bound) return bound.offset;
  if ('timestamp' in bound) return broker.offsetAtTimestamp(of, bound.timestamp);
  return bound.offsets.find((named) => isSame(named, of))?.offset ?? otherwise;
}

function requireKnown(
  { job }: Graph,
  partitions: readonly TopicPartition[],
  bound: ReplayBounds['from'] | ReplayBounds['to'],
): void {
  if (typeof bound === 'string') return;
  const named = 'offsets' in bound ? bound.offsets : [];
  const unknown = named.find((of) => !partitions.some((read) => isSame(read, of)));
  const numbers = 'offsets' in bound ? named.map(({ offset }) => offset) : Object.values(bound);
  const wrong = numbers.find((number) => !Number.isSafeInteger(number));
  if (unknown === undefined && wrong === undefined) return;
  const what =
    unknown === undefined
      ? `replay() can't begin or end at ${String(wrong)}: give whole numbers`
      : `Job "${job}" does not read ${unknown.topic}/${unknown.partition}: give partitions ` +
        'that it reads';
  throw new MillraceError('INVALID', `${what}.`);
}

function requireOrder({ from, to }: ReplayBounds): void {
  if (typeof from === 'string' || typeof to === 'string') return;
  const isBehind =
    ('timestamp' in from && 'timestamp' in to && from.timestamp > to.timestamp) ||
    ('offset' in from && 'offset' in to && from.offset > to.offset);
  if (!isBehind) return;
  throw new MillraceError(
    'INVALID',
    'A replay can\'t begin behind its end: exchange "from" and "to".',
  );
}

function requirePresent(broker: Broker, of: TopicPartition, start: number): void {
  const first = broker.startOf(of);
  if (start >= first) return;
  throw new MillraceError(
    'OFFSET_OUT_OF_RANGE',
    `A replay can't begin at offset ${start} of ${of.topic}/${of.partition}: its log begins at ` +
      `${first}, the records before were removed. Begin there, or leave "from" out.`,
  );
}

function isSame(a: TopicPartition, b: TopicPartition): boolean {
  return a.topic === b.topic && a.partition === b.partition;
}

/**
 * The catalogue: what the entries of a journal amount to. `apply` depends on nothing but its
 * arguments, so every process that has read the same entries has the same catalogue, and so have
 * the memory implementation and the models.
 *
 * It answers where a partition begins, ends and lies, how far each task has come and who may commit
 * for it. It holds no records. `applied` is the sequence of the last entry; entries are applied in
 * order, each once.
 */
import { assert, unreachable } from '../platform/index.ts';
import { fileRef } from './file-ref.ts';
import type {
  AppendOperation,
  ClaimOperation,
  CommitOperation,
  CreateTopicOperation,
  Entry,
  Holder,
  LogStartOperation,
  Operation,
  ProducedOperation,
  ReleaseOperation,
  SortedOperation,
  TopicPosition,
} from './operation.ts';
import { RangeList } from './ranges.ts';

/** Producers remembered for their sequence; the one that was silent longest is forgotten first. */
export const producersMax = 1024;

export interface PartitionState {
  start: number;
  end: number;
  readonly ranges: RangeList;
  /** The first range that the stored catalogue does not have as it is here. */
  firstUnsaved: number;
}

export interface TopicState {
  readonly id: number;
  readonly name: string;
  readonly internal: boolean;
  readonly futureTimestampsMaxMs: number;
  readonly partitions: readonly PartitionState[];
}

export interface TaskState {
  incarnation: number;
  epoch: number;
  clockMs: number;
  /** Undefined once released. */
  holder: Holder | undefined;
  readonly positions: Map<string, TopicPosition>;
}

/** What the last sequence of a producer was answered with. */
export interface ProducerState {
  readonly sequence: number;
  readonly appends: readonly AppendOperation[];
}

export interface Catalogue {
  applied: number;
  nextTopic: number;
  /** The number that the next file of large appends gets. */
  nextLarge: number;
  readonly topics: Map<number, TopicState>;
  readonly topicIds: Map<string, number>;
  readonly tasks: Map<string, TaskState>;
  readonly producers: Map<string, ProducerState>;
  /** Journal files that are not sorted yet, the one being written last. */
  unsorted: number[];
}

export function emptyCatalogue(): Catalogue {
  return {
    applied: 0,
    nextTopic: 1,
    nextLarge: 1,
    topics: new Map(),
    topicIds: new Map(),
    tasks: new Map(),
    producers: new Map(),
    unsorted: [1],
  };
}

/** Moves `catalogue` from the entry before `entry` to it. */
export function apply(catalogue: Catalogue, entry: Entry): void {
  assert(entry.sequence === catalogue.applied + 1, 'entries are applied in order');
  let produced: { operation: ProducedOperation; appends: AppendOperation[] } | undefined;
  for (const operation of entry.operations) {
    if (operation.kind === 'produced') {
      produced = { operation, appends: [] };
      rememberProducer(catalogue, operation, produced.appends);
    } else if (operation.kind === 'append' && produced !== undefined) {
      produced.appends.push(operation);
      if (produced.appends.length === produced.operation.appends) produced = undefined;
    }
    applyOperation(catalogue, operation);
  }
  catalogue.applied = entry.sequence;
}

function applyOperation(catalogue: Catalogue, operation: Operation): void {
  switch (operation.kind) {
    case 'append':
      applyAppend(catalogue, operation);
      break;
    case 'commit':
      applyCommit(catalogue, operation);
      break;
    case 'claim':
      applyClaim(catalogue, operation);
      break;
    case 'release':
      applyRelease(catalogue, operation);
      break;
    case 'createTopic':
      applyCreateTopic(catalogue, operation);
      break;
    case 'deleteTopic':
      deleteTopic(catalogue, operation.topic);
      break;
    case 'logStart':
      applyLogStart(catalogue, operation);
      break;
    case 'sorted':
      applySorted(catalogue, operation);
      break;
    case 'roll':
      catalogue.unsorted = [...catalogue.unsorted, operation.journal];
      break;
    case 'produced':
    case 'seal':
      break;
    default:
      unreachable(operation);
  }
}

function applyAppend(catalogue: Catalogue, operation: AppendOperation): void {
  const partition = catalogue.topics.get(operation.topic)?.partitions[operation.partition];
  assert(partition !== undefined, 'an append names a partition that exists');
  assert(operation.baseOffset === partition.end, 'appends to a partition follow one another');
  assert(operation.place !== undefined, 'an append has its place before it is applied');
  const { file, position } = operation.place;
  partition.end = operation.baseOffset + operation.recordCount;
  partition.ranges.push({
    base: operation.baseOffset,
    end: partition.end,
    maxTimestamp: operation.maxTimestamp,
    file,
    position,
    length: operation.length,
  });
  catalogue.nextLarge = Math.max(catalogue.nextLarge, nextLargeAfter(file));
}

function nextLargeAfter(file: number): number {
  return file % 4 === fileRef('large', 0) ? Math.floor(file / 4) + 1 : 1;
}

function applyCommit(catalogue: Catalogue, operation: CommitOperation): void {
  const task = catalogue.tasks.get(operation.task);
  assert(task?.incarnation === operation.incarnation, 'only the newest incarnation commits');
  assert(operation.epoch === task.epoch + 1, 'epochs of a task follow one another');
  task.epoch = operation.epoch;
  task.clockMs = operation.clockMs;
  for (const position of operation.positions) {
    task.positions.set(partitionKey(position.topic, position.partition), position);
  }
}

function applyClaim(catalogue: Catalogue, operation: ClaimOperation): void {
  const task = catalogue.tasks.get(operation.task);
  if (task !== undefined) {
    assert(operation.incarnation === task.incarnation + 1, 'a claim raises the incarnation by one');
    task.incarnation = operation.incarnation;
    task.holder = operation.holder;
    return;
  }
  catalogue.tasks.set(operation.task, {
    incarnation: operation.incarnation,
    epoch: 0,
    clockMs: 0,
    holder: operation.holder,
    positions: new Map(),
  });
}

function applyRelease(catalogue: Catalogue, operation: ReleaseOperation): void {
  const task = catalogue.tasks.get(operation.task);
  if (task?.incarnation === operation.incarnation) task.holder = undefined;
}

function applyCreateTopic(catalogue: Catalogue, operation: CreateTopicOperation): void {
  const { topic: id, name, internal, futureTimestampsMaxMs } = operation;
  assert(!catalogue.topicIds.has(name), 'a topic is made once');
  const partitions = Array.from({ length: operation.partitions }, () => ({
    start: 0,
    end: 0,
    ranges: new RangeList(),
    firstUnsaved: 0,
  }));
  catalogue.topics.set(id, { id, name, internal, futureTimestampsMaxMs, partitions });
  catalogue.topicIds.set(name, id);
  catalogue.nextTopic = Math.max(catalogue.nextTopic, id + 1);
}

function deleteTopic(catalogue: Catalogue, id: number): void {
  const topic = catalogue.topics.get(id);
  if (topic === undefined) return;
  catalogue.topics.delete(id);
  catalogue.topicIds.delete(topic.name);
  for (const task of catalogue.tasks.values()) {
    for (const [key, position] of task.positions) {
      if (position.topic === id) task.positions.delete(key);
    }
  }
}

function applyLogStart(catalogue: Catalogue, operation: LogStartOperation): void {
  const partition = catalogue.topics.get(operation.topic)?.partitions[operation.partition];
  if (partition === undefined || operation.offset <= partition.start) return;
  partition.start = operation.offset;
  if (partition.ranges.dropBefore(operation.offset) > 0) partition.firstUnsaved = 0;
}

/**
 * A partition whose topic was deleted, or whose log start moved, after the sorter read it: what is
 * gone stays gone.
 */
function applySorted(catalogue: Catalogue, operation: SortedOperation): void {
  const file = fileRef('journal', operation.journal);
  const sorted = new Map(
    operation.partitions.map((p) => [partitionKey(p.topic, p.partition), p.ranges]),
  );
  for (const topic of catalogue.topics.values()) {
    for (const [index, partition] of topic.partitions.entries()) {
      const ranges = sorted.get(partitionKey(topic.id, index)) ?? [];
      const kept = ranges.filter((range) => range.end > partition.start);
      const changed = partition.ranges.replaceFile(file, kept);
      partition.firstUnsaved = Math.min(partition.firstUnsaved, changed);
    }
  }
  catalogue.unsorted = catalogue.unsorted.filter((number) => number !== operation.journal);
}

function rememberProducer(
  catalogue: Catalogue,
  operation: ProducedOperation,
  appends: readonly AppendOperation[],
): void {
  catalogue.producers.delete(operation.producer); // so that the map is in the order of last use
  catalogue.producers.set(operation.producer, { sequence: operation.sequence, appends });
  if (catalogue.producers.size <= producersMax) return;
  for (const oldest of catalogue.producers.keys()) {
    catalogue.producers.delete(oldest);
    return;
  }
}

export function partitionKey(topic: number, partition: number): string {
  return `${topic}/${partition}`;
}

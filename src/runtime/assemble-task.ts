/** Makes a task of its state, the job's graph and the positions where its inputs stand. */
import type { Broker, Claim, TopicPartition } from '../broker/index.ts';
import type { Codec } from '../formats/index.ts';
import type { Clock } from '../platform/index.ts';
import { type Declarations, onlyKey, onlyKeyFormat, TaskState } from '../state/index.ts';
import { AsyncSteps } from './asking/async-steps.ts';
import {
  buildChain,
  type Chain,
  type ChainOptions,
  type ChainPlace,
  type ChainSource,
} from './chain.ts';
import type { EpochLimit } from './epoch-limit.ts';
import { EpochRecorder } from './epoch-log.ts';
import type { Graph } from './graph.ts';
import type { OperatorContext } from './operator.ts';
import { type InputLog, PartitionInput } from './partition-input.ts';
import { firstPlace } from './stages/place.ts';
import { lagOf } from './stages/plan.ts';
import type { Bound } from './stages/senders.ts';
import type { Sharing } from './stages/sharing.ts';
import { Task } from './task.ts';
import { TaskTime, type TimeSnapshot } from './time/task-time.ts';

/** What a task needs of the log. */
export type TaskLog = InputLog & Pick<Broker, 'describeTopic'>;

export interface TaskOptions {
  readonly graph: Graph;
  /** Of the task; `epoch` was committed last, at `clockMs`. */
  readonly claim: Omit<Claim, 'positions'>;
  readonly broker: TaskLog;
  readonly clock: Clock;
  readonly changelog: string;
  readonly state: TaskState;
  readonly limit: EpochLimit;
  /** See `TaskParts`. Default false. */
  readonly nowFollowsRecords?: boolean;
  /** Which task of its stage it is; undefined where the whole job is one task. */
  readonly place?: ChainPlace | undefined;
  readonly sharing?: Sharing | undefined;
  readonly settling?: Bound | undefined;
  /** Default: none, for a job that is one task. */
  readonly run?: string | undefined;
  /** How far its watermark is behind what it reads, in ms; default: as the graph says. */
  readonly lagMs?: number | undefined;
  /** Where a partition of a source is read on; undefined: the task does not read it. */
  positionOf(partition: TopicPartition, source: ChainSource): number | undefined;
}

/** Fails with `STATE_MISMATCH` where the state does not fit the graph. */
export function assembleTask(options: TaskOptions): Task {
  const { graph, claim, broker, clock, changelog, state, limit } = options;
  const context = newContext(graph, clock.now());
  const { chain, timeStore } = declare({
    graph,
    context,
    stores: state,
    partitionsOf: (topic) => broker.describeTopic(topic)?.partitions.length ?? 1,
    place: options.place,
  });
  state.finishDeclaring(graph.job);
  const { sharing, lagMs = lagOf(graph), run = '' } = options;
  const inputs = openInputs(options, chain);
  const time = openTime(inputs, clock.monotonicMs(), timeStore.get(onlyKey));
  const newRecorder = () =>
    new EpochRecorder({
      ...{ task: claim.task, inputs, time, newStates: state.newStores },
      topicIdOf: (topic) => broker.describeTopic(topic)?.id ?? 0,
    });
  return new Task({
    ...{ name: claim.task, job: graph.job, incarnation: claim.incarnation },
    ...{ epoch: claim.epoch, clockMs: claim.clockMs },
    ...{
      broker,
      clock,
      changelog,
      chain,
      context,
      inputs,
      time,
      state,
      timeStore,
      limit,
      recorder: sharing === undefined ? newRecorder() : undefined,
      sharing,
      index: options.place?.index ?? 0,
      settling: options.settling,
      run,
      lagMs,
      nowFollowsRecords: options.nowFollowsRecords ?? false,
      asking: new AsyncSteps(claim.task, chain.asking),
    },
  });
}

/** What a job declares, without any state. */
export function declarationsOf(graph: Graph): Declarations {
  const changelog = { name: '', start: 0, end: 0, read: () => [] };
  const memoryBytesMax = Number.POSITIVE_INFINITY;
  const stores = new TaskState({ file: undefined, filePath: '', changelog, memoryBytesMax });
  declare({ graph, context: newContext(graph, 0), stores, partitionsOf: () => 1 });
  return stores.declarations;
}

/** Makes the chain; declares its state, and the task's own. */
function declare(options: ChainOptions) {
  const chain = buildChain(options);
  const own = { name: 'task/time', value: timeCodec, keyCodec: onlyKeyFormat };
  return { chain, timeStore: options.stores.value(own) };
}

function newContext(graph: Graph, now: number): OperatorContext {
  return {
    step: { name: graph.job, kind: 'job' },
    now,
    sourcePartition: 0,
    origin: undefined,
    place: { ...firstPlace, sent: 0 },
    settled: Number.NEGATIVE_INFINITY,
    settledBeforeDrain: undefined,
    key: null,
    late: 0,
    written: 0,
  };
}

function openInputs(
  { broker, place, positionOf, run }: TaskOptions,
  chain: Chain,
): PartitionInput[] {
  const inputs = chain.sources.flatMap((source) => {
    const { name: topic } = source.node.topic;
    const partitions = broker.describeTopic(topic)?.partitions ?? [];
    const senders = partitions.length / (place?.tasks ?? 1);
    return partitions.flatMap(({ partition }) => {
      const position = positionOf({ topic, partition }, source);
      if (position === undefined) return [];
      const sender = partition % senders;
      return new PartitionInput(broker, source, { partition, position, sender, run });
    });
  });
  return inputs.sort(compareInputs);
}

/** Exchanges in their order; else by topic. */
function compareInputs(a: PartitionInput, b: PartitionInput): number {
  const [of, other] = [a.source.node.exchange, b.source.node.exchange];
  const exchanges = (of?.index ?? 0) - (other?.index ?? 0);
  if (exchanges !== 0) return exchanges;
  return a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1;
}

function openTime(
  inputs: readonly PartitionInput[],
  now: number,
  snapshot: TimeSnapshot | undefined,
): TaskTime {
  const time = new TaskTime(
    inputs.map(({ name, source }) => {
      const { exchange } = source.node;
      const together = (exchange?.from ?? 0) > 0 ? exchange?.topic : undefined;
      return { name, source: source.node, together };
    }),
    now,
  );
  if (snapshot !== undefined) time.restore(snapshot);
  return time;
}

/** Plain JSON: a snapshot of time holds nothing that JSON would change. */
const timeCodec: Codec<TimeSnapshot> = {
  name: 'json',
  text: true,
  encode: (value) => Buffer.from(JSON.stringify(value)),
  decode: (bytes, start, end) =>
    JSON.parse(Buffer.from(bytes.subarray(start, end)).toString('utf8')),
};

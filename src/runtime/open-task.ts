/**
 * Brings a task to where its last commit left it: claims it, recovers its state, finds its
 * positions.
 *
 * What a job needs from the log is checked before anything is claimed: a topic that is missing is
 * named. Start positions are resolved once and committed before the first record is read, so that a
 * crash can't make the job begin elsewhere.
 */
import {
  type Broker,
  type Claim,
  RecordCursor,
  type TopicOptions,
  type TopicPartition,
} from '../broker/index.ts';
import {
  isMillraceError,
  MillraceError,
  type Platform,
  withSqliteErrors,
} from '../platform/index.ts';
import {
  type Change,
  type ChangelogReader,
  checkFolded,
  type KeyTest,
  StateFile,
  TaskState,
} from '../state/index.ts';
import { answersOf } from './asking/answer.ts';
import { assembleTask, type TaskLog } from './assemble-task.ts';
import type { ChainSource } from './chain.ts';
import { changeOf } from './changelog.ts';
import { ClockLimit, type EpochBudget } from './epoch-limit.ts';
import { epochsOf } from './epoch-log.ts';
import { asksOutside, deadLettersOf, type Graph, type SourceNode } from './graph.ts';
import type { PartitionInput } from './partition-input.ts';
import { type NewestState, type RecoveredState, recoverNewest } from './recover-newest.ts';
import { recoverOrRebuild } from './replay/recover-or-rebuild.ts';
import { type JobTasks, reads, type StageTask, taskNameOf } from './stages/job-tasks.ts';
import { requireLayout } from './stages/layout.ts';
import { lagOf } from './stages/plan.ts';
import type { Bound } from './stages/senders.ts';
import { type Sharing, sharingOf } from './stages/sharing.ts';
import type { RebuildStatus } from './status.ts';
import type { Task } from './task.ts';

export interface OpenTaskOptions {
  /** Of the task's stage. */
  readonly graph: Graph;
  /** Which task it is; undefined where the whole job is one. */
  readonly shared?: { readonly job: JobTasks; readonly task: StageTask } | undefined;
  readonly broker: Broker;
  readonly platform: Platform;
  /**
   * The data directory; undefined where the log is in memory, and the changelog holds all state.
   */
  readonly directory: string | undefined;
  readonly durable: boolean;
  readonly takeOver: boolean;
  /** What entries of state may take in memory, in bytes. */
  readonly stateMemoryMax: number;
  readonly foldIntervalMs: number;
  readonly foldCpuShare: number;
  /** Changelog that may wait to be folded, in bytes. */
  readonly unfoldedBytesMax: number;
  readonly walBytesMax: number;
  readonly budget: EpochBudget;
  /** Names the call of `run` that the task belongs to. */
  readonly run: string;
  /** Read no further than this, and wait for nobody: a job is settled before it is rescaled. */
  readonly settling?: Bound | undefined;
  /** Compute the state anew from the log where its file is refused. */
  readonly rebuildState: boolean;
  /** Ends what takes long while the task is opened. */
  readonly signal: AbortSignal;
  /** Told of failures that do not stop the task. */
  onError(error: unknown): void;
  onRebuild(status: RebuildStatus): void;
  /** Told how far a migration of state is. */
  onMigration(progress: string): void;
}

export interface OpenedTask {
  readonly task: Task;
  readonly claim: Claim;
  readonly changelog: string;
  /** Where the fold goes; undefined without a directory. */
  readonly statePath: string | undefined;
  /** Up to which changelog offset the state file had folded. */
  readonly foldedOffset: number;
  /**
   * Closes the state file. It stays open while the task runs: SQLite would empty and remove its
   * write-ahead log each time the last connection went, in the middle of the commits.
   */
  close(): void;
}

export function changelogOf(task: string): string {
  return `__${task}-changelog`;
}

/** Undefined where `signal` has ended it before. */
export async function openTask(options: OpenTaskOptions): Promise<OpenedTask | undefined> {
  const { graph, broker, shared } = options;
  if (shared === undefined) await prepareTopics(graph, broker);
  const name = shared?.task.name ?? taskNameOf(graph.job);
  const claim = await broker.claim(name, { takeOver: options.takeOver });
  let opened: OpenedTask | undefined;
  try {
    opened = await openClaimed(options, claim);
    return opened;
  } finally {
    if (opened === undefined) await broker.release(claim).catch(() => {}); // a successor holds it
  }
}

async function openClaimed(
  options: OpenTaskOptions,
  claim: Claim,
): Promise<OpenedTask | undefined> {
  const { broker } = options;
  requireLayout(options.graph.job, options.shared?.job.layout.generation, broker);
  const changelog = changelogOf(claim.task);
  await ensureTopic(broker, changelog, { internal: true });
  if (options.shared === undefined) {
    await ensureTopic(broker, epochsOf(claim.task), { internal: true });
  }
  if (asksOutside(options.graph)) {
    await ensureTopic(broker, answersOf(claim.task), { internal: true });
  }
  const statePath = prepareStatePath(options, claim.task);
  const recover = () => recoverState(options, claim, changelog, statePath);
  const found =
    options.rebuildState && statePath !== undefined
      ? await recoverOrRebuild({ ...options, claim, changelog, statePath }, recover)
      : recover();
  if (found === undefined) return undefined;
  const changes = () => changelogReader(broker, { topic: changelog, partition: 0 }).read(0);
  const recovered = await recoverNewest({ ...options, claim, changelog, changes }, found, recover);
  if (recovered === undefined) return undefined;
  try {
    return await openRecovered(options, recovered, changelog, statePath);
  } catch (error) {
    recovered.close();
    throw error;
  }
}

async function openRecovered(
  options: OpenTaskOptions,
  { claim, state, foldedOffset, close }: NewestState,
  changelog: string,
  statePath: string | undefined,
): Promise<OpenedTask> {
  const { graph, broker, platform, budget, shared } = options;
  const isRead = (partition: TopicPartition, { node }: ChainSource) =>
    shared === undefined || reads(shared.task, node, partition, broker);
  const task = assembleTask({
    ...{ graph, claim, broker, changelog, state },
    clock: platform.clock,
    limit: new ClockLimit(platform.clock, budget),
    place: shared && { ...shared.task, ranks: shared.task.stage.ranks },
    sharing: shared && (options.settling ? still : sharingOf(shared.job, shared.task, broker)),
    settling: options.settling,
    run: options.run,
    lagMs: shared && lagOf(shared.job.graph),
    positionOf: (partition, source) =>
      isRead(partition, source) ? positionOf(broker, claim, partition, source) : undefined,
  });
  if (isFirstRun(task.parts.inputs, claim)) {
    task.committed(await broker.commit(task.firstCommit()));
  }
  return { task, claim, changelog, statePath, foldedOffset, close };
}

/** Nobody is asked how far others are. */
const still: Sharing = { haveAllCaughtUp: () => false, isAhead: () => false };

/** Input topics must exist; what the job writes is made. */
export async function prepareTopics(graph: Graph, broker: Broker): Promise<void> {
  const sources = graph.nodes.filter((node) => node.kind === 'source');
  for (const { topic } of sources) {
    if (broker.describeTopic(topic.name) !== undefined) continue;
    throw new MillraceError(
      'TOPIC_MISSING',
      `Job "${graph.job}" reads topic "${topic.name}", which does not exist. Make it first: ` +
        `millrace topics create ${topic.name} --partitions 4`,
    );
  }
  for (const { name, ...options } of topicsMadeFor(graph, broker)) {
    await ensureTopic(broker, name, options);
  }
}

/** A topic that a job makes where it is missing. */
export type MadeTopic = TopicOptions & { readonly name: string; readonly internal?: boolean };

/** What a job writes. Dead letters take whatever time their sources' records have. */
export function* topicsMadeFor(graph: Graph, broker: TaskLog): Generator<MadeTopic> {
  const sources = graph.nodes.filter((node) => node.kind === 'source');
  const partitions = broker.describeTopic(sources[0]?.topic.name ?? '')?.partitions.length ?? 1;
  for (const node of graph.nodes) {
    if (node.kind !== 'sink') continue;
    yield { name: node.topic.name, partitions: node.topic.partitions ?? partitions };
  }
  for (const name of new Set(sources.flatMap((node) => deadLettersOf(node) ?? []))) {
    const read = sources.filter((node) => deadLettersOf(node) === name);
    const described = read.flatMap((node) => broker.describeTopic(node.topic.name) ?? []);
    const partitions = Math.max(...described.map((of) => of.partitions.length));
    const futureTimestampsMaxMs = Math.max(...described.map((of) => of.futureTimestampsMaxMs));
    yield { name, partitions, futureTimestampsMaxMs };
  }
}

async function ensureTopic(
  broker: Broker,
  name: string,
  options: Omit<MadeTopic, 'name'>,
): Promise<void> {
  if (broker.describeTopic(name) !== undefined) return;
  try {
    await broker.createTopic(name, options);
  } catch (error) {
    if (!isMillraceError(error, 'TOPIC_EXISTS')) throw error; // another process was faster
  }
}

function prepareStatePath(
  { directory, graph, platform }: OpenTaskOptions,
  task: string,
): string | undefined {
  if (directory === undefined) return undefined;
  const parent = `${directory}/state/${graph.job}`;
  platform.files.makeDirectory(parent);
  platform.files.syncDirectory(`${directory}/state`);
  return `${parent}/${task}.db`;
}

function recoverState(
  options: OpenTaskOptions,
  claim: Claim,
  changelog: string,
  path: string | undefined,
): RecoveredState {
  const { broker, platform, durable } = options;
  const reader = changelogReader(broker, { topic: changelog, partition: 0 });
  if (path === undefined) {
    const state = stateInMemory(reader);
    return { state, file: undefined, foldedOffset: 0, close: () => {} };
  }
  if (!platform.files.exists(path)) checkFolded({ filePath: path, changelog: reader }, 0, 0);
  const database = platform.openDatabase(path, { durable });
  try {
    return withSqliteErrors(path, () => {
      const file = new StateFile(database, path, { directoryId: broker.id, task: claim.task });
      file.claim(claim.incarnation);
      const state = new TaskState({
        file,
        filePath: path,
        changelog: reader,
        memoryBytesMax: options.stateMemoryMax,
      });
      return { state, file, foldedOffset: file.foldedOffset, close: () => file.close() };
    });
  } catch (error) {
    database.close();
    throw error;
  }
}

/** The changelog holds all of it. */
export function stateInMemory(changelog: ChangelogReader): TaskState {
  const memoryBytesMax = Number.POSITIVE_INFINITY;
  return new TaskState({ file: undefined, filePath: '', changelog, memoryBytesMax });
}

/**
 * The changelog's records from an offset on, as changes; bytes are views that are not used again.
 */
export function changelogReader(broker: Broker, partition: TopicPartition): ChangelogReader {
  return {
    name: partition.topic,
    start: broker.startOf(partition),
    end: broker.endOf(partition),
    read: (offset, isWanted) => readChanges(broker, partition, offset, isWanted),
  };
}

function* readChanges(
  broker: Broker,
  partition: TopicPartition,
  from: number,
  isWanted: KeyTest = () => true,
): Generator<Change> {
  const cursor = new RecordCursor();
  for (let offset = from; ; offset = cursor.endOffset()) {
    const batches = broker.read(partition, offset, 1024 * 1024);
    if (batches === undefined) return;
    cursor.reset(batches.bytes, batches.placeOf);
    while (cursor.next()) {
      if (cursor.offset < offset || !isWanted(cursor.bytes, cursor.keyStart)) continue;
      yield changeOf(cursor);
    }
  }
}

/** Where the task goes on with a partition, or begins. */
export function positionOf(
  broker: Broker,
  claim: Claim,
  target: TopicPartition,
  source: ChainSource,
): number {
  const committed = claim.positions.find(
    (p) => p.topic === target.topic && p.partition === target.partition,
  );
  const position = committed?.offset ?? startOffset(broker, source.node, target);
  const start = broker.startOf(target);
  if (position >= start) return position;
  throw new MillraceError(
    'OFFSET_OUT_OF_RANGE',
    `Task "${claim.task}" stands at offset ${position} of ` +
      `${target.topic}/${target.partition}, but the log begins at ` +
      `${start}: the records between were removed before they were read. Give the job ` +
      `another name to begin anew.`,
  );
}

function startOffset(broker: Broker, { start }: SourceNode, target: TopicPartition): number {
  if (start === 'earliest') return broker.startOf(target);
  if (start === 'latest') return broker.endOf(target);
  return broker.offsetAtTimestamp(target, start.timestamp);
}

export function isFirstRun(inputs: readonly PartitionInput[], claim: Claim): boolean {
  return inputs.length > claim.positions.length;
}

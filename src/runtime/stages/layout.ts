/**
 * The layout of a job that several tasks share: the last record of `__<job>-layout`. It is written
 * when the job runs for the first time, and when it is rescaled; whoever writes it has claimed
 * `<job>/layout`, so of two at once one is fenced and looks again.
 */
import { isDeepStrictEqual } from 'node:util';
import {
  type Batches,
  type Broker,
  type Claim,
  RecordBatchBuilder,
  RecordCursor,
} from '../../broker/index.ts';
import { isMillraceError, MillraceError } from '../../platform/index.ts';
import { nameSteps } from '../compiler/names.ts';
import type { Graph } from '../graph.ts';
import { firstLayout, isShared, type Layout, partitionsRead, taskNameOf } from './job-tasks.ts';
import { type JobPlan, planStages } from './plan.ts';

/** A layout, and what the job was like that asked for it. */
export interface RecordedLayout extends Layout {
  /** The parallelism that each stage asks for. */
  readonly asked: readonly number[];
  /** The steps that keep state, by stage. */
  readonly steps: readonly (readonly string[])[];
  /**
   * The topics that it reads, with their partitions: tasks share them out by their order. Undefined
   * in layouts that were recorded before this was.
   */
  readonly topics?: TopicsRead;
}

/** How many partitions each has. */
type TopicsRead = Readonly<Record<string, number>>;

export function layoutTopicOf(job: string): string {
  return `__${job}-layout`;
}

export function layoutTaskOf(job: string): string {
  return `${job}/layout`;
}

/**
 * The layout that a job runs in; undefined where it is one task. Fails with `STATE_MISMATCH` where
 * it has run in a way that no longer fits what it asks for.
 */
export async function layoutFor(graph: Graph, broker: Broker): Promise<Layout | undefined> {
  const { job } = graph;
  const plan = planStages(graph);
  let recorded = recordedLayout(job, broker);
  if (recorded === undefined && !isShared(plan)) return undefined;
  if (recorded === undefined) requireNew(job, broker);
  while (recorded === undefined) {
    await tryToWriteFirst(graph, plan, broker);
    recorded = recordedLayout(job, broker);
  }
  if (isShared(plan) || isOfSeveral(recorded)) {
    requireLikeness(graph, plan, recorded);
    requireTopics(graph, recorded, broker);
  }
  return isShared(plan) ? recorded : undefined;
}

/** Whether a job that ran so has several tasks, or could have them. */
export function isOfSeveral({ asked }: Pick<RecordedLayout, 'asked'>): boolean {
  return asked.length > 1 || (asked[0] ?? 1) > 1;
}

/**
 * For who has claimed a task: a job is rescaled while nobody can claim its tasks, so what holds now
 * holds as long as the claim does. `generation`: of the task; undefined where it is the whole job.
 */
export function requireLayout(job: string, generation: number | undefined, broker: Broker): void {
  const recorded = recordedLayout(job, broker);
  const now = recorded !== undefined && isOfSeveral(recorded) ? recorded.generation : undefined;
  if (recorded === undefined || now === generation) return;
  throw new MillraceError(
    'STATE_MISMATCH',
    `Job "${job}" was rescaled since this process looked at it. Start it again.`,
  );
}

/** All that the job has had, the newest last. */
export function recordedLayouts(job: string, broker: Broker): readonly RecordedLayout[] {
  const partition = { topic: layoutTopicOf(job), partition: 0 };
  if (broker.describeTopic(partition.topic) === undefined) return [];
  const layouts: RecordedLayout[] = [];
  const cursor = new RecordCursor();
  for (let offset = broker.startOf(partition); ; offset = cursor.endOffset()) {
    const batches = broker.read(partition, offset, 1024 * 1024);
    if (batches === undefined) return layouts;
    cursor.reset(batches.bytes, batches.placeOf);
    while (cursor.next()) if (cursor.offset >= offset) layouts.push(layoutAt(cursor));
  }
}

/** The newest one; undefined where there is none. */
export function recordedLayout(
  job: string,
  broker: Pick<Broker, 'describeTopic' | 'read'>,
): RecordedLayout | undefined {
  const topic = layoutTopicOf(job);
  const bounds = broker.describeTopic(topic)?.partitions[0];
  return lastLayout(bounds, (offset) => broker.read({ topic, partition: 0 }, offset, 1));
}

/** The last record of a topic of layouts, which reaches so far. */
export function lastLayout(
  bounds: { readonly start: number; readonly end: number } | undefined,
  read: (offset: number) => Batches | undefined,
): RecordedLayout | undefined {
  if (bounds === undefined || bounds.end === bounds.start) return undefined;
  const last = bounds.end - 1;
  const batches = read(last);
  if (batches === undefined) return undefined;
  const cursor = new RecordCursor();
  cursor.reset(batches.bytes, batches.placeOf);
  while (cursor.next()) {
    if (cursor.offset === last) return layoutAt(cursor);
  }
  return undefined;
}

function layoutAt({ bytes, valueStart, valueEnd }: RecordCursor): RecordedLayout {
  const text = Buffer.from(bytes.subarray(valueStart, valueEnd)).toString();
  return JSON.parse(text) as RecordedLayout; // as written below
}

/** Makes a layout the job's, for whoever has claimed `layoutTaskOf`. */
export async function writeLayout(
  broker: Broker,
  job: string,
  { task, incarnation, epoch }: Claim,
  layout: RecordedLayout,
  clockMs: number,
  requires: readonly Claim[] = [],
): Promise<void> {
  const builder = new RecordBatchBuilder();
  builder.append(clockMs, null, Buffer.from(JSON.stringify(layout)));
  const { recordCount, maxTimestamp } = builder;
  const place = { topic: layoutTopicOf(job), partition: 0 };
  const append = { ...place, batches: builder.build(), recordCount, maxTimestamp };
  await broker.commit({
    ...{ task, incarnation, epoch: epoch + 1, clockMs },
    positions: [],
    appends: [append],
    requires,
  });
}

/** How a layout is recorded for a job as it is now. */
export function recordOf(
  graph: Graph,
  plan: JobPlan,
  layout: Layout,
  broker: Pick<Broker, 'describeTopic'>,
): RecordedLayout {
  const { generation, tasks } = layout;
  return { generation, tasks, ...whatAsks(graph, plan), topics: topicsRead(graph, broker) };
}

function topicsRead(graph: Graph, broker: Pick<Broker, 'describeTopic'>): TopicsRead {
  const topics: Record<string, number> = {};
  for (const { topic } of partitionsRead(graph, broker)) topics[topic] = (topics[topic] ?? 0) + 1;
  return topics;
}

/** Whether a layout that was recorded is for the topics that the job reads now. */
export function isForTopics(
  graph: Graph,
  { topics }: Pick<RecordedLayout, 'topics'>,
  broker: Pick<Broker, 'describeTopic'>,
): boolean {
  return topics === undefined || isDeepStrictEqual(topics, topicsRead(graph, broker));
}

function whatAsks(graph: Graph, { stages }: JobPlan): Pick<RecordedLayout, 'asked' | 'steps'> {
  const own = new Set(nameSteps(graph).values());
  return {
    asked: stages.map(({ parallelism }) => parallelism),
    steps: stages.map(({ graph: { nodes } }) =>
      nodes.flatMap(({ name }) => (name !== undefined && own.has(name) ? [name] : [])),
    ),
  };
}

async function tryToWriteFirst(graph: Graph, plan: JobPlan, broker: Broker): Promise<void> {
  try {
    await writeFirst(graph, plan, broker);
  } catch (error) {
    if (!isMillraceError(error, 'FENCED')) throw error; // another process is writing it
  }
}

async function writeFirst(graph: Graph, plan: JobPlan, broker: Broker): Promise<void> {
  const { job } = graph;
  const topic = layoutTopicOf(job);
  if (broker.describeTopic(topic) === undefined) await makeLayoutTopic(broker, topic);
  const claim = await broker.claim(layoutTaskOf(job), { takeOver: true });
  if (recordedLayout(job, broker) === undefined) {
    const layout = recordOf(graph, plan, firstLayout(graph, broker), broker);
    await writeLayout(broker, job, claim, layout, claim.clockMs);
  }
  await broker.release(claim);
}

/** Makes the topic of the layouts. */
export async function makeLayoutTopic(broker: Broker, topic: string): Promise<void> {
  try {
    await broker.createTopic(topic, { internal: true });
  } catch (error) {
    if (!isMillraceError(error, 'TOPIC_EXISTS')) throw error;
  }
}

function requireLikeness(graph: Graph, plan: JobPlan, recorded: RecordedLayout): void {
  const now = whatAsks(graph, plan);
  const { asked, steps } = recorded;
  if (JSON.stringify(now) === JSON.stringify({ asked, steps })) return;
  const isMoved = JSON.stringify(now.steps) !== JSON.stringify(steps);
  throw new MillraceError(
    'STATE_MISMATCH',
    `Job "${graph.job}" ran with ${inWords(asked)}` +
      `${isMoved ? ', its steps in other stages' : ''}, and asks for ${inWords(now.asked)} ` +
      'now. Move its state: millrace rescale FILE; or change the job back.',
  );
}

/** Partitions would go to tasks that do not know how far they have been read. */
function requireTopics(graph: Graph, recorded: RecordedLayout, broker: Broker): void {
  if (isForTopics(graph, recorded, broker)) return;
  throw new MillraceError(
    'STATE_MISMATCH',
    `Job "${graph.job}" read ${named(recorded.topics ?? {})}, and reads ` +
      `${named(topicsRead(graph, broker))} now: its tasks share that out otherwise. Move it: ` +
      'millrace rescale FILE; or change the job back.',
  );
}

/** Such as `orders (4 partitions)`. */
function named(topics: TopicsRead): string {
  return Object.entries(topics)
    .map(([topic, count]) => `${topic} (${count} partition${count > 1 ? 's' : ''})`)
    .join(', ');
}

/** `parallelism 4`, or that of each stage. */
function inWords(asked: readonly number[]): string {
  const [first] = asked;
  const isSame = asked.every((of) => of === first);
  return isSame ? `parallelism ${first}` : `parallelism ${asked.join(', ')} in its stages`;
}

/** Fails where the job ran as one task. */
function requireNew(job: string, broker: Broker): void {
  if ((broker.describeTask(taskNameOf(job))?.epoch ?? 0) === 0) return;
  throw new MillraceError(
    'STATE_MISMATCH',
    `Job "${job}" ran as one task, and asks for several now. Move its state: millrace rescale ` +
      'FILE; or take parallelism away.',
  );
}

/** The tasks of a job: what each of them is called, runs, and reads. */
import type { Broker, TopicPartition } from '../../broker/index.ts';
import { isMillraceError, MillraceError } from '../../platform/index.ts';
import type { Graph, SourceNode } from '../graph.ts';
import { stageTaskOf } from '../members/names.ts';
import type { Exchange } from './exchange.ts';
import { type JobPlan, planStages, type Stage } from './plan.ts';

/** How many tasks each stage has: fixed until the job is rescaled. */
export interface Layout {
  /** Counts the layouts that the job has had, from 1; part of names of tasks and topics. */
  readonly generation: number;
  /** By stage. */
  readonly tasks: readonly number[];
}

/** One task of a job. */
export interface StageTask {
  readonly name: string;
  readonly stage: Stage;
  /** From 0, of so many tasks of its stage. */
  readonly index: number;
  readonly tasks: number;
}

/** A job and its tasks. */
export interface JobTasks {
  readonly job: string;
  readonly graph: Graph;
  readonly plan: JobPlan;
  readonly layout: Layout;
  /** One of each stage, then the next of each, so that neighbours have different work. */
  readonly all: readonly StageTask[];
}

/** The task of a job that is not shared. */
export function taskNameOf(job: string): string {
  return `${job}-0`;
}

/** Whether the job is more than one task. */
export function isShared({ stages }: JobPlan): boolean {
  return stages.length > 1 || (stages[0]?.parallelism ?? 1) > 1;
}

/** The tasks of a job in a layout. */
export function tasksOf(graph: Graph, layout: Layout): JobTasks {
  const plan = planStages(graph, layout.generation);
  const { job, stages } = plan;
  const all = stages.flatMap((stage) => {
    const tasks = layout.tasks[stage.index] ?? 1;
    return Array.from({ length: tasks }, (_, index) => {
      const { generation } = layout;
      const shared = stageTaskOf({ job, generation, stage: stage.index, index });
      return { name: isShared(plan) ? shared : taskNameOf(job), stage, index, tasks };
    });
  });
  return { job, graph, plan, layout, all: all.sort((a, b) => a.index - b.index) };
}

/** The layout of a job that runs for the first time. */
export function firstLayout(graph: Graph, broker: Pick<Broker, 'describeTopic'>): Layout {
  const { stages } = planStages(graph);
  const readable = partitionsRead(graph, broker).length;
  const tasks = stages.map(({ index, parallelism }) =>
    index === 0 ? Math.max(1, Math.min(parallelism, readable)) : parallelism,
  );
  return { generation: 1, tasks };
}

/** All partitions of the topics that a job reads, in the order in which ties are merged. */
export function partitionsRead(
  { nodes }: Graph,
  broker: Pick<Broker, 'describeTopic'>,
): readonly TopicPartition[] {
  const topics = nodes.flatMap((node) =>
    node.kind === 'source' && node.exchange === undefined ? [node.topic.name] : [],
  );
  return topics.sort().flatMap((topic) => {
    const { partitions = [] } = broker.describeTopic(topic) ?? {};
    return partitions.map(({ partition }) => ({ topic, partition }));
  });
}

/** Whether a task reads a partition: tasks own neighbours, so that ties keep their order. */
export function reads(
  { index, tasks, stage }: StageTask,
  node: SourceNode,
  { topic, partition }: TopicPartition,
  broker: Pick<Broker, 'describeTopic'>,
): boolean {
  if (tasks === 1) return true;
  if (node.exchange !== undefined) {
    const senders = (broker.describeTopic(topic)?.partitions.length ?? 0) / tasks;
    return Math.floor(partition / senders) === index;
  }
  const all = partitionsRead(stage.graph, broker);
  const at = all.findIndex((of) => of.topic === topic && of.partition === partition);
  return at >= boundary(all.length, index, tasks) && at < boundary(all.length, index + 1, tasks);
}

function boundary(partitions: number, index: number, tasks: number): number {
  return Math.ceil((index * partitions) / tasks);
}

/** What is appended to is appended as the past has it, however far that is away. */
const anyTime = Number.MAX_SAFE_INTEGER;

/** Makes the internal topics of the exchanges between a job's stages. */
export async function makeExchanges({ plan, layout }: JobTasks, broker: Broker): Promise<void> {
  for (const { topic, from, to } of exchangesOf(plan)) {
    if (broker.describeTopic(topic) !== undefined) continue;
    const partitions = (layout.tasks[from] ?? 1) * (layout.tasks[to] ?? 1);
    try {
      await broker.createTopic(topic, {
        partitions,
        internal: true,
        futureTimestampsMaxMs: anyTime,
      });
    } catch (error) {
      if (!isMillraceError(error, 'TOPIC_EXISTS')) throw error; // another process was faster
    }
  }
}

export function exchangesOf({ stages }: JobPlan): readonly Exchange[] {
  return stages.flatMap(({ sends }) => sends);
}

/** What only a job with one task can do, and what to do instead. Fails with `INVALID`. */
export function requireOneTask(graph: Graph, what: string, instead: string): void {
  if (!isShared(planStages(graph))) return;
  throw new MillraceError(
    'INVALID',
    `Job "${graph.job}" is shared by several tasks, and ${what} needs a job with one task. ` +
      instead,
  );
}

/** What a job runs as before a rescale, and what it is to run as behind it. */
import type { Broker } from '../../broker/index.ts';
import { MillraceError } from '../../platform/index.ts';
import type { Graph } from '../graph.ts';
import { stageTaskOf } from '../members/names.ts';
import type { OpenTaskOptions } from '../open-task.ts';
import {
  exchangesOf,
  firstLayout,
  isShared,
  type JobTasks,
  partitionsRead,
  taskNameOf,
  tasksOf,
} from '../stages/job-tasks.ts';
import {
  isForTopics,
  isOfSeveral,
  type RecordedLayout,
  recordedLayout,
  recordOf,
} from '../stages/layout.ts';
import { planStages } from '../stages/plan.ts';

export interface NamedTask {
  readonly name: string;
  readonly stage: number;
  readonly index: number;
}

/** How a job runs, or ran. */
export interface FormerLayout {
  /** Its generation is 0 where the job has always been one task. */
  readonly layout: Pick<RecordedLayout, 'generation' | 'tasks' | 'asked'>;
  /** Stage by stage. */
  readonly tasks: readonly NamedTask[];
  /** By the task's name; undefined where the code is no longer the one that they ran. */
  readonly parts: ReadonlyMap<string, Pick<OpenTaskOptions, 'graph' | 'shared'>> | undefined;
  /** Undefined where it is unknown, or there are none. */
  readonly job: JobTasks | undefined;
}

/** How a job is to run. */
export interface NewLayout {
  readonly record: RecordedLayout;
  /** Undefined where the whole job is one task. */
  readonly job: JobTasks | undefined;
  readonly stages: readonly NewStage[];
}

export interface NewStage {
  readonly graph: Graph;
  /** Names of its tasks. */
  readonly tasks: readonly string[];
}

export function formerLayoutOf(graph: Graph, broker: Broker): FormerLayout {
  const { job } = graph;
  const recorded = recordedLayout(job, broker);
  if (recorded !== undefined && isOfSeveral(recorded))
    return formerOfSeveral(graph, broker, recorded);
  const layout = { generation: recorded?.generation ?? 0, tasks: [1], asked: [1] };
  const parts = new Map([[taskNameOf(job), { graph: asOneTask(graph) }]]);
  return { layout, tasks: tasksIn(job, layout), parts, job: undefined };
}

function formerOfSeveral(graph: Graph, broker: Broker, recorded: RecordedLayout): FormerLayout {
  const tasks = tasksIn(graph.job, recorded);
  const job = jobAsItWas(graph, broker, recorded);
  const parts =
    job &&
    new Map(job.all.map((task) => [task.name, { graph: task.stage.graph, shared: { job, task } }]));
  return { layout: recorded, tasks, parts, job };
}

/** The tasks of a layout: what is not known is only what they run. */
export function tasksIn(
  job: string,
  { generation, tasks, asked }: FormerLayout['layout'],
): readonly NamedTask[] {
  if (!isOfSeveral({ asked })) return [{ name: taskNameOf(job), stage: 0, index: 0 }];
  return tasks.flatMap((count, stage) =>
    Array.from({ length: count }, (_, index) => {
      return { name: stageTaskOf({ job, generation, stage, index }), stage, index };
    }),
  );
}

/** Undefined where the job's topics, its steps, or what lies between them, are others now. */
function jobAsItWas(graph: Graph, broker: Broker, recorded: RecordedLayout): JobTasks | undefined {
  const shared = isShared(planStages(graph)) ? graph : { ...graph, parallelism: 2 };
  const job = planned(() => tasksOf(shared, recorded));
  if (job === undefined) return undefined;
  const { steps } = recordOf(shared, job.plan, recorded, broker);
  if (JSON.stringify(steps) !== JSON.stringify(recorded.steps)) return undefined;
  if (!isForTopics(graph, recorded, broker)) return undefined;
  const isThere = exchangesOf(job.plan).every(({ topic, from, to }) => {
    const partitions = (recorded.tasks[from] ?? 1) * (recorded.tasks[to] ?? 1);
    const described = broker.describeTopic(topic);
    return described === undefined || described.partitions.length === partitions;
  });
  return isThere ? job : undefined;
}

function planned(plan: () => JobTasks): JobTasks | undefined {
  try {
    return plan();
  } catch {
    return undefined; // the job as it is now can't be shared
  }
}

function asOneTask(graph: Graph): Graph {
  const nodes = graph.nodes.map((node) => {
    return node.kind === 'keyBy' ? { ...node, parallelism: 1 } : node;
  });
  return { ...graph, nodes, parallelism: 1 };
}

/** `tasks`: of each stage; undefined: as many as the job asks for. Fails with `INVALID`. */
export function newLayoutOf(
  graph: Graph,
  broker: Broker,
  generation: number,
  tasks: number | undefined,
): NewLayout {
  const { job } = graph;
  const plan = planStages(graph, generation);
  const asked = firstLayout(graph, broker).tasks;
  if (!isShared(plan)) {
    if (tasks !== undefined && tasks !== 1) throw needsParallelism(job, tasks);
    const record = recordOf(graph, plan, { generation, tasks: [1] }, broker);
    const stages = [{ graph, tasks: [taskNameOf(job)] }];
    return { record, job: undefined, stages };
  }
  const readable = Math.max(1, partitionsRead(graph, broker).length);
  const wanted = asked.map((of, stage) =>
    stage === 0 ? Math.min(tasks ?? of, readable) : (tasks ?? of),
  );
  const shared = tasksOf(graph, { generation, tasks: wanted });
  const record = recordOf(graph, plan, shared.layout, broker);
  const stages = shared.plan.stages.map((stage) => {
    const own = shared.all.filter((task) => task.stage.index === stage.index);
    return { graph: stage.graph, tasks: own.map(({ name }) => name) };
  });
  return { record, job: shared, stages };
}

/** Whether the job runs so already. */
export function isSameLayout(
  recorded: RecordedLayout | undefined,
  former: FormerLayout,
  { record, job }: NewLayout,
): boolean {
  if (!isOfSeveral(former.layout) && job === undefined) return true;
  const what = (of: RecordedLayout) => JSON.stringify([of.tasks, of.asked, of.steps, of.topics]);
  return recorded !== undefined && what(recorded) === what(record);
}

function needsParallelism(job: string, tasks: number): MillraceError {
  return new MillraceError(
    'INVALID',
    `Job "${job}" has no parallelism, so it is one task and can't have ${tasks}. Give it ` +
      `{ parallelism: ${tasks} } first.`,
  );
}

/**
 * What layouts leave that are not the job's any more, or are not yet: files of state, changelogs,
 * exchanges. Removing it can be interrupted and done again.
 */
import type { Broker } from '../../broker/index.ts';
import { isMillraceError, type Platform } from '../../platform/index.ts';
import { answersOf } from '../asking/answer.ts';
import { epochsOf } from '../epoch-log.ts';
import { changelogOf } from '../open-task.ts';
import { isOfSeveral, recordedLayouts } from '../stages/layout.ts';
import { exchangesReadBy } from './former-state.ts';
import { tasksIn } from './layouts.ts';
import { unfinished } from './new-state-file.ts';

export interface Leftovers {
  readonly platform: Platform;
  readonly broker: Broker;
  readonly job: string;
  /** Where the job's state files are. */
  readonly directory: string;
}

const suffixes = ['.db', '.db-wal', '.db-shm'] as const;

/** Everything of layouts that the job had before. */
export async function removeFormer(of: Leftovers): Promise<void> {
  const { broker, job } = of;
  const layouts = [{ generation: 0, tasks: [1], asked: [1] }, ...recordedLayouts(job, broker)];
  const newest = layouts.pop();
  if (newest === undefined) return;
  const kept = new Set(tasksIn(job, newest).map(({ name }) => name));
  for (const layout of layouts) {
    const tasks = tasksIn(job, layout).filter(({ name }) => !kept.has(name));
    const prefix = `__${job}-${layout.generation}.`;
    const exchanges = isOfSeveral(layout) ? exchangesReadBy(tasks, prefix, broker) : [];
    for (const topic of exchanges) await removeTopic(broker, topic);
    for (const { name } of tasks) await removeTask(of, name);
  }
}

/** Everything of tasks that were made for a layout behind `generation`, which never came. */
export async function removeUnfinished(of: Leftovers, generation: number): Promise<void> {
  const { platform, job, directory } = of;
  if (!platform.files.exists(directory)) return;
  const tasks = new Set<string>();
  for (const name of platform.files.list(directory)) {
    if (name.includes(`.db${unfinished}`)) platform.files.remove(`${directory}/${name}`);
    const found = /^(.+)-(\d+)\.\d+\.\d+\.db(-wal|-shm)?$/.exec(name);
    if (found === null || found[1] !== job || Number(found[2]) <= generation) continue;
    tasks.add(name.slice(0, name.lastIndexOf('.db')));
  }
  for (const task of tasks) await removeTask(of, task);
}

/** The file goes last: where it is, there may be the rest. */
export async function removeTask(
  { broker, platform, directory }: Leftovers,
  task: string,
): Promise<void> {
  for (const topic of [changelogOf(task), epochsOf(task), answersOf(task)]) {
    await removeTopic(broker, topic);
  }
  for (const suffix of [...suffixes].reverse()) {
    const path = `${directory}/${task}${suffix}`;
    if (platform.files.exists(path)) platform.files.remove(path);
  }
}

async function removeTopic(broker: Broker, topic: string): Promise<void> {
  if (broker.describeTopic(topic) === undefined) return;
  try {
    await broker.deleteTopic(topic);
  } catch (error) {
    if (!isMillraceError(error, 'TOPIC_MISSING')) throw error; // removed meanwhile
  }
}

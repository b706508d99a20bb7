/** The state of the tasks of a stopped job, read as it was committed last. */
import type { Broker, LogView, TopicPartition } from '../../broker/index.ts';
import type { Platform } from '../../platform/index.ts';
import { type TaskSnapshot, takeSnapshot } from '../query/task-snapshot.ts';
import { exchangesOf } from '../stages/job-tasks.ts';
import type { TimeSnapshot } from '../time/task-time.ts';
import type { FormerLayout, NamedTask } from './layouts.ts';
import type { FormerTime } from './moved-time.ts';
import { timeStore } from './store-places.ts';

export interface StateReader {
  readonly platform: Platform;
  readonly log: LogView;
  /** Where the job's state files are. */
  readonly directory: string;
}

/** To be closed. */
export function snapshotOf({ platform, log, directory }: StateReader, task: string): TaskSnapshot {
  const path = `${directory}/${task}.db`;
  const open = () => {
    const isThere = platform.files.sizeOf(path) !== undefined;
    return isThere ? platform.openDatabase(path, { durable: true }) : undefined;
  };
  return takeSnapshot({ log, task, path, open });
}

/** Event time of the tasks that have any. */
export function timesOf(reader: StateReader, tasks: readonly NamedTask[]): readonly FormerTime[] {
  return tasks.flatMap(({ name, stage }) => {
    const snapshot = snapshotOf(reader, name);
    try {
      const time = timeIn(snapshot);
      return time === undefined ? [] : [{ stage, snapshot: time }];
    } finally {
      snapshot.database.close();
    }
  });
}

function timeIn({ database, overlay }: TaskSnapshot): TimeSnapshot | undefined {
  for (const [number, { name }] of overlay.stores) {
    if (name !== timeStore) continue;
    const value = database
      .prepare(`SELECT value FROM (${overlay.rowsOf(number)})`)
      .pluck()
      .get();
    if (value !== undefined) return JSON.parse(String(value)) as TimeSnapshot; // as kept
  }
  return undefined;
}

/** What of the exchanges is not read yet, as partitions; it holds while nobody runs a task. */
export function unreadOf(
  { job, tasks, layout }: FormerLayout,
  ofJob: string,
  broker: Broker,
): readonly TopicPartition[] {
  const read = exchangePositions(tasks, `__${ofJob}-${layout.generation}.`, broker);
  const topics = new Set(read.map(({ topic }) => topic));
  for (const { topic } of job === undefined ? [] : exchangesOf(job.plan)) topics.add(topic);
  return [...topics].flatMap((topic) => {
    const { partitions = [] } = broker.describeTopic(topic) ?? {};
    return partitions.flatMap(({ partition, start, end }) => {
      const at = read.find((of) => of.topic === topic && of.partition === partition);
      return (at?.offset ?? start) < end ? [{ topic, partition }] : [];
    });
  });
}

/** Where tasks stand in exchanges: topics named after the layout, which nobody else reads. */
function exchangePositions(tasks: readonly NamedTask[], prefix: string, broker: Broker) {
  return tasks.flatMap(({ name }) => {
    const { positions = [] } = broker.describeTask(name) ?? {};
    return positions.filter(({ topic }) => topic.startsWith(prefix));
  });
}

/** The exchanges that tasks have read. */
export function exchangesReadBy(
  tasks: readonly NamedTask[],
  prefix: string,
  broker: Broker,
): ReadonlySet<string> {
  return new Set(exchangePositions(tasks, prefix, broker).map(({ topic }) => topic));
}

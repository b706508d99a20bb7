/** What a task knows of those that share its job: from their positions, as the log has them. */
import type { Broker, TopicPartition } from '../../broker/index.ts';
import { type JobTasks, partitionsRead, reads, type StageTask } from './job-tasks.ts';

/** What a task knows of those that share its job. */
export interface Sharing {
  /** Whether all tasks that read the job's topics have read them to their ends. */
  haveAllCaughtUp(): boolean;
  /** Whether those that read from it are so far behind that it has to wait. */
  isAhead(): boolean;
}

/** Records, and bytes, that may wait between two tasks before the first one stops reading. */
const recordsMax = 250_000;
const bytesMax = 32 * 1024 * 1024;
/** Fewer records are not looked at closely. */
const recordsFew = 1000;

interface Reading extends TopicPartition {
  readonly task: string;
}

export function sharingOf(
  job: JobTasks,
  { stage, index, tasks }: StageTask,
  broker: Broker,
): Sharing {
  const read = readings(job, broker);
  const sent = stage.sends.flatMap(({ topic, to }): Reading[] =>
    job.all
      .filter((receiver) => receiver.stage.index === to)
      .map(({ name, index: at }) => ({ task: name, topic, partition: at * tasks + index })),
  );
  return {
    haveAllCaughtUp: () => read.every((of) => lagOf(broker, of) === 0),
    isAhead: () => sent.some((of) => isFarBehind(broker, of)),
  };
}

/** Who reads the partitions of the job's topics. */
function readings({ all, graph }: JobTasks, broker: Broker): readonly Reading[] {
  const readers = all.filter(({ stage }) => stage.index === 0);
  return partitionsRead(graph, broker).flatMap(({ topic, partition }) =>
    readers.flatMap((reader): Reading[] => {
      const node = reader.stage.graph.nodes.find(
        (of) => of.kind === 'source' && of.topic.name === topic,
      );
      if (node?.kind !== 'source') return [];
      const isRead = reads(reader, node, { topic, partition }, broker);
      return isRead ? [{ task: reader.name, topic, partition }] : [];
    }),
  );
}

/** Records that are not read yet. */
function lagOf(broker: Broker, { task, topic, partition }: Reading): number {
  const of = { topic, partition };
  return broker.endOf(of) - (broker.positionOf(task, of) ?? broker.startOf(of));
}

function isFarBehind(broker: Broker, of: Reading): boolean {
  const lag = lagOf(broker, of);
  if (lag < recordsFew) return false;
  if (lag > recordsMax) return true;
  const partition = broker.describeTopic(of.topic)?.partitions[of.partition];
  if (partition === undefined) return false;
  const { start, end, bytes } = partition;
  return bytes * (lag / (end - start)) > bytesMax;
}

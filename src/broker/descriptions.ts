/** What the catalogue knows of a topic or a task, for those who ask. */
import type { Position, TaskDescription, TaskHolder, TopicDescription } from './broker.ts';
import type { Catalogue, TaskState, TopicState } from './catalogue.ts';
import type { Holder } from './operation.ts';

export function describeTopic(topic: TopicState): TopicDescription {
  const { name, id, internal, futureTimestampsMaxMs } = topic;
  const partitions = topic.partitions.map(({ start, end, ranges }, partition) => ({
    partition,
    start,
    end,
    bytes: ranges.bytes,
  }));
  return { name, id, internal, futureTimestampsMaxMs, partitions };
}

/** Undefined for a task that was never claimed. `seen`: the holder, as the one who asks sees it. */
export function describeTask(
  catalogue: Catalogue,
  task: string,
  seen: (holder: Holder) => TaskHolder,
): TaskDescription | undefined {
  const state = catalogue.tasks.get(task);
  if (state === undefined) return undefined;
  const { incarnation, epoch, holder } = state;
  return {
    ...{ task, incarnation, epoch, positions: positionsOf(catalogue, state) },
    holder: holder === undefined ? undefined : seen(holder),
  };
}

export function positionsOf(catalogue: Catalogue, task: TaskState): Position[] {
  return [...task.positions.values()].map(({ topic, partition, offset }) => ({
    topic: catalogue.topics.get(topic)?.name ?? '',
    partition,
    offset,
  }));
}

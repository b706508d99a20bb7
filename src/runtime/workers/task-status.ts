/** The status of a task that runs, as plain data. */
import type { Broker } from '../../broker/index.ts';
import { countsOf } from '../task-counts.ts';
import type { TaskLoop } from '../task-loop.ts';
import type { TaskStatus } from './task-host.ts';

export function taskStatusOf(loop: TaskLoop, broker: Broker): TaskStatus {
  const { time, inputs, state } = loop.task.parts;
  return {
    waitingFor: loop.waitingFor,
    watermark: time.watermark === Number.NEGATIVE_INFINITY ? undefined : time.watermark,
    partitions: inputs.map(({ topic, partition, position }) => {
      const end = broker.describeTopic(topic)?.partitions[partition]?.end ?? position;
      return { topic, partition, position, end, lag: end - position };
    }),
    counts: countsOf(loop),
    stateEntries: state.size,
    unfoldedBytes: loop.unfoldedBytes,
    ...loop.stateFileSizes,
  };
}

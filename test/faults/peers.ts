/** What processes at one directory and their test have in common. */
import type { TopicPartition } from '../../src/broker/index.ts';
import { count, job, topic } from '../../src/dsl/index.ts';
import { json, string } from '../../src/formats/index.ts';
import type { Job } from '../../src/runtime/index.ts';

export const records: TopicPartition = { topic: 'records', partition: 0 };
export const counts: TopicPartition = { topic: 'counts', partition: 0 };
export const appendsEach = 200;

/** Counts the records: its output is 1, 2, 3, ... */
export const counting: Job = job('counting', ({ from }) => {
  from(topic(records.topic, { key: string(), value: string() }), { quietAfter: 'off' })
    .keyBy(() => 'all')
    .aggregate({ n: count() })
    .map(({ n }) => n)
    .to(topic(counts.topic, { key: json<string>(), value: json<number>() }));
});

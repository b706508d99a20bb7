/** A job file for commands: words counted in windows of a second. */
import { count, job, topic, tumbling } from '../../src/dsl/index.ts';
import { json, string } from '../../src/formats/index.ts';
import type { Job } from '../../src/runtime/index.ts';

export const words = topic('words', { key: string(), value: string() });
export const counts = topic('counts', { key: string(), value: json<number>() });

export const counting: Job = job('counting', ({ from }) => {
  from(words)
    .keyBy((word) => word, { key: string() })
    .window(tumbling('1s'))
    .aggregate({ n: count() })
    .map(({ n }) => n)
    .to(counts);
});

export default counting;

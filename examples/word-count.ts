/** Counts words as lines come: flatMap, keyBy, a running aggregate. */
import { count, job, json, openLog, run, string, topic } from 'millrace';

const lines = topic('lines', { key: string(), value: string(), partitions: 2 });
const words = topic('word-counts', { key: string(), value: json<{ seen: number }>() });

const wordCount = job('word-count', ({ from }) => {
  from(lines)
    .flatMap((line) => line.toLowerCase().match(/\p{L}+/gu) ?? [])
    .keyBy((word) => word)
    .aggregate({ seen: count() })
    .to(words);
});

export default wordCount;

/** Feeds two lines, runs the job to their end, and prints the last count of each word. */
export async function main(data: string): Promise<void> {
  const log = await openLog(data);
  await log.createTopic(lines);
  const poem = ['the rose is a rose', 'and was always a rose'];
  await Promise.all(poem.map((value, i) => log.send(lines, { key: `line ${i}`, value })));

  const handle = await run(wordCount, { data: log });
  await handle.stop({ drain: true });

  const counts = new Map<string | null, number>();
  for await (const { key, value } of log.records(words)) counts.set(key, value?.seen ?? 0);
  for (const [word, seen] of [...counts].sort()) process.stdout.write(`${word} ${seen}\n`);
  await log.close();
}

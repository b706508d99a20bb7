/** A job that is shared by several tasks, as whoever runs it in one process sees it. */
import { expect, onTestFinished, test } from 'vitest';
import { count, job, topic } from '../../src/dsl/index.ts';
import { json, string } from '../../src/formats/index.ts';
import { type JobHandle, openLog, run } from '../../src/runtime/index.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const words = topic('words', { key: string(), value: string() });
const counts = topic('counts', { key: string(), value: json<{ n: number }>() });

const counting = job(
  'counting',
  ({ from }) => {
    from(words, { quietAfter: 'off' })
      .keyBy((word) => word, { key: string() })
      .aggregate({ n: count() })
      .to(counts);
  },
  { parallelism: 2 },
);

async function begin() {
  const log = await openLog(temporaryDirectory(), { durability: 'process' });
  onTestFinished(() => log.close());
  const runIt = async (): Promise<JobHandle> => {
    const handle = await run(counting, { data: log, durability: 'process' });
    onTestFinished(() => handle.stop().catch(() => {}));
    return handle;
  };
  const send = (...all: readonly string[]) =>
    Promise.all(all.map((value, i) => log.send(words, { key: null, value, partition: i % 2 })));
  return { log, runIt, send };
}

async function until(handle: JobHandle, isSo: () => boolean): Promise<void> {
  await new Promise<void>((resolve) => {
    const subscription = handle.status$.subscribe(() => {
      if (!isSo()) return;
      resolve();
      queueMicrotask(() => subscription.unsubscribe());
    });
  });
}

test('counts the records of its own topics, and no record twice', async () => {
  const { log, runIt, send } = await begin();
  await log.createTopic(words, 2);
  await send('a', 'b', 'a', 'c', 'a');
  const handle = await runIt();
  await until(handle, () => handle.metrics().recordsWritten === 5);
  expect(handle.metrics().recordsRead).toBe(5);
  await handle.stop();
  expect(handle.metrics()).toMatchObject({ recordsRead: 5, recordsWritten: 5 });
});

test('has the tasks that it asks for, although it was run before its topic was made', async () => {
  const { log, runIt } = await begin();
  const early = await runIt();
  await expect(early.done).rejects.toMatchObject({ code: 'TOPIC_MISSING' });
  await log.createTopic(words, 2);
  const handle = await runIt();
  await until(handle, () => handle.status().tasks.every(({ state }) => state === 'running'));
  expect(handle.status().tasks.map(({ stage }) => stage)).toEqual([0, 1, 0, 1]);
  await handle.stop();
});

test('is refused where the process runs it already', async () => {
  const { log, runIt } = await begin();
  await log.createTopic(words, 2);
  const first = await runIt();
  await until(first, () => first.status().tasks.every(({ state }) => state === 'running'));
  const second = await runIt();
  await expect(second.done).rejects.toThrow(/"counting" runs in this process already\. Stop it/);
  expect(first.status().state).toBe('running');
  await first.stop();
});

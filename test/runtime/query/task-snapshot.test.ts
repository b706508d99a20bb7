/** How the state file and the log are brought to one commit, and what is refused. */
import { describe, expect, onTestFinished, test } from 'vitest';
import { count, job, topic } from '../../../src/dsl/index.ts';
import { json, keyJson, string } from '../../../src/formats/index.ts';
import { queryTasks } from '../../../src/runtime/query/run-query.ts';
import type { TaskFiles } from '../../../src/runtime/query/task-snapshot.ts';
import { QueriedJob } from './queried-job.ts';

const words = topic('words', { key: string(), value: json<string>() });
const counts = topic('counts', { key: keyJson<unknown>(), value: json<unknown>() });
const counting = job('counting', ({ from }) => {
  from(words, { quietAfter: 'off' })
    .keyBy((word) => word)
    .aggregate({ n: count() }, { name: 'n' })
    .to(counts);
});
const sql = 'SELECT key, n FROM n_accumulator';

async function started(): Promise<QueriedJob> {
  const queried = new QueriedJob(counting);
  await queried.start();
  onTestFinished(() => queried.stop());
  return queried;
}

type Bounds = ReturnType<TaskFiles['log']['boundsOf']>;

/** The log of a query, where the changelog's bounds are what `of` makes of them. */
function bounded(of: (bounds: Bounds, asked: number) => Bounds) {
  let asked = 0;
  return ({ log, ...files }: TaskFiles): TaskFiles => ({
    ...files,
    log: {
      id: log.id,
      tasks: log.tasks,
      refresh: () => log.refresh(),
      read: (topic, offset, bytesMax) => log.read(topic, offset, bytesMax),
      boundsOf: (topic) => of(log.boundsOf(topic), asked++),
    },
  });
}

describe('a query', () => {
  test('reads the changelog alone while there is no state file', async () => {
    const queried = await started();
    await queried.send('words', ['a', 'b', 'a']);
    queried.through = (files) => ({ ...files, open: () => undefined });
    expect(await queried.rows(sql)).toEqual([
      { key: 'a', n: 2 },
      { key: 'b', n: 1 },
    ]);
  });

  test('begins anew where the log has forgotten what the file lacks', async () => {
    const queried = await started();
    await queried.send('words', ['a']);
    let opened = 0;
    queried.through = (files) => {
      const forgetful = bounded((bounds, asked) => ({
        start: asked < 3 ? 1000 : (bounds?.start ?? 0),
        end: bounds?.end ?? 0,
      }));
      return forgetful({
        ...files,
        open: () => {
          opened++;
          return files.open();
        },
      });
    };
    expect(await queried.rows(sql)).toEqual([{ key: 'a', n: 1 }]);
    expect(opened).toBe(4);
  });

  test('refuses a state file that is behind the log, or gone', async () => {
    const queried = await started();
    await queried.send('words', ['a']);
    queried.through = bounded((bounds) => ({ start: 1000, end: bounds?.end ?? 0 }));
    await expect(queried.ask(sql)).rejects.toMatchObject({
      code: 'FILE_MISMATCH',
      message: expect.stringContaining('/data/state/counting/counting-0.db is missing, or folded'),
    });
  });

  test('refuses a state file that is newer than the log', async () => {
    const queried = await started();
    await queried.send('words', ['a']);
    await queried.fold();
    queried.through = bounded(() => ({ start: 0, end: 1 }));
    await expect(queried.ask(sql)).rejects.toMatchObject({
      code: 'FILE_MISMATCH',
      message: expect.stringContaining('is newer than the log'),
    });
  });

  test('of several tasks pins all files, moves the log once, and begins anew with other tasks', async () => {
    const queried = await started();
    await queried.send('words', ['a']);
    const events: string[] = [];
    queried.through = (files) => {
      const watched = (task: string): TaskFiles => ({
        ...files,
        open: () => {
          events.push(`open ${task}`);
          return files.open();
        },
        log: {
          ...bounded((bounds) => bounds)(files).log,
          refresh: () => {
            events.push('refresh');
            files.log.refresh();
          },
          boundsOf: (topic) => {
            events.push(`bounds ${task}`);
            return files.log.boundsOf(topic);
          },
        },
      });
      const [old, first, second] = ['old', '1', '2'].map(watched) as [
        TaskFiles,
        TaskFiles,
        TaskFiles,
      ];
      const before = [old]; // rescaled while it is pinned
      const of = () => (before.length > 0 ? before.splice(0) : [first, second]);
      const { rows } = queryTasks(first.log, of, { sql, parameters: [], rowsMax: 10 });
      expect(rows).toEqual([
        ['a', 1],
        ['a', 1],
      ]);
      return files;
    };
    await queried.ask(sql);
    const again = ['open 1', 'open 2', 'refresh', 'bounds 1', 'bounds 2'];
    expect(events).toEqual(['open old', 'refresh', ...again]);
  });

  test('refuses the state file of another directory', async () => {
    const queried = await started();
    queried.through = (files) => ({
      ...bounded((bounds) => bounds)(files),
      task: 'other-0',
    });
    await expect(queried.ask(sql)).rejects.toMatchObject({
      code: 'FILE_MISMATCH',
      message: expect.stringContaining('holds the state of task "counting-0"'),
    });
  });
});

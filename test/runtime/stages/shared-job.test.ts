/** What looks at or handles a job from outside, where several tasks share the job. */
import { join } from 'node:path';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { openLogView } from '../../../src/broker/index.ts';
import {
  backup,
  dropState,
  inspectState,
  type Job,
  job,
  type Log,
  openLog,
  query,
  redrive,
  replay,
  run,
  string,
  topic,
  value,
  versions,
} from '../../../src/index.ts';
import { nodePlatform } from '../../../src/platform/index.ts';
import { filesOf } from '../../../src/runtime/query/run-query.ts';
import { takeSnapshots } from '../../../src/runtime/query/task-snapshot.ts';
import { StateCommits } from '../../../src/runtime/state-commits.ts';
import { storeKey } from '../../../src/state/index.ts';
import {
  perPage,
  prepare,
  runUntil,
  sharedJob,
  soon,
  spent,
  valuesOf,
  visit,
  visits,
  withParallelism,
} from '../../support/shop-job.ts';
import { suiteDirectory, temporaryDirectory } from '../../support/temporary-directory.ts';

const shared = sharedJob(3);
const alone = sharedJob(1);

async function opened(directory: string): Promise<Log> {
  const log = await openLog(directory, { durability: 'process' });
  onTestFinished(() => log.close());
  return log;
}

/** A directory in which a job has read 100 visits, and is stopped. */
async function visited(directory: string, of: Job): Promise<void> {
  const log = await openLog(directory, { durability: 'process' });
  await prepare(log);
  await visit(log, 0, 100);
  await runUntil(log, of, 100);
  await log.close();
}

const root = suiteDirectory();
const directories = { shared: join(root, 'shared'), alone: join(root, 'alone') };

beforeAll(async () => {
  await visited(directories.shared, shared);
  await visited(directories.alone, alone);
});

/** Drops a task's part of the state `users/seen`, as a call would that ends behind that. */
async function dropIn(task: string, directory: string, broker: Log['broker']): Promise<void> {
  const view = await openLogView(nodePlatform(), directory);
  const files = filesOf(view, directory, 'shop')().filter((of) => of.task === task);
  const [snapshot] = takeSnapshots(view, () => files);
  const [number] =
    [...(snapshot?.overlay.stores ?? [])].find(([, of]) => of.name === 'users/seen') ?? [];
  snapshot?.database.close();
  view.close();
  const claim = await broker.claim(task);
  const commits = new StateCommits(broker, nodePlatform().clock, claim, `__${task}-changelog`);
  await commits.commit([{ key: storeKey(number ?? 0), value: null }]);
  await broker.release(claim);
}

async function rowsOf(directory: string, sql: string): Promise<readonly unknown[]> {
  return (await query(directory, sql)).rows;
}

describe('a query of a job with several tasks', () => {
  test.each([
    'SELECT * FROM users_seen ORDER BY key',
    "SELECT * FROM users_seen WHERE key = 'u7'",
    'SELECT count(*) AS n, sum(value) AS seen FROM USERS_seen',
    'SELECT key, window_start, n FROM pages_windows ORDER BY 1, 2',
    'SELECT key, hex(value) AS value FROM users_seen_raw ORDER BY key',
    'SELECT p.key, q.n FROM pages_windows p JOIN pages_windows q USING (key) ORDER BY 1',
    'SELECT * FROM users_broadcast_price',
    'SELECT * FROM timers ORDER BY due',
    'SELECT view, kind, columns FROM stores ORDER BY view',
  ])('gives what one task gives: %s', async (sql) => {
    const rows = await rowsOf(directories.shared, sql);
    expect(rows).toEqual(await rowsOf(directories.alone, sql));
    if (!sql.includes('timers')) expect(rows.length).toBeGreaterThan(0);
  });

  test('says where each task stands', async () => {
    const { asOf } = await query(directories.shared, 'SELECT 1');
    expect(asOf.job).toBe('shop');
    expect(asOf.tasks.map(({ task }) => task)).toEqual([
      ...['shop-1.0.0', 'shop-1.0.1', 'shop-1.0.2', 'shop-1.1.0', 'shop-1.1.1', 'shop-1.1.2'],
    ]);
    expect(asOf.epoch).toBe(asOf.tasks.reduce((sum, { epoch }) => sum + epoch, 0));
    expect(asOf.epoch).toBeGreaterThan(asOf.tasks.length);
  });

  test('sees whole commits beside the running job, later ones later', async () => {
    const directory = join(temporaryDirectory(), 'data');
    const log = await opened(directory);
    await prepare(log);
    const handle = await run(shared, { data: log, foldIntervalMs: 5 });
    let sent = 0;
    for (let i = 0, before = 0; i < 4; i++) {
      await visit(log, sent, sent + 50);
      sent += 50;
      while ((await valuesOf(log)).length < before + 1) await soon();
      const [row] = await rowsOf(directory, 'SELECT coalesce(sum(value), 0) AS n FROM users_seen');
      const { n } = row as { readonly n: number };
      expect(n).toBeGreaterThanOrEqual(before + 1);
      expect(n).toBeLessThanOrEqual(sent);
      before = n;
    }
    await handle.stop();
  });
});

/** What each task keeps for itself. */
const perTask = ['task/time', 'users/broadcast price'];

describe('the state of a job with several tasks', () => {
  test('is listed as one', async () => {
    const [of, other] = await Promise.all([
      inspectState(directories.shared),
      inspectState(directories.alone),
    ]);
    const plain = ({ stores }: typeof of) =>
      stores
        .filter(({ name }) => !perTask.includes(name))
        .sort((a, b) => (a.name < b.name ? -1 : 1));
    expect(plain(of)).toEqual(plain(other));
    expect(plain(of).find(({ name }) => name === 'users/seen')?.entries).toBe(20);
  });

  test('is dropped in all of them, and where that was interrupted in the rest', async () => {
    const directory = join(temporaryDirectory(), 'data');
    await visited(directory, shared);
    const log = await opened(directory);
    const { broker } = log;
    const held = await broker.claim('shop-1.1.2');
    await expect(dropState(directory, 'users')).rejects.toMatchObject({ code: 'TASK_HELD' });
    await broker.release(held);
    expect(await rowsOf(directory, 'SELECT count(*) AS n FROM users_seen')).toEqual([{ n: 20 }]);

    await dropIn('shop-1.1.1', directory, broker);
    const [left] = await rowsOf(directory, 'SELECT count(*) AS n FROM users_seen');
    expect(left).not.toEqual({ n: 20 });
    const names = ['users/broadcast price', 'users/event timers', 'users/processing timers'];
    expect(await dropState(directory, 'users')).toEqual([...names, 'users/seen']);
    await expect(dropState(directory, 'users')).rejects.toThrow('no state "users"');
    await visit(log, 100, 120);
    await runUntil(log, shared, 120);
    expect(await rowsOf(directory, 'SELECT sum(value) AS n FROM users_seen')).toEqual([{ n: 20 }]);
  });
});

describe('a backup of a job with several tasks', () => {
  test('taken while it runs, drains to what the original drains to', async () => {
    const directory = join(temporaryDirectory(), 'data');
    const copy = join(temporaryDirectory(), 'copy');
    const log = await opened(directory);
    await prepare(log);
    const handle = await run(shared, { data: log, foldIntervalMs: 5 });
    await visit(log, 0, 300);
    while ((await valuesOf(log)).length < 20) await soon();
    await backup(directory, copy);
    await handle.stop({ drain: true });
    const restored = await opened(copy);
    const again = await run(shared, { data: restored });
    await again.stop({ drain: true });
    const outputs = [perPage.name, spent.name];
    expect(await valuesOf(restored, ...outputs)).toEqual(await valuesOf(log, ...outputs));
    expect((await valuesOf(log, spent.name)).length).toBe(300);
    const tasks = (await query(copy, 'SELECT 1')).asOf.tasks.map(({ task }) => task);
    expect(tasks).toContain('shop-1.1.2');
  });
});

describe('a replay of a job with several tasks', () => {
  test('is one task, and writes the same', async () => {
    const log = await opened(directories.shared);
    const { topics } = await replay(shared, { data: log, name: 'again' });
    expect(await valuesOf(log, topics.spent ?? '')).toEqual(await valuesOf(log));
    expect(log.broker.describeTopic('__shop.2-0-users')).toBeUndefined();
  });

  test.each([
    [{ asRecorded: true }, 'a replay as recorded needs a job with one task. Replay the records'],
    [{ compare: true }, 'comparing needs a job with one task. Its results are the same for each'],
  ])('refuses %o before anything is claimed', async (options, message) => {
    const log = await opened(directories.shared);
    const name = 'refused';
    await expect(replay(shared, { data: log, name, ...options })).rejects.toThrow(message);
    expect(log.broker.describeTask('shop/replay-refused')).toBeUndefined();
  });

  test('is what a lost state file is refused with, beside a backup', async () => {
    const refused = run(shared, { data: directories.shared, rebuildState: true });
    await expect(refused).rejects.toMatchObject({
      code: 'INVALID',
      message: expect.stringMatching(/rebuildState needs a job with one task. Restore the whole/),
    });
  });
});

describe('dead letters of a job with several tasks', () => {
  const letters = topic('dead', { key: string(), value: string() });
  const faulty = (isFixed: boolean) =>
    withParallelism(
      job(
        'faulty',
        ({ from }) => {
          from(visits, { quietAfter: 'off' })
            .keyBy((of) => of.page)
            .process({
              state: { n: value<number>() },
              onRecord({ user }, { state }) {
                if (!isFixed && user === 'u3') throw new Error('not u3');
                state.n.set(1);
                return [1];
              },
            })
            .to(spent);
        },
        { onError: { deadLetters: letters.name } },
      ),
      3,
    );

  test('are sent back to where they came from, once', async () => {
    const directory = join(temporaryDirectory(), 'data');
    const log = await opened(directory);
    await prepare(log);
    await visit(log, 0, 100);
    await runUntil(log, faulty(false), 95);
    expect(await redrive(log, 'dead')).toEqual({ redriven: 5, left: 0, ignored: 0 });
    expect(await redrive(log, 'dead')).toEqual({ redriven: 0, left: 0, ignored: 0 });
    await runUntil(log, faulty(true), 100);
    expect((await valuesOf(log)).length).toBe(100);
    const listed = log.broker.listTopics().map(({ name }) => name);
    expect(listed.sort()).toEqual(['dead', 'prices', 'spent', 'visits']);
  });
});

describe('a migration of a job with several tasks', () => {
  const counting = (codec = versions<number>()) =>
    withParallelism(
      job('kept', ({ from }) => {
        from(visits, { quietAfter: 'off' })
          .keyBy((of) => of.user)
          .process({
            name: 'users',
            state: { seen: value({ codec }) },
            onRecord(_, { state }) {
              state.seen.update((seen = 0) => seen + 1);
              return [state.seen.get() ?? 0];
            },
          })
          .to(spent);
      }),
      3,
    );

  test('is made by each task, and one that is done does not mind another that is not', async () => {
    const directory = join(temporaryDirectory(), 'data');
    const log = await opened(directory);
    await prepare(log);
    await visit(log, 0, 100);
    await runUntil(log, counting(), 100);
    let failing = true;
    const newer = counting(
      versions<number>().to((seen) => {
        if (failing && seen === 5) {
          failing = false; // of one task; the others go on
          throw new Error('not yet');
        }
        return seen + 1000;
      }),
    );
    await expect(run(newer, { data: log }).then(({ done }) => done)).rejects.toThrow('not yet');
    const half = (await inspectState(directory)).stores.filter(({ name }) => name === 'users/seen');
    expect(half.reduce((sum, { entries }) => sum + entries, 0)).toBe(20);
    await visit(log, 100, 120);
    await runUntil(log, newer, 120);
    const rows = await rowsOf(directory, 'SELECT DISTINCT value FROM users_seen');
    expect(rows).toEqual([{ value: 1006 }]);
  });
});

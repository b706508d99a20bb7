/**
 * What can never work is refused before anything runs, naming the thing and the remedy: options
 * that do not exist, graphs that mean nothing, identities that are not unique, topics that are
 * missing, state that no longer fits, directories that can't keep the promises.
 */
import { chmodSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { MemoryBroker, openBroker } from '../../src/broker/index.ts';
import {
  afterCount,
  afterWatermark,
  calendar,
  count,
  cumulating,
  type FromOptions,
  hopping,
  type JobContext,
  job,
  mean,
  repeatedly,
  session,
  sum,
  topic,
  tumbling,
  type WindowsOptions,
  windows,
} from '../../src/dsl/index.ts';
import { json, keyJson, string } from '../../src/formats/index.ts';
import { type FileSystemKind, nodePlatform, type Platform } from '../../src/platform/index.ts';
import { type Job, openLog, type RunOptions, run } from '../../src/runtime/index.ts';
import { ScriptRun } from '../support/operator-harness.ts';
import { otherModes, plainMode } from '../support/operator-harness-modes.ts';
import { realClock } from '../support/real-clock.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

interface Order {
  readonly user: string;
  readonly price: number;
}

const settings = { key: string(), value: json<Order>() };
const orders = topic('orders', settings);
const copies = topic('copies', settings);
const counts = topic('counts', { key: keyJson<string>(), value: json<unknown>() });
const prices = (price: (o: Order) => number = (o) => o.price) => ({ total: sum(price) });
const copying = job('copying', ({ from }) => from(orders).to(copies));

/** What a program without types, or with a typing mistake, may give. */
const wrong = <Right>(given: unknown) => given as Right;

async function failureOf(run: () => unknown): Promise<string> {
  try {
    await run();
  } catch (error) {
    return `${(error as { code?: string }).code}: ${(error as Error).message}`; // MillraceErrors
  }
  return 'it was taken';
}

const triggerWith =
  (trigger: unknown, options: unknown = {}) =>
  () =>
    job('x', ({ from }) =>
      from(orders).keyBy(String).window(tumbling(1)).trigger(wrong(trigger), wrong(options)),
    );
const berlin = { timeZone: 'Europe/Berlin' } as const;

describe('a wrong option is refused, with the likely one, of', () => {
  const broker = () => new MemoryBroker({ clock: realClock });
  const runWith = (options: Record<string, unknown>) => () =>
    run(copying, wrong<RunOptions>({ broker: broker(), ...options }));
  const fromWith = (options: Record<string, unknown>) => () =>
    job('x', ({ from }) => from(orders, wrong<FromOptions<Order>>(options)).to(copies));
  const createWith = (options: Record<string, unknown>) => () =>
    broker().createTopic('t', wrong(options));
  const cases: [string, () => unknown, string][] = [
    [
      'run',
      runWith({ takeover: true }),
      'run() has no option "takeover": did you mean "takeOver"?',
    ],
    [
      'run',
      runWith({ foldIntervalMs: -1 }),
      "run(): foldIntervalMs can't be -1: it takes a number",
    ],
    [
      'run',
      runWith({ foldCpuShare: 0 }),
      "foldCpuShare of run() can't be 0: it takes a number above",
    ],
    ['run', runWith({ foldCpuShare: 25 }), "foldCpuShare of run() can't be 25: it takes a number"],
    ['run', runWith({ durability: 'disc' }), `durability of run() can't be "disc": use 'disk' or`],
    ['run', runWith({ epoch: { epochMS: 1 } }), 'no option "epochMS": did you mean "epochMs"?'],
    ['run', () => run(copying), "run() needs either { data: './data' } or { broker }"],
    ['from', fromWith({ eventtime: () => 1 }), 'no option "eventtime": did you mean "eventTime"?'],
    ['from', fromWith({ eventTime: 'at' }), 'eventTime of from("orders") can\'t be at: give a'],
    ['from', fromWith({ outOfOrderness: '3 hours' }), `'500ms', '30s', '1h30m' or 'PT5M'`],
    ['from', fromWith({ start: 'begin' }), `can't be "begin": use 'earliest', 'latest', or`],
    [
      'topic',
      () => topic('t', wrong<typeof settings>({ ...settings, partition: 3 })),
      'topic("t") has no option "partition": did you mean "partitions"?',
    ],
    ['createTopic', createWith({ partition: 3 }), 'did you mean "partitions"?'],
    ['createTopic', createWith({ partitions: 0 }), "can't have 0 partitions: use a whole number"],
    ['createTopic', () => broker().createTopic('no/name'), 'no/name'],
    ['tumbling', () => tumbling('1h', wrong({ ofset: '1m' })), 'did you mean "offset"?'],
    ['tumbling', () => tumbling(0), "The size of a window can't be 0: it is at least one whole"],
    ['hopping', () => hopping('1h', wrong({ evry: '1m' })), 'did you mean "every"?'],
    ['hopping', () => hopping('1h', wrong({})), "{ every } of hopping() can't be undefined"],
    ['hopping', () => hopping('1h', { every: '2h' }), 'windows of 1h every 2h would leave out'],
    ['hopping', () => hopping('1d', { every: '7s' }), 'made of 86400 slices each, and 10000 is'],
    ['cumulating', () => cumulating('1h', { every: '7m' }), "1h can't be divided into steps of 7m"],
    ['cumulating', () => cumulating('1d', { every: '1s' }), 'made of 86400 slices each, and 10000'],
    [
      'calendar',
      () => calendar('day', { timeZone: 'Europe/Berln' }),
      'calendar(): there is no time zone "Europe/Berln": did you mean "Europe/Berlin"?',
    ],
    ['calendar', () => calendar('day', wrong({})), `no time zone undefined: give a name like`],
    ['calendar', () => calendar(wrong('year'), berlin), `The unit of calendar() can't be "year"`],
    [
      'calendar',
      () => calendar('month', wrong({ ...berlin, weekStartsOn: 'monday' })),
      'has no option "weekStartsOn"',
    ],
    [
      'calendar',
      () => calendar('week', wrong({ ...berlin, weekStartsOn: 'Monday' })),
      `weekStartsOn of calendar() can't be "Monday": use 'monday' or 'tuesday'`,
    ],
    ['afterCount', () => afterCount(0), "afterCount() can't be given 0: it takes a whole number"],
    ['afterWatermark', () => afterWatermark(wrong({ erly: 1 })), 'did you mean "early"?'],
    ['repeatedly', () => repeatedly(wrong(afterWatermark())), 'repeatedly() takes afterCount(n)'],
    ['trigger', triggerWith(afterCount(3)), 'would fire once and lose the rest. Wrap them in'],
    ['trigger', triggerWith(afterWatermark(), { mode: 'adding' }), 'can\'t be "adding": use \'acc'],
    ['trigger', triggerWith(afterWatermark(), { moed: 'x' }), 'did you mean "mode"?'],
    [
      'countWindow',
      () => job('x', ({ from }) => from(orders).keyBy(String).countWindow(1.5)),
      'Job "x": countWindow() can\'t be given 1.5: it takes a whole number of records',
    ],
    ['session', () => session(0), "The gap of session() can't be 0: it is at least one whole"],
    ['session', () => session(wrong({ gpa: () => 1 })), 'did you mean "gap"?'],
    ['session', () => session(wrong({ gap: '1m' })), 'session(): { gap } is a function, not 1m.'],
    ['windows', () => windows(wrong<WindowsOptions<Order>>({ nmae: 'x' })), 'did you mean "name"?'],
    ['windows', () => windows({ name: 'a b', assign: () => [] }), `windows() can't have the name`],
    [
      'windows',
      () => windows(wrong<WindowsOptions<Order>>({ name: 'x' })),
      '{ assign } is a function, not undefined.',
    ],
    [
      'window',
      () => job('x', ({ from }) => from(orders).keyBy(String).window(wrong('1h'))),
      'Job "x": window() takes windows: call one of tumbling(), hopping(), ',
    ],
    [
      'map',
      () =>
        job('x', ({ from }) =>
          from(orders)
            .map((o) => o, wrong({ nmae: 'x' }))
            .to(copies),
        ),
      'map() has no option "nmae": did you mean "name"?',
    ],
  ];
  test.each(cases)('%s (%#)', async (_, call, says) => {
    const failure = await failureOf(call);
    expect(failure).toMatch(/^INVALID: /);
    expect(failure).toContain(says);
  });

  test('openLog, before it makes anything', async () => {
    const directory = join(temporaryDirectory(), 'data');
    for (const [options, says] of [
      [{ journalFilebytes: 1 }, 'did you mean "journalFileBytes"?'],
      [{ durability: 'none' }, `can't be "none": use 'disk' or 'process'`],
      [{ pollMs: Number.NaN }, "pollMs can't be NaN: it takes a number, 0 or more"],
    ] as const) {
      expect(await failureOf(() => openLog(directory, wrong(options)))).toContain(says);
    }
    expect(existsSync(directory)).toBe(false);
  });
});

describe('a graph that means nothing is refused:', () => {
  type Build = (context: JobContext) => void;
  const cases: [string, Build, string][] = [
    ['it reads nothing', () => {}, 'it reads nothing. Begin a stream with from(topic, ...)'],
    ['nothing leaves it', ({ from }) => from(orders), 'End a stream with .to(topic)'],
    ['it reads what it writes', ({ from }) => from(orders).to(orders), 'Write to another topic'],
    [
      'it reads a topic twice',
      ({ from }) => {
        from(orders).to(copies);
        from(orders).to(copies);
      },
      'it reads topic "orders" twice. Call from() once',
    ],
    ['from a name', ({ from }) => from(wrong<typeof orders>('orders')), 'make one with topic(name'],
    [
      'to a name',
      ({ from }) => from(orders).to(wrong<typeof copies>('copies')),
      'make one with topic',
    ],
    [
      'a step without a function',
      ({ from }) => from(orders).map(wrong<(o: Order) => Order>('price')).to(copies),
      'map() takes a function, not price',
    ],
    [
      'two steps of one derived identity',
      ({ from }) => {
        const byUser = from(orders).keyBy((o) => o.user);
        byUser.aggregate(prices()).to(counts);
        byUser.aggregate({ n: count() }).to(counts);
      },
      'identity "aggregate-of-orders-keyed-1", so their state could be mixed up. Give one of them a',
    ],
    [
      'two steps of one name',
      ({ from }) => {
        const byUser = from(orders).keyBy((o) => o.user);
        byUser.aggregate(prices(), { name: 'totals' }).to(counts);
        byUser.aggregate({ n: count() }, { name: 'totals' }).to(counts);
      },
      'two steps are named "totals". Give each its own name',
    ],
  ];
  test.each(cases)('%s', async (_, build, says) => {
    const failure = await failureOf(() => job('x', build));
    expect(failure).toMatch(/^INVALID: Job "x"/);
    expect(failure).toContain(says);
  });

  test('a step that comes after the job was built', async () => {
    let late = () => {};
    job('x', ({ from }) => {
      const stream = from(orders);
      stream.to(copies);
      late = () => stream.to(counts as never);
    });
    expect(await failureOf(late)).toContain('add steps inside the function given to job()');
  });
});

test('a missing input topic is named with its remedy, and nothing is made or claimed', async () => {
  const broker = new MemoryBroker({ clock: realClock });
  const handle = await run(copying, { broker });
  const failure = await failureOf(() => handle.done);
  expect(failure).toContain('TOPIC_MISSING: Job "copying" reads topic "orders", which does not');
  expect(failure).toContain('millrace topics create orders --partitions 4');
  expect(handle.status().state).toBe('failed');
  expect(broker.listTopics()).toEqual([]);
  expect(broker.status().sequence).toBe(0);
});

describe('a job whose state no longer fits is refused, saying each difference:', () => {
  const byUser = ({ from }: JobContext) => from(orders, { quietAfter: 'off' }).keyBy((o) => o.user);
  const windowed = (size: string, fields = prices()): Job =>
    job('fits', (context) => byUser(context).window(tumbling(size)).aggregate(fields).to(counts));
  const running = (fields: Parameters<ReturnType<typeof byUser>['aggregate']>[0], name?: string) =>
    job('fits', (context) =>
      byUser(context)
        .aggregate(fields, name === undefined ? {} : { name })
        .to(counts),
    );
  const cases: [string, Job, Job, string][] = [
    [
      'another window size',
      windowed('10s'),
      windowed('20s'),
      'windows" has the shape tumbling 10000 ms, offset 0 ms, {total: sum} on disk and tumbling 20000 ms',
    ],
    [
      'another aggregate',
      running(prices()),
      running({ total: mean((o: Order) => o.price) }),
      'accumulator" has the shape {total: sum} on disk and {total: mean} in the job',
    ],
    [
      'another key codec',
      running(prices()),
      job('fits', ({ from }) =>
        from(orders, { quietAfter: 'off' })
          .keyBy((o) => o.user, { key: string() })
          .aggregate(prices())
          .to(topic('counts', { key: string(), value: json<unknown>() })),
      ),
      'has the key codec key-json on disk and string in the job',
    ],
    [
      'a step that is gone',
      running(prices()),
      job('fits', ({ from }) => from(orders, { quietAfter: 'off' }).to(copies)),
      '"aggregate-of-orders-keyed-1/accumulator" is on disk, but no step of the job declares it',
    ],
    [
      'a step of another name',
      running(prices(), 'before'),
      running(prices(), 'after'),
      '"before/accumulator" is on disk, but no step of the job declares it',
    ],
  ];
  const modes = [plainMode, ...otherModes.filter(({ state }) => state === 'changelog').slice(0, 1)];

  test.each(cases)('%s', async (_, before, after, says) => {
    for (const mode of modes) {
      const script = new ScriptRun(before, mode);
      await script.makeTopics(1);
      await script.start();
      await script.append([{ key: 'a', value: { user: 'a', price: 2 } }]);
      await script.stop();
      const failure = await failureOf(() => script.start(after));
      expect(failure).toContain(
        'STATE_MISMATCH: The state of job "fits" does not fit the job as it',
      );
      expect(failure).toContain(says);
      expect(failure).toMatch(
        /Put back what was changed; or .*millrace state drop STATE --job fits; or give the changed job/,
      );
      await script.start(before); // as it was, it goes on
      await script.append([{ key: 'a', value: { user: 'a', price: 3 } }]);
      expect(script.handle.metrics().recordsRead).toBe(1);
      await script.finish(true);
      const [last] = Object.values(script.outputs()).flat().slice(-1);
      expect(JSON.stringify(last)).toContain('"total":5');
    }
  });

  test('stateless steps may change', async () => {
    const script = new ScriptRun(running(prices()));
    await script.makeTopics(1);
    await script.start();
    await script.append([{ key: 'a', value: { user: 'a', price: 2 } }]);
    await script.stop();
    await script.start(
      job('fits', ({ from }) =>
        from(orders, { quietAfter: 'off' })
          .filter((o) => o.price > 0)
          .keyBy((o) => o.user)
          .aggregate(prices())
          .map(({ total }) => total)
          .to(counts),
      ),
    );
    await script.append([{ key: 'a', value: { user: 'a', price: 3 } }]);
    const [last] = Object.values(script.outputs()).flat().slice(-1);
    expect(last).toMatchObject({ value: 5 });
  });
});

describe('a data directory is refused where it can not keep the promises:', () => {
  /** This platform, with every directory on a file system of this kind. */
  function on(kind: FileSystemKind): Platform {
    const platform = nodePlatform();
    return { ...platform, files: { ...platform.files, kindOf: () => kind } };
  }

  test.each([
    ['network', /is on a network file system, where locks and syncs can't be trusted\. Choose a l/],
    ['read-only', /is read-only\. Choose one that this user may write/],
  ] as const)('on a %s file system, before anything is written', async (kind, says) => {
    const directory = temporaryDirectory();
    const failure = await failureOf(() => run(copying, { data: directory, platform: on(kind) }));
    expect(failure).toMatch(/^DIRECTORY: The data directory/);
    expect(failure).toContain(directory);
    expect(failure).toMatch(says);
    expect(readdirSync(directory)).toEqual([]);
  });

  test('where it exists and became read-only', { skip: process.getuid?.() === 0 }, async () => {
    const directory = temporaryDirectory();
    await (await openBroker(nodePlatform(), directory)).close();
    chmodSync(directory, 0o555);
    expect(await failureOf(() => run(copying, { data: directory }))).toMatch(/is read-only/);
    chmodSync(directory, 0o755);
  });

  test('where a file is in the way, or there is no data and none is to be made', async () => {
    const directory = temporaryDirectory();
    const inTheWay = join(directory, 'lock.db');
    mkdirSync(inTheWay);
    const open = (path: string, create: boolean) => () =>
      openBroker(nodePlatform(), path, { create });
    expect(await failureOf(open('/dev/null/data', true))).toMatch(
      /^DIRECTORY: The data directory \/dev\/null\/data can't be made: .*Choose one/,
    );
    expect(await failureOf(open(join(directory, 'none'), false))).toMatch(
      /^DIRECTORY: There is no Millrace data in .*none\. Check the path/,
    );
    expect(await failureOf(open(directory, true))).toMatch(/^DIRECTORY: .*lock\.db/);
  });
});

/** Rescales of jobs whose code has changed since, and of jobs that wait for answers. */
import { expect, test } from 'vitest';
import {
  count,
  type Job,
  job,
  json,
  keyJson,
  openLog,
  rescale,
  run,
  string,
  sum,
  topic,
} from '../../../src/index.ts';
import { recordsOf } from '../../golden/pipeline.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

interface Cup {
  readonly who: string;
  readonly price: number;
}

const cups = topic('cups', { key: string(), value: json<Cup>() });
const [counts, sums] = ['counts', 'sums'].map((name) =>
  topic(name, { key: keyJson<string>(), value: json<unknown>(), partitions: 1 }),
) as [T, T];
type T = ReturnType<typeof topic<string, unknown>>;

interface Steps {
  readonly hasCount?: boolean;
  readonly hasSum?: boolean;
  readonly parallelism: number;
  readonly ask?: (price: number) => Promise<number>;
}

/** `ask`: what is asked outside before anything is counted. */
function counting({ hasCount = true, hasSum = false, parallelism, ask }: Steps): Job {
  return job(
    'counting',
    ({ from }) => {
      const read = from(cups, { quietAfter: 'off' });
      const asked =
        ask === undefined
          ? read
          : read.mapAsync(async (cup) => ({ ...cup, price: await ask(cup.price) }), {
              name: 'ask',
            });
      const byWho = asked.keyBy((cup) => cup.who);
      if (hasCount) byWho.aggregate({ n: count() }, { name: 'count' }).to(counts);
      if (hasSum) byWho.aggregate({ n: sum((cup) => cup.price) }, { name: 'sum' }).to(sums);
    },
    { parallelism },
  );
}

async function drink(directory: string, of: Job, prices: readonly number[], end?: () => boolean) {
  const log = await openLog(directory, { durability: 'process' });
  await log.createTopic(cups, 2);
  const who = (price: number) => `who-${price % 3}`;
  await Promise.all(
    prices.map((price) =>
      log.send(cups, { key: who(price), value: { who: who(price), price }, timestamp: 1 }),
    ),
  );
  const handle = await run(of, { data: log, durability: 'process' });
  if (end === undefined) {
    await handle.stop({ drain: true });
  } else {
    const { promise, resolve } = Promise.withResolvers<void>();
    const subscription = log.broker.subscribe(() => (end() ? resolve() : undefined));
    await Promise.race([promise, handle.done]);
    subscription.close();
    await handle.stop();
  }
  const written = (name: string) =>
    log.broker.describeTopic(name) ? recordsOf(log.broker, name, 0) : [];
  const found = { counts: written('counts').sort(), sums: written('sums').sort() };
  await log.close();
  return found;
}

const prices = Array.from({ length: 12 }, (_, price) => price);

test('a step that is new begins with nothing, and the others go on', async () => {
  const directory = temporaryDirectory();
  await drink(directory, counting({ parallelism: 2 }), prices);
  const changed = counting({ parallelism: 2, hasSum: true });
  await expect(drink(directory, changed, [])).rejects.toThrow('millrace rescale');
  expect(await rescale(changed, { data: directory })).toMatchObject({ isMoved: true });
  const found = await drink(directory, changed, prices);
  expect(found.counts.filter((record) => record.includes('"n":8'))).toHaveLength(3);
  expect(found.sums).toContain('"who-0" {"n":18} 1 []');
});

test('state that no step declares any more is refused, and nothing is changed', async () => {
  const directory = temporaryDirectory();
  const both = counting({ parallelism: 2, hasSum: true });
  await drink(directory, both, prices);
  const attempt = rescale(counting({ parallelism: 3 }), { data: directory });
  await expect(attempt).rejects.toMatchObject({ code: 'STATE_MISMATCH' });
  await expect(attempt).rejects.toThrow('"sum/');
  expect((await drink(directory, both, prices)).counts).toHaveLength(24);
});

test('calls that wait for answers are asked, and none is lost', async () => {
  const directory = temporaryDirectory();
  for (const [from, to] of [
    [1, 3],
    [3, 2],
    [2, 1],
  ] as const) {
    let asked = 0;
    const never = () => {
      asked++;
      return new Promise<number>(() => {});
    };
    await drink(directory, counting({ parallelism: from, ask: never }), prices, () => asked > 5);
    const answering = (parallelism: number) =>
      counting({ parallelism, ask: async (price) => price });
    await rescale(answering(to), { data: directory });
    await drink(directory, answering(to), []);
  }
  const { counts: found } = await drink(
    directory,
    counting({ parallelism: 1, ask: async (price) => price }),
    [],
  );
  expect(found).toHaveLength(36);
  expect(found).toContain('"who-1" {"n":12} 1 []');
});

test('a topic that is new moves partitions, so the job is rescaled first, and reads nothing twice', async () => {
  const directory = temporaryDirectory();
  const another = topic('another', { key: string(), value: json<Cup>() });
  const both = job(
    'counting',
    ({ from }) => {
      from(cups, { quietAfter: 'off' })
        .union(from(another, { quietAfter: 'off' }))
        .keyBy((cup) => cup.who)
        .aggregate({ n: count() }, { name: 'count' })
        .to(counts);
    },
    { parallelism: 2 },
  );
  await drink(directory, counting({ parallelism: 2 }), prices);
  await expect(rescale(both, { data: directory })).rejects.toMatchObject({ code: 'TOPIC_MISSING' });
  const log = await openLog(directory, { durability: 'process' });
  await log.createTopic(another, 1);
  await log.send(another, { key: 'a', value: { who: 'who-0', price: 1 }, timestamp: 1 });
  await log.close();
  await expect(drink(directory, both, [])).rejects.toThrow(
    'Job "counting" read cups (2 partitions), and reads another (1 partition), cups (2 ' +
      'partitions) now: its tasks share that out otherwise. Move it: millrace rescale FILE',
  );
  expect(await rescale(both, { data: directory })).toMatchObject({ isMoved: true });
  const found = await drink(directory, both, []);
  expect(found.counts).toHaveLength(13);
  expect(found.counts.filter((record) => record.includes('"n":5'))).toHaveLength(1);
});

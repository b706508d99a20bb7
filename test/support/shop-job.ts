/** A job that several tasks share, in a directory: keyed twice, with windows and broadcast state. */
import {
  count,
  type Job,
  job,
  json,
  type Log,
  run,
  string,
  topic,
  tumbling,
  value,
} from '../../src/index.ts';

export interface Visit {
  readonly user: string;
  readonly page: string;
}

export const visits = topic('visits', { key: string(), value: json<Visit>() });
export const prices = topic('prices', { key: string(), value: json<number>() });
export const perPage = topic('per-page', { key: string(), value: json<unknown>() });
export const spent = topic('spent', { key: string(), value: json<number>() });

export function sharedJob(parallelism: number): Job {
  const of = job('shop', ({ from }) => {
    const visited = from(visits, { quietAfter: 'off' });
    visited
      .keyBy((visit) => visit.page)
      .window(tumbling('1h'))
      .aggregate({ n: count() }, { name: 'pages' })
      .to(perPage);
    visited
      .keyBy((visit) => visit.user)
      .connectBroadcast(from(prices, { quietAfter: 'off' }))
      .process({
        name: 'users',
        state: { seen: value<number>() },
        broadcast: { price: value<number>() },
        onBroadcast(price, { broadcast }) {
          broadcast.price.set(price);
        },
        onRecord(_, { state }) {
          state.seen.update((seen = 0) => seen + 1);
          return [state.seen.get() ?? 0];
        },
      })
      .to(spent);
  });
  return withParallelism(of, parallelism);
}

export function withParallelism(of: Job, parallelism: number): Job {
  return { ...of, graph: { ...of.graph, parallelism } };
}

/** Makes the topics that it reads, and one price. */
export async function prepare(log: Log): Promise<void> {
  await log.createTopic(visits, 2);
  await log.createTopic(prices);
  await log.send(prices, { key: null, value: 3, timestamp: 0 });
}

/** Sends so many visits, of 20 users to 7 pages, one each second. */
export async function visit(log: Log, from: number, to: number): Promise<void> {
  const sent = Array.from({ length: to - from }, (_, i) => {
    const n = from + i;
    const value = { user: `u${n % 20}`, page: `p${n % 7}` };
    return log.send(visits, { key: value.user, value, timestamp: n * 1000 });
  });
  await Promise.all(sent);
}

/** Runs the job until so many records of `spent` are there. */
export async function runUntil(log: Log, of: Job, written: number): Promise<void> {
  const handle = await run(of, { data: log, foldIntervalMs: 20 });
  await Promise.race([
    handle.done,
    (async () => {
      while ((await valuesOf(log)).length < written) await soon();
    })(),
  ]);
  await handle.stop();
}

/** All that was written, as `key value`, sorted. */
export async function valuesOf(log: Log, ...topics: readonly string[]): Promise<string[]> {
  const names = topics.length === 0 ? [spent.name] : topics;
  const found: string[] = [];
  for (const name of names) {
    const of = topic(name, { key: string(), value: json<unknown>() });
    if (log.broker.describeTopic(name) === undefined) continue;
    for await (const { key, value } of log.records(of)) {
      found.push(`${name.split('.')[0]} ${key} ${JSON.stringify(value)}`);
    }
  }
  return found.sort();
}

export function soon(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

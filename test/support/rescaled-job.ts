/** A job that keeps everything that can be kept by event time, and runs of it in a directory. */
import { readdirSync } from 'node:fs';
import { openLogView } from '../../src/broker/index.ts';
import {
  count,
  job,
  list,
  map,
  session,
  sum,
  topic,
  tumbling,
  value,
} from '../../src/dsl/index.ts';
import { json, keyJson, string } from '../../src/formats/index.ts';
import { nodePlatform, type Platform } from '../../src/platform/index.ts';
import {
  type Job,
  type OpenLogOptions,
  openLog,
  type RunOptions,
  run,
} from '../../src/runtime/index.ts';
import { snapshotOf } from '../../src/runtime/rescale/former-state.ts';
import { formerLayoutOf } from '../../src/runtime/rescale/layouts.ts';
import { recordsOf } from '../golden/pipeline.ts';
import { seededChoices } from './choices.ts';

export interface Reading {
  readonly key: string;
  readonly at: number;
  readonly n: number;
}

export const readings = topic('readings', { key: string(), value: json<Reading>() });
const rules = topic('rules', { key: string(), value: json<{ at: number; factor: number }>() });
const names = ['windows', 'late', 'sessions', 'running', 'kept', 'first', 'again'] as const;
const outputs = Object.fromEntries(
  names.map((name) => [
    name,
    topic(name, { key: keyJson<unknown>(), value: json<unknown>(), partitions: 1 }),
  ]),
) as Record<(typeof names)[number], ReturnType<typeof topic<unknown, unknown>>>;

export const rescaled: Job = job('rescaled', ({ from }) => {
  const source = { outOfOrderness: 10, quietAfter: 'off', idleAfter: '1h' } as const;
  const all = from(readings, { eventTime: (r) => r.at, ...source });
  const byKey = all.keyBy((r) => r.key);
  const windowed = byKey.window(tumbling(20)).aggregate({ n: count(), total: sum((r) => r.n) });
  windowed.to(outputs.windows);
  windowed.late.to(outputs.late);
  byKey.window(session(15)).aggregate({ n: count() }, { name: 'visits' }).to(outputs.sessions);
  byKey.aggregate({ n: count() }, { ttl: 40 }).to(outputs.running);
  all.deduplicate({ by: (r) => [r.n], within: 30 }).to(outputs.first);
  byKey
    .connectBroadcast(from(rules, { eventTime: (r) => r.at, ...source }))
    .process({
      name: 'keep',
      state: {
        last: value<number>(),
        all: list<number>({ ttl: 30 }),
        items: map<string, number>({ ttl: { after: 25, refresh: 'read and write' } }),
      },
      broadcast: { factor: value<number>() },
      onRecord({ at, n }, { state, timers, broadcast }) {
        state.last.update((before = 0) => Math.max(before, at));
        state.all.add(n);
        if (n % 2 === 0) state.items.set(`${n % 5}`, n);
        timers.event.set(at + n);
        return [[[...state.all.values()], n * (broadcast.factor.get() ?? 1)]];
      },
      onBroadcast({ factor }, { broadcast }) {
        broadcast.factor.set(factor);
      },
      onTimer: ({ time }, { state }) => [['timer', time, state.last.get() ?? null]],
    })
    .to(outputs.kept);
  windowed
    .keyBy((w) => w.n)
    .aggregate({ n: count(), total: sum((w) => w.total) })
    .to(outputs.again);
});

/** The job as it is written with another parallelism. */
export function inTasks(of: Job, parallelism: number): Job {
  return { ...of, graph: { ...of.graph, parallelism } };
}

/** Behind the first half there is a gap, so that it does not matter how far that was read. */
export function makeInput(total: number, seed: number): Reading[] {
  const choose = seededChoices(seed);
  return Array.from({ length: total }, (_, i) => ({
    key: `key-${choose(12)}`,
    at: 1000 + i * 2 + choose(16) + (i < total / 2 ? 0 : 40),
    n: choose(40),
  }));
}

export interface Phase {
  readonly directory: string;
  readonly job: Job;
  readonly input: readonly Reading[];
  /** How the run ends: once everything is read, once something is, or drained. */
  readonly end: 'read' | 'soon' | 'drained';
  readonly platform?: Platform;
}

const settings: Partial<RunOptions> = {
  epoch: { epochRecords: 7 },
  foldIntervalMs: 5,
};

/** A simulated machine may lose its power. */
function optionsFor(platform: Platform | undefined): OpenLogOptions {
  return platform === undefined ? { durability: 'process' } : { durability: 'disk', platform };
}

function durabilityFor(platform: Platform | undefined): Pick<RunOptions, 'durability'> {
  return { durability: platform === undefined ? 'process' : 'disk' };
}

/** Adds input, and runs the job. */
export async function runPhase({ directory, job: of, input, end, platform }: Phase): Promise<void> {
  const log = await openLog(directory, optionsFor(platform));
  try {
    await log.createTopic(readings, 3);
    await log.createTopic(rules, 1);
    for (const [i, { at }] of input.entries()) {
      if (i % 30 !== 0 && i !== input.length - 1) continue;
      await log.send(rules, { key: 'a', value: { at, factor: i + 1 }, timestamp: at });
    }
    await Promise.all(
      input.map((reading) =>
        log.send(readings, { key: reading.key, value: reading, timestamp: reading.at }),
      ),
    );
    const handle = await run(of, { ...settings, ...durabilityFor(platform), data: log });
    if (end !== 'drained') {
      const wanted = end === 'soon' ? Math.floor(input.length / 3) : input.length;
      const isRead = () => {
        const own = handle.status().partitions.filter(({ topic: name }) => name === readings.name);
        const read = own.reduce((total, { end: to, lag }) => total + to - lag, 0);
        const there = [0, 1, 2].reduce(
          (total, partition) => total + log.broker.endOf({ topic: readings.name, partition }),
          0,
        );
        return read >= there - input.length + wanted;
      };
      await Promise.race([until(log.broker, isRead), handle.done]);
    }
    await handle.stop({ drain: end === 'drained' });
  } finally {
    await log.close();
  }
}

function until(broker: { subscribe(run: () => void): { close(): void } }, isSo: () => boolean) {
  const { promise, resolve } = Promise.withResolvers<void>();
  const look = () => {
    if (isSo()) resolve();
  };
  const subscription = broker.subscribe(look);
  look();
  return promise.finally(() => subscription.close());
}

/**
 * The results of each topic by key, in their order. Records that were let through once come by the
 * tasks of their ids, so only those of one id keep their order where event time did not rise.
 */
export async function resultsIn(
  directory: string,
  platform?: Platform,
): Promise<Record<string, string[]>> {
  const log = await openLog(directory, optionsFor(platform));
  try {
    const results: Record<string, string[]> = {};
    for (const name of names) {
      if (log.broker.describeTopic(name) === undefined) continue;
      for (const record of recordsOf(log.broker, name, 0)) {
        const id = name === 'first' ? (/"n":(\d+)/.exec(record)?.[1] ?? '') : '';
        const key = `${name} ${id} ${record.slice(0, record.indexOf(' '))}`;
        results[key] = [...(results[key] ?? []), record];
      }
    }
    return results;
  } finally {
    await log.close();
  }
}

/** All that the job keeps, by the names of its stores, whichever task has it. */
export async function stateIn(
  directory: string,
  of: Job,
  platform: Platform = nodePlatform(),
): Promise<Record<string, string[]>> {
  const log = await openLog(directory, { durability: 'process', platform });
  const view = await openLogView(platform, directory);
  try {
    const { tasks } = formerLayoutOf(of.graph, log.broker);
    const found = new Map<string, Set<string>>();
    for (const { name } of tasks) {
      const reader = { platform, log: view, directory: `${directory}/state/${of.name}` };
      const { database, overlay } = snapshotOf(reader, name);
      for (const [number, store] of overlay.stores) {
        if (store.name === 'task/time' || store.name.endsWith('last end')) continue;
        const rows = database
          .prepare(`SELECT * FROM (${overlay.rowsOf(number)})`)
          .raw()
          .all();
        const known = found.get(store.name) ?? new Set();
        for (const row of rows) known.add(JSON.stringify(row));
        found.set(store.name, known);
      }
      database.close();
    }
    return Object.fromEntries([...found].sort().map(([name, rows]) => [name, [...rows].sort()]));
  } finally {
    view.close();
    await log.close();
  }
}

export function filesIn(directory: string, of: Job): string[] {
  return readdirSync(`${directory}/state/${of.name}`).sort();
}

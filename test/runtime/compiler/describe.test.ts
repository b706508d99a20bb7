import { describe, expect, test } from 'vitest';
import {
  afterCount,
  afterProcessingTime,
  afterWatermark,
  aggregating,
  calendar,
  count,
  globalWindow,
  hopping,
  job,
  list,
  map,
  reducing,
  repeatedly,
  session,
  sum,
  topic,
  tumbling,
  value,
  windows,
} from '../../../src/dsl/index.ts';
import { json, number, string, versions } from '../../../src/formats/index.ts';
import { describeGraph, describeJob, type Graph } from '../../../src/runtime/index.ts';

const numbers = topic('numbers', { key: string(), value: json<number>() });
const results = topic('results', { key: string(), value: json<unknown>() });

/** What is said of the steps that keep state. */
function keepers({ graph }: { readonly graph: Graph }): string[] {
  return describeGraph(graph)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.includes('[state'));
}

describe('a description of a job', () => {
  test('shows the steps, each below what it reads', () => {
    const described = job('steps', ({ from }) => {
      const even = from(numbers, { eventTime: (n) => n, outOfOrderness: '90m', quietAfter: 'off' })
        .map((n) => n + 1)
        .filter((n) => n % 2 === 0)
        .keyBy(String);
      even.window(tumbling('1h')).aggregate({ n: count() }).to(results);
      even
        .window(hopping('1h', { every: '5m', offset: '1m' }))
        .aggregate({ n: count() }, { name: 'hops' })
        .to(results);
      even.to(results);
    });
    expect(describeGraph(described.graph)).toBe(
      `job steps
  from numbers (key string, value json) event time, out of order 1h30m, idle after 5s, quiet after \
never, starts at earliest
    map
      filter
        keyBy (key-json)
          window tumbling 1h {n: count} [state window-of-numbers-keyed-1]
            to results (key string, value json)
          window hopping 1h every 5m offset 1m {n: count} [state hops]
            to results (key string, value json)
          to results (key string, value json)
`,
    );
  });

  test('shows the windows, and when they fire', () => {
    const described = job('windows', ({ from }) => {
      const keyed = from(numbers).keyBy(String);
      const n = { n: count() };
      const trigger = afterWatermark({ early: afterProcessingTime('10s'), late: afterCount(2) });
      const lenient = keyed.window(session('30m')).trigger(trigger).allowedLateness('1d');
      lenient.aggregate(n, { name: 'a' }).to(results);
      const day = calendar('day', { timeZone: 'Europe/Berlin' });
      keyed.window(day).aggregate(n, { name: 'b' }).to(results);
      const all = keyed.window(globalWindow()).trigger(repeatedly(afterCount(9)));
      all.aggregate(n, { name: 'c' }).to(results);
      const own = windows<number>({ name: 'own', assign: () => [] });
      keyed.window(own).aggregate(n, { name: 'd' }).to(results);
    });
    expect(keepers(described)).toEqual([
      'window session gap 30m {n: count} [state a] fires after the watermark, early after 10s of ' +
        'processing time, late after 2 records, accumulating, lateness 1d',
      'window calendar day in Europe/Berlin {n: count} [state b]',
      'window global {n: count} [state c] fires repeatedly after 9 records, accumulating',
      'window custom own {n: count} [state d]',
    ]);
  });

  test('shows the kind, the codecs and the time-to-live of each piece of state', () => {
    const state = {
      last: value<number>({ ttl: '1d' }),
      fixed: value(number()),
      all: list<number>({ ttl: { after: '90m', time: 'processing' } }),
      items: map({ key: number(), value: string(), ttl: { after: 1, refresh: 'read and write' } }),
      most: reducing<number>((a, b) => Math.max(a, b), { ttl: '2h' }),
      stats: aggregating({ n: count(), total: sum((n: number) => n) }),
    } as const;
    const described = job('kinds', ({ from }) => {
      from(numbers)
        .keyBy(String)
        .process({ state, onRecord: () => [] })
        .to(results);
    });
    expect(keepers(described)).toEqual([
      'process [state process-of-numbers-keyed-1] (' +
        'last: value json, ttl 1d of event time since written; ' +
        'fixed: value number; ' +
        'all: list json, ttl 1h30m of processing time since written; ' +
        'items: map number to string, ttl 1ms of event time since written or read; ' +
        'most: reducing json, ttl 2h of event time since written; ' +
        'stats: aggregating {n: count, total: sum})',
    ]);
  });

  test('shows what running aggregates and reductions keep', () => {
    const described = job('running', ({ from }) => {
      const byNumber = from(numbers).keyBy(String);
      byNumber.aggregate({ n: count() }, { ttl: '7d' }).to(results);
      byNumber.reduce((a, b) => a + b).to(results);
    });
    expect(keepers(described)).toEqual([
      'aggregate [state aggregate-of-numbers-keyed-1] ' +
        '(accumulator: value {n: count}, ttl 7d of event time since written)',
      'reduce [state reduce-of-numbers-keyed-1] (reduced: value json)',
    ]);
  });

  test('shows which version of keys, items and values it is, from the second on', () => {
    const second = versions<number>().to(String);
    const described = job('versions', ({ from }) => {
      from(numbers)
        .keyBy((n) => [String(n)], { key: versions<string>().to((text) => [text]) })
        .process({
          state: { first: value(versions<number>()), items: map({ key: second, value: second }) },
          onRecord: () => [],
        })
        .to(results, { key: () => '' });
    });
    const lines = describeGraph(described.graph);
    expect(lines).toContain('keyBy (key-json v2)\n');
    expect(lines).toContain('(first: value json; items: map key-json v2 to json v2)\n');
  });

  test('says nothing of state where there is none', () => {
    const described = job('none', ({ from }) => {
      from(numbers)
        .keyBy(String)
        .process({ onRecord: (n) => [n] })
        .to(results);
    });
    expect(keepers(described)).toEqual(['process [state process-of-numbers-keyed-1]']);
  });
});

test('a job that several tasks share is shown with its stages, and the topics between them', () => {
  const build = (parallelism: number) =>
    job(
      'shared',
      ({ from }) => {
        from(numbers)
          .map((n) => n + 1)
          .keyBy(String)
          .window(tumbling('1h'))
          .aggregate({ n: count() }, { name: 'hourly' })
          .to(results);
      },
      { parallelism },
    );
  const source =
    'from numbers (key string, value json) time of the record, out of order 0s, idle after 5s, ' +
    'quiet after 10s, starts at earliest';
  expect(describeJob(build(4).graph)).toBe(`job shared
  ${source}
    map
      keyBy (key-json)
        window tumbling 1h {n: count} [state hourly]
          to results (key string, value json)
shared by tasks
  stage 0: 4 tasks, at most one for each partition that is read
    ${source}
      map
        keyBy (key-json)
          send to stage 1 through __shared-1.0-hourly
  stage 1: 4 tasks, by key
    receive from stage 0 through __shared-1.0-hourly
      keyBy key of the record (key-json)
        window tumbling 1h {n: count} [state hourly]
          to results (key string, value json)
`);
  expect(describeJob(build(1).graph)).toBe(describeGraph(build(1).graph));
});

/** What queries see of each kind of state, folded and not. */
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  type Aggregate,
  afterCount,
  afterWatermark,
  aggregate,
  aggregating,
  approximateCountDistinct,
  argMax,
  argMin,
  calendar,
  collect,
  count,
  countDistinct,
  cumulating,
  earliest,
  first,
  histogram,
  hopping,
  job,
  last,
  latest,
  list,
  map,
  max,
  mean,
  min,
  quantile,
  reducing,
  session,
  share,
  standardDeviation,
  sum,
  topic,
  topK,
  tumbling,
  value,
  variance,
  windows,
} from '../../../src/dsl/index.ts';
import { bytes, json, keyJson, number, string, structured } from '../../../src/formats/index.ts';
import type { Job } from '../../../src/runtime/index.ts';
import { QueriedJob } from './queried-job.ts';

interface Order {
  readonly by: string;
  readonly at: number;
  readonly price: number;
  readonly note?: string;
}

const orders = topic('orders', { key: string(), value: json<Order>() });
const out = topic('out', { key: keyJson<unknown>(), value: json<unknown>() });
const byTime = { eventTime: (order: Order) => order.at, quietAfter: 'off' } as const;

const ada: Order = { by: 'ada', at: 10, price: 3 };
const bob: Order = { by: 'bob', at: 20, price: 4, note: 'soon' };

async function started(of: Job): Promise<QueriedJob> {
  const queried = new QueriedJob(of);
  await queried.start();
  onTestFinished(() => queried.stop());
  return queried;
}

/** The same rows before they are folded, afterwards, and when the job has been stopped. */
async function always(of: Job, values: readonly unknown[], sql: string): Promise<unknown[]> {
  const queried = new QueriedJob(of);
  await queried.start();
  await queried.send('orders', values);
  const unfolded = await queried.rows(sql);
  await queried.fold();
  expect(await queried.rows(sql), 'folded').toEqual(unfolded);
  await queried.stop();
  expect(await queried.rows(sql), 'stopped').toEqual(unfolded);
  return unfolded;
}

describe('a value', () => {
  const remembers = job('remembers', ({ from }) => {
    from(orders, byTime)
      .keyBy((order) => order.by)
      .process({
        name: 'by-name',
        state: { order: value<Order>(), total: value<number>() },
        onRecord(order, { state }) {
          state.order.set(order);
          state.total.set(order.price);
          return [];
        },
      })
      .to(out);
  });

  test('that is an object has a column for each field', async () => {
    expect(await always(remembers, [ada, bob], 'SELECT * FROM by_name_order')).toEqual([
      { key: 'ada', by: 'ada', at: 10, price: 3, note: null, value: JSON.stringify(ada) },
      { key: 'bob', by: 'bob', at: 20, price: 4, note: 'soon', value: JSON.stringify(bob) },
    ]);
  });

  test('that is none is the value alone', async () => {
    expect(await always(remembers, [ada], 'SELECT * FROM by_name_total')).toEqual([
      { key: 'ada', value: 3 },
    ]);
  });

  test('is seen as it was changed since the fold, and not when it was removed', async () => {
    const forgets = job('forgets', ({ from }) => {
      from(orders, byTime)
        .keyBy((order) => order.by)
        .process({
          name: 'last',
          state: { price: value<number>() },
          onRecord({ price }, { state }) {
            if (price > 0) state.price.set(price);
            else state.price.clear();
            return [];
          },
        })
        .to(out);
    });
    const queried = await started(forgets);
    await queried.send('orders', [ada, bob]);
    await queried.fold();
    await queried.send('orders', [
      { ...ada, price: 5 },
      { ...bob, price: 0 },
      { ...bob, by: 'cy' },
    ]);
    expect(await queried.rows('SELECT * FROM last_price')).toEqual([
      { key: 'ada', value: 5 },
      { key: 'cy', value: 4 },
    ]);
    expect(await queried.rows('SELECT value FROM last_price_raw WHERE key = ?', ['"cy"'])).toEqual([
      { value: '4' },
    ]);
    const plan = await queried.ask(
      "EXPLAIN QUERY PLAN SELECT * FROM last_price_raw WHERE key = ''",
    );
    expect(plan.rows.join()).toContain(
      'SEARCH e USING PRIMARY KEY (store=? AND time=? AND key_group',
    );
  });
});

describe('codecs', () => {
  const kinds = job('kinds', ({ from }) => {
    from(orders, byTime)
      .keyBy((order) => order.price, { key: number() })
      .process({
        name: 'kinds',
        state: {
          number: value(number()),
          text: value(string()),
          bytes: value(bytes()),
          structured: value(structured<Date>()),
          json: value<unknown>(),
        },
        onRecord({ price, by }, { state }) {
          state.number.set(-price / 2);
          state.text.set(`"${by}"`);
          state.bytes.set(Buffer.from(by));
          state.structured.set(new Date(0));
          state.json.set(by === 'ada' ? [true, null] : by);
          return [];
        },
      })
      .to(out);
  });

  test.each([
    ['number', -1.5, -2],
    ['text', '"ada"', '"bob"'],
    ['bytes', Buffer.from('ada'), Buffer.from('bob')],
    ['json', '[true,null]', 'bob'],
  ])('%s: keys and values are SQL values', async (name, first, second) => {
    const queried = await started(kinds);
    await queried.send('orders', [ada, bob]);
    expect(await queried.rows(`SELECT * FROM kinds_${name}`)).toEqual([
      { key: 3, value: first },
      { key: 4, value: second },
    ]);
  });

  test('what only their program reads is bytes', async () => {
    const queried = await started(kinds);
    await queried.send('orders', [ada]);
    const rows = await queried.rows('SELECT typeof(value) AS type FROM kinds_structured');
    expect(rows).toEqual([{ type: 'blob' }]);
  });
});

test('a key that is an object or list has a column for each of its fields', async () => {
  const keyed = job('keyed', ({ from }) => {
    from(orders, byTime)
      .keyBy(({ by, price }) => ({ by, of: [price] }))
      .aggregate({ n: count() }, { name: 'counts' })
      .to(out);
  });
  expect(await always(keyed, [ada, ada], 'SELECT * FROM counts_accumulator')).toEqual([
    { key: '{"by":"ada","of":[3]}', key_by: 'ada', key_of: '[3]', n: 2, value: '{"n":2}' },
  ]);
});

test('elements of lists and maps are rows; a list that was cleared is empty', async () => {
  const collects = job('collects', ({ from }) => {
    from(orders, byTime)
      .keyBy((order) => order.by)
      .process({
        name: 'all',
        state: { list: list<number>(), map: map<number, Order>({ key: number() }) },
        onRecord(order, { state }) {
          if (order.price === 0) state.list.clear();
          state.list.add(order.price);
          state.map.set(order.at, order);
          return [];
        },
      })
      .to(out);
  });
  const queried = await started(collects);
  await queried.send('orders', [ada, bob, { ...ada, price: 9 }]);
  await queried.fold();
  await queried.send('orders', [{ ...ada, at: 11, price: 0 }]);
  expect(await queried.rows('SELECT * FROM all_list')).toEqual([
    { key: 'ada', item: 0, value: 0 },
    { key: 'bob', item: 0, value: 4 },
  ]);
  expect(await queried.rows('SELECT key, item, price FROM all_map')).toEqual([
    { key: 'ada', item: 10, price: 9 },
    { key: 'ada', item: 11, price: 0 },
    { key: 'bob', item: 20, price: 4 },
  ]);
});

describe('aggregates', () => {
  const of = (order: Order) => order.price;
  const all = {
    count: count(),
    sum: sum(of),
    mean: mean(of),
    min: min(of),
    max: max(of),
    share: share((order: Order) => order.price > 3),
    first: first((order: Order) => order),
    last: last((order: Order) => order.by),
  };
  const values = [ada, bob, { ...ada, price: 0.1 }, { ...ada, price: -7 }];

  test('are shown as their results', async () => {
    const aggregates = job('aggregates', ({ from }) => {
      from(orders, byTime)
        .keyBy(() => 'all')
        .aggregate(all, { name: 'all' })
        .to(out);
    });
    const results = Object.entries<Aggregate<never, unknown>>(all).map(([name, aggregate]) => {
      let accumulator = aggregate.create();
      for (const each of values) accumulator = aggregate.add(accumulator, each as never, 0);
      return [name, aggregate.result(accumulator)];
    });
    const expected = Object.fromEntries(results);
    const queried = await started(aggregates);
    await queried.send('orders', values);
    const [row] = (await queried.rows('SELECT * FROM all_accumulator')) as { value: string }[];
    const { value: whole, ...columns } = row ?? { value: '' };
    expect(JSON.parse(whole)).toEqual(expected);
    const firstText = JSON.stringify(expected.first);
    expect(columns).toEqual({ key: 'all', ...expected, first: firstText });
  });

  test('show the number nearest to a sum, however many parts it has', async () => {
    const sums = job('sums', ({ from }) => {
      const keyed = from(orders, byTime).keyBy((order) => order.by);
      keyed.aggregate({ sum: sum(of), mean: mean(of) }, { name: 'all' }).to(out);
    });
    const queried = await started(sums);
    const high = 1 + 2 ** -52;
    const prices = [high, 2 ** -53, -(2 ** -1000)]; // less than half-way to the next number
    await queried.send('orders', [
      ...prices.map((price) => ({ ...ada, price })),
      ...prices.slice(1).map((price) => ({ ...bob, price: -price })),
    ]);
    expect(await queried.rows('SELECT key, sum, mean FROM all_accumulator')).toEqual([
      { key: 'ada', sum: high, mean: high / 3 },
      { key: 'bob', sum: -(2 ** -53), mean: -(2 ** -54) },
    ]);
  });

  test('that keep more are shown as what they found, quantiles as their sketch', async () => {
    const by = (order: Order) => order.by;
    const mine = aggregate({
      name: 'mine',
      create: () => ({ n: 0 }),
      add: ({ n }, { price }: Order) => ({ n: n + price }),
      merge: (a, b) => ({ n: a.n + b.n }),
      result: ({ n }) => n,
    });
    const shown = {
      variance: variance(of),
      ofSample: variance(of, { sample: true }),
      deviation: standardDeviation(of),
      histogram: histogram(of, [0, 3.5]),
      topK: topK(of, 2),
      least: argMin(of, by),
      greatest: argMax(of),
      earliest: earliest(by),
      latest: latest((order: Order) => order.note ?? null),
      collect: collect(of),
      newest: collect(by, { max: 2, keep: 'latest' }),
      distinct: countDistinct(of),
      about: approximateCountDistinct(of),
    };
    const keep = job('keep', ({ from }) => {
      const keyed = from(orders, byTime).keyBy(() => 'all');
      keyed.aggregate({ ...shown, quantile: quantile(of, 0.5), mine }, { name: 'all' }).to(out);
      keyed.aggregate({ ofSample: shown.ofSample }, { name: 'first' }).to(out);
    });
    const results = Object.entries<Aggregate<never, unknown>>(shown).map(([name, aggregate]) => {
      let accumulator = aggregate.create();
      for (const each of values) accumulator = aggregate.add(accumulator, each as never, each.at);
      return [name, aggregate.result(accumulator)] as const;
    });
    const queried = await started(keep);
    await queried.send('orders', [ada]);
    expect(await queried.rows('SELECT * FROM first_accumulator')).toEqual([
      { key: 'all', ofSample: null, value: '{"ofSample":null}' },
    ]);
    await queried.send('orders', values.slice(1));
    const [row] = (await queried.rows('SELECT * FROM all_accumulator')) as { value: string }[];
    const { value: whole, ...columns } = row ?? { value: '' };
    const sketch = { count: 4, min: -7, max: 4 };
    expect(JSON.parse(whole)).toEqual({
      ...Object.fromEntries(results),
      quantile: expect.objectContaining(sketch),
      mine: { n: expect.closeTo(0.1, 9) },
    });
    const inColumn = (value: unknown) =>
      typeof value === 'object' && value !== null ? JSON.stringify(value) : value;
    expect(columns).toEqual({
      key: 'all',
      ...Object.fromEntries(results.map(([name, value]) => [name, inColumn(value)])),
      quantile: expect.stringContaining('{"count":4,"min":-7,"max":4,'),
      mine: expect.stringContaining('{"n":0.'),
    });
  });

  test('are divided as fractions, though their parts are whole', async () => {
    const spread = job('spread', ({ from }) => {
      from(orders, byTime)
        .keyBy(() => 'all')
        .aggregate({ of: variance(of), deviation: standardDeviation(of) }, { name: 'all' })
        .to(out);
    });
    const queried = await started(spread);
    await queried.send(
      'orders',
      [1, 2, 3].map((price) => ({ ...ada, price })),
    );
    expect(await queried.rows('SELECT of, deviation FROM all_accumulator')).toEqual([
      { of: 2 / 3, deviation: Math.sqrt(2 / 3) },
    ]);
  });

  test('approximate counts are estimated as their job does', async () => {
    const error = 0.1; // 128 registers, so that these are many
    const about = approximateCountDistinct((order: Order) => order.at, { error });
    const counts = job('counts', ({ from }) => {
      from(orders, byTime)
        .keyBy((order) => order.by)
        .process({
          name: 'step',
          state: { about: aggregating(about) },
          onRecord(order, { state }) {
            state.about.add(order);
            return [{ about: state.about.get() }];
          },
        })
        .to(out);
    });
    const queried = await started(counts);
    for (const [by, size] of Object.entries({ few: 1, some: 60, many: 900 })) {
      let accumulator = about.create();
      const sent = Array.from({ length: size }, (_, at) => ({ by, at: 1e6 + at, price: 1 }));
      for (const order of sent) accumulator = about.add(accumulator, order, 0);
      await queried.send('orders', sent);
      const sql = 'SELECT value, typeof(value) AS type FROM step_about WHERE key = ?';
      expect(await queried.rows(sql, [by])).toEqual([
        { value: about.result(accumulator), type: 'integer' },
      ]);
    }
  });

  test('one alone is the value; a reduced one is what it is', async () => {
    const alone = job('alone', ({ from }) => {
      from(orders, byTime)
        .keyBy((order) => order.by)
        .process({
          name: 'step',
          state: {
            mean: aggregating(mean(of)),
            first: aggregating(first((order: Order) => order.note ?? null)),
            dearest: reducing<Order>((a, b) => (b.price > a.price ? b : a)),
          },
          onRecord(order, { state }) {
            state.mean.add(order);
            state.first.add(order);
            state.dearest.add(order);
            return [];
          },
        })
        .to(out);
    });
    const queried = await started(alone);
    await queried.send('orders', values);
    const sql =
      'SELECT m.key, m.value AS mean, f.value AS first, d.price AS dearest FROM step_mean m ' +
      'JOIN step_first f USING (key) JOIN step_dearest d USING (key)';
    expect(await queried.rows(sql)).toEqual([
      { key: 'ada', mean: -1.3, first: null, dearest: 3 },
      { key: 'bob', mean: 4, first: 'soon', dearest: 4 },
    ]);
  });

  test('of windows stand beside when their window begins and ends', async () => {
    const tumblings = job('windows', ({ from }) => {
      const keyed = from(orders, byTime).keyBy((order) => order.by);
      keyed.window(tumbling('1s')).aggregate({ n: count() }, { name: 'by-second' }).to(out);
      keyed
        .window(tumbling(1000, { offset: 500 }))
        .reduce((a, b) => (a.price > b.price ? a : b), { name: 'dearest' })
        .to(out);
    });
    const values = [ada, { ...ada, at: 999 }, bob];
    expect(await always(tumblings, values, 'SELECT * FROM by_second_windows')).toEqual([
      { key: 'ada', window_start: 0, window_end: 1000, n: 2, value: '{"n":2}' },
      { key: 'bob', window_start: 0, window_end: 1000, n: 1, value: '{"n":1}' },
    ]);
    const queried = await started(tumblings);
    await queried.send('orders', [ada, bob]);
    const sql = 'SELECT key, window_start, window_end, price FROM dearest_windows';
    expect(await queried.rows(sql)).toEqual([
      { key: 'ada', window_start: -500, window_end: 500, price: 3 },
      { key: 'bob', window_start: -500, window_end: 500, price: 4 },
    ]);
  });

  test('of windows that overlap stand beside when their slice begins and ends', async () => {
    const overlapping = job('overlapping', ({ from }) => {
      const keyed = from(orders, byTime).keyBy((order) => order.by);
      const hops = hopping(25, { every: 10 });
      keyed.window(hops).aggregate({ n: count() }, { name: 'hops' }).to(out);
      const grows = cumulating(100, { every: 20 });
      keyed.window(grows).aggregate({ n: count() }, { name: 'grows' }).to(out);
    });
    expect(await always(overlapping, [ada, bob], 'SELECT * FROM hops_slices')).toEqual([
      { key: 'ada', slice_start: 10, slice_end: 15, n: 1, value: '{"n":1}' },
      { key: 'bob', slice_start: 20, slice_end: 25, n: 1, value: '{"n":1}' },
    ]);
    expect(await always(overlapping, [ada, bob], 'SELECT * FROM grows_slices')).toEqual([
      { key: 'ada', slice_start: 0, slice_end: 20, n: 1, value: '{"n":1}' },
      { key: 'bob', slice_start: 20, slice_end: 40, n: 1, value: '{"n":1}' },
    ]);
    const later = { ...bob, at: 1000 };
    const starts = 'SELECT key, slice_start FROM hops_slices';
    expect(await always(overlapping, [ada, later], starts)).toEqual([
      { key: 'bob', slice_start: 1000 }, // what has fired for the last time is gone
    ]);
    const views = "SELECT view FROM stores WHERE view LIKE '%ends'";
    expect(await always(overlapping, [ada], views)).toEqual([]);
  });

  test('of a calendar stand beside when their period begins and ends', async () => {
    const berlin = { timeZone: 'Europe/Berlin' } as const;
    const weeks = job('weeks', ({ from }) => {
      const keyed = from(orders, byTime).keyBy((order) => order.by);
      const week = calendar('week', { ...berlin, weekStartsOn: 'saturday' });
      keyed.window(week).aggregate({ n: count() }, { name: 'weekly' }).to(out);
      keyed.window(calendar('day', berlin)).aggregate({ n: count() }, { name: 'daily' }).to(out);
    });
    const at = Date.UTC(2025, 9, 26, 12);
    const hourMs = 3_600_000;
    const row = { key: 'ada', window_start: at - 14 * hourMs, n: 1, value: '{"n":1}' };
    expect(await always(weeks, [{ ...ada, at }], 'SELECT * FROM daily_windows')).toEqual([
      { ...row, window_end: at + 11 * hourMs },
    ]);
    expect(await always(weeks, [{ ...ada, at }], 'SELECT * FROM weekly_windows')).toEqual([
      { ...row, window_start: at - 38 * hourMs, window_end: at + (5 * 24 + 11) * hourMs },
    ]);
  });

  test('of windows with panes stand beside their begin and end, and so do the panes', async () => {
    const early = job('early', ({ from }) => {
      from(orders, byTime)
        .keyBy((order) => order.by)
        .window(tumbling(100))
        .trigger(afterWatermark({ early: afterCount(2) }))
        .allowedLateness(50)
        .aggregate({ n: count() }, { name: 'early' })
        .to(out);
    });
    const values = [ada, ada, ada];
    const window = { key: 'ada', window_start: 0, window_end: 100 };
    expect(await always(early, values, 'SELECT * FROM early_windows')).toEqual([
      { ...window, n: 3, value: '{"n":3}' },
    ]);
    const pane = { index: 1, since: 1, latest: 10, due: null };
    expect(await always(early, values, 'SELECT * FROM early_panes')).toEqual([
      { ...window, ...pane, value: JSON.stringify(pane) },
    ]);
    const later = [ada, { ...bob, at: 149 + 2 }];
    expect(await always(early, later, 'SELECT key FROM early_panes')).toEqual([{ key: 'bob' }]);
    expect(await always(early, later, 'SELECT key FROM early_windows')).toEqual([{ key: 'bob' }]);
  });

  test('of sessions, and of windows that are chosen, stand beside their begin and end', async () => {
    const assigned = job('assigned', ({ from }) => {
      const keyed = from(orders, byTime).keyBy((order) => order.by);
      keyed.window(session(100)).aggregate({ n: count() }, { name: 'sessions' }).to(out);
      keyed
        .window(session(100))
        .reduce((a) => a, { name: 'firsts' })
        .to(out);
      const days = windows({ name: 'days', assign: (at) => [{ start: at - 5, end: at + 90 }] });
      keyed
        .window(days)
        .reduce((a) => a, { name: 'days' })
        .to(out);
    });
    const values = [ada, { ...ada, at: 50 }, bob];
    expect(await always(assigned, values, 'SELECT * FROM sessions_windows')).toEqual([
      { key: 'ada', window_start: 10, window_end: 150, n: 2, value: '{"n":2}' },
      { key: 'bob', window_start: 20, window_end: 120, n: 1, value: '{"n":1}' },
    ]);
    const { by, at, price } = ada;
    expect(await always(assigned, [ada], 'SELECT * FROM firsts_windows')).toEqual([
      { key: by, window_start: 10, window_end: 110, by, at, price, value: JSON.stringify(ada) },
    ]);
    const sql = 'SELECT key, window_start, window_end, price FROM days_windows';
    expect(await always(assigned, [ada], sql)).toEqual([
      { key: 'ada', window_start: 5, window_end: 100, price: 3 },
    ]);
    const gone = 'SELECT key, window_start FROM sessions_windows';
    expect(await always(assigned, [ada, { ...bob, at: 1000 }], gone)).toEqual([
      { key: 'bob', window_start: 1000 },
    ]);
    expect(await always(assigned, [ada], 'SELECT * FROM timers')).toEqual([]);
  });
});

test('timers of all steps are one view', async () => {
  const waits = job('waits', ({ from }) => {
    from(orders, byTime)
      .keyBy((order) => order.by)
      .process({
        name: 'wait',
        onRecord(order, { timers }) {
          timers.event.set(order.at + 100);
          timers.processing.set(8e14);
          return [];
        },
      })
      .keyBy(() => 1)
      .process({ name: 'also', onRecord: () => [] })
      .to(out);
  });
  expect(await always(waits, [ada, bob], 'SELECT * FROM timers')).toEqual([
    { step: 'wait', kind: 'event', key: 'ada', due: 110 },
    { step: 'wait', kind: 'event', key: 'bob', due: 120 },
    { step: 'wait', kind: 'processing', key: 'ada', due: 8e14 },
    { step: 'wait', kind: 'processing', key: 'bob', due: 8e14 },
  ]);
});

describe('state with a time-to-live', () => {
  const ages = (ttl: number) =>
    job('ages', ({ from }) => {
      from(orders, byTime)
        .keyBy((order) => order.by)
        .process({
          name: 'ages',
          state: {
            value: value<number>({ ttl }),
            list: list<number>({ ttl }),
            map: map<string, Order>({ ttl }),
          },
          onRecord({ price, ...order }, { state }) {
            state.value.set(price);
            state.list.add(price, price > 3 ? { ttl: 7 } : undefined);
            state.map.set(order.by, { price, ...order });
            return [];
          },
        })
        .to(out);
    });
  const ends = ['value', 'list', 'map']
    .map((name) => `SELECT '${name}' AS name, key, expires FROM ages_${name}`)
    .join(' UNION ALL ');

  test('says when each entry ends, and shows nothing of its books', async () => {
    const queried = await started(ages(50));
    await queried.send('orders', [ada, bob]);
    await queried.fold();
    await queried.send('orders', [ada]);
    expect(await queried.rows(ends)).toEqual([
      { name: 'list', key: 'ada', expires: 60 },
      { name: 'list', key: 'ada', expires: 69 },
      { name: 'list', key: 'bob', expires: 27 },
      { name: 'map', key: 'ada', expires: 69 },
      { name: 'map', key: 'bob', expires: 70 },
      { name: 'value', key: 'ada', expires: 69 },
      { name: 'value', key: 'bob', expires: 70 },
    ]);
  });

  test('ends as the job says that runs now', async () => {
    const queried = new QueriedJob(ages(50));
    await queried.start();
    await queried.send('orders', [ada]);
    await queried.stop();
    await queried.start(ages(1000));
    await queried.send('orders', [bob]);
    const sql = 'SELECT key, expires FROM ages_value';
    expect(await queried.rows(sql)).toEqual([
      { key: 'ada', expires: 1010 },
      { key: 'bob', expires: 1020 },
    ]);
    expect(await queried.rows('SELECT DISTINCT view FROM stores')).toEqual([
      { view: 'ages_list' },
      { view: 'ages_map' },
      { view: 'ages_value' },
      { view: 'timers' },
    ]);
    await queried.stop();
  });
});

test('names that SQL would not tell apart, or needs itself, get another one', async () => {
  const fields = { key: 1, VALUE: 2, value: 3, 'a b': 4, "it's": 5, 'say "x"': 6, $: 7 };
  const odd = job('odd', ({ from }) => {
    const keyed = from(orders, byTime).keyBy(() => fields);
    for (const name of ['a-b', 'a.b', 'A_B', '1st', 'sqlite_x']) {
      keyed
        .process({
          name,
          state: { of: value<unknown>() },
          onRecord(_order, { state }) {
            state.of.set(fields);
            return [];
          },
        })
        .to(out);
    }
  });
  const queried = await started(odd);
  await queried.send('orders', [ada]);
  const views = (await queried.rows('SELECT DISTINCT view FROM stores')) as { view: string }[];
  expect(views.map(({ view }) => view)).toEqual([
    'A_B_of',
    '_1st_of',
    '_sqlite_x_of',
    'a_b_of_2',
    'a_b_of_3',
    'timers',
  ]);
  const [row] = await queried.rows('SELECT * FROM _sqlite_x_of');
  expect(row).toMatchObject({
    key_key: 1,
    value_key: 1,
    value_VALUE: 2,
    value_value_2: 3,
    'a b': 4,
    "it's": 5,
    'say "x"': 6,
    $: 7,
    value: expect.stringContaining('"VALUE":2'),
  });
});

describe('a statement', () => {
  const counts = job('counts', ({ from }) => {
    from(orders, byTime)
      .keyBy((order) => order.by)
      .aggregate({ n: count() }, { name: 'n' })
      .to(out);
  });

  test.each([
    ['DELETE FROM stores', 'A query only reads'],
    ['INSERT INTO main.meta VALUES (1, 2)', 'A query only reads'],
    ['CREATE TEMP TABLE t (a)', 'A query only reads'],
    ["ATTACH '/tmp/other.db' AS other", 'A query only reads'],
    ['PRAGMA writable_schema = 1', 'A query only reads'],
    ['COMMIT', 'A query only reads'],
    ['SELECT 1; SELECT 2', 'more than one statement'],
    ['', 'contains no statements'],
    ['SELEC 1', 'near "SELEC": syntax error'],
    ['SELECT none FROM n_accumulator', 'no such column: none'],
    ['SELECT ?', 'Too few parameter values'],
    ['SELECT * FROM n_acumulator', 'Did you mean n_accumulator? There are: n_accumulator, '],
  ])('%s is refused', async (sql, message) => {
    const queried = await started(counts);
    await expect(queried.ask(sql)).rejects.toMatchObject({
      code: 'INVALID',
      message: expect.stringContaining(message),
    });
  });

  test('gives as many rows as are wanted, and says whether there are more', async () => {
    const queried = await started(counts);
    await queried.send('orders', [ada, bob]);
    const sql = 'SELECT key FROM n_accumulator';
    expect(await queried.ask(sql, [], 1)).toMatchObject({
      rows: [[expect.any(String)]],
      truncated: true,
    });
    expect(await queried.ask(sql, [], 2)).toMatchObject({ truncated: false });
  });

  test('takes parameters, and keeps whole numbers whole', async () => {
    const queried = await started(counts);
    const { columns, rows } = await queried.ask('SELECT ? AS a, 9007199254740993 AS a, 2', ['x']);
    expect(columns).toEqual(['a', 'a_2', '2']);
    expect(rows).toEqual([['x', 9007199254740993n, 2]]);
  });
});

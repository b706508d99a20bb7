import { describe, expect, test } from 'vitest';
import {
  job,
  type MapAsyncOptions,
  type OnError,
  sum,
  topic,
  tumbling,
} from '../../../src/dsl/index.ts';
import { json, keyJson, string } from '../../../src/formats/index.ts';
import type { Job } from '../../../src/runtime/index.ts';
import { replay } from '../../../src/runtime/index.ts';
import {
  ScriptRun,
  type ScriptStep,
  sameInEveryMode,
  valuesOf,
} from '../../support/operator-harness.ts';
import { Oracle } from '../../support/oracle.ts';
import { expectSameState } from '../../support/rebuilding.ts';

interface Order {
  readonly id: number;
  readonly city: string;
  readonly at: number;
}

const orders = topic('orders', { key: string(), value: json<Order>() });
const found = topic('found', { key: keyJson<unknown>(), value: json<unknown>() });

type Options = MapAsyncOptions<Order, string>;
type Ask = (order: Order, context: { readonly signal: AbortSignal }) => Promise<string>;

const asking = (ask: Ask, options: Options = {}, onError: OnError = 'fail'): Job =>
  job('asking', ({ from }) => {
    from(orders, { eventTime: (o) => o.at, quietAfter: 'off', onError })
      .mapAsync(ask, { name: 'ask', ...options })
      .to(found);
  });

const order = (id: number, city = 'Bonn', at = id) => ({ key: `${id}`, value: { id, city, at } });

const answerOf = ({ id, city }: Order) => `${id} ${city}`;

/** A run of a job that asks, and what there is to see of it. */
async function started(options: Options = {}, onError: OnError = 'fail') {
  const oracle = new Oracle<Order, string>(answerOf);
  const run = new ScriptRun(asking(oracle.ask, options, onError));
  await run.makeTopics(1);
  await run.start();
  const answer = async (at = 0) => {
    oracle.answer(at);
    await run.step({ pauseMs: 0 });
  };
  const fail = async (message: string, at = 0) => {
    oracle.fail(new Error(message), at);
    await run.step({ pauseMs: 0 });
  };
  return { oracle, run, answer, fail, values: () => valuesOf(run.outputs(), 'found') };
}

test('gives the same in every mode, whatever takes how long', async () => {
  const slow: Ask = async (o) => {
    for (let turns = (o.id * 7) % 5; turns > 0; turns--) await null;
    return answerOf(o);
  };
  const script: ScriptStep[] = [
    { records: [order(1), order(2, 'Rome'), order(3)] },
    { records: [order(4), order(5, 'Rome'), order(6, 'Paris')] },
  ];
  const memo = { key: (o: Order) => o.city, ttl: '1h' };
  for (const options of [{}, { capacity: 1 }, { memo }]) {
    const values = valuesOf(await sameInEveryMode(asking(slow, options), script), 'found');
    expect(values.map((value) => Number(String(value)[0]))).toEqual(
      'memo' in options ? [1, 2, 1, 1, 2, 6] : [1, 2, 3, 4, 5, 6],
    );
  }
});

test('windows behind windows behind it take what fires late, whatever stops between two firings', async () => {
  const totals = topic('totals', { key: keyJson<string>(), value: json<number>() });
  const slow = async ({ id }: Order) => {
    for (let turns = id % 3; turns > 0; turns--) await null;
    return id;
  };
  const nested = job('nested', ({ from }) => {
    const perCity = from(orders, { eventTime: (o) => o.at, quietAfter: 'off' })
      .keyBy((o) => o.city)
      .mapAsync(slow, { name: 'ask' })
      .window(tumbling(10))
      .reduce((a, b) => a + b);
    perCity.to(found); // a commit may end between two of these
    const all = perCity
      .keyBy(() => 'all')
      .window(tumbling(10))
      .reduce((a, b) => a + b, { name: 'all' });
    all.to(totals);
    all.late.map((n) => -n).to(totals);
  });
  const cities = ['Bonn', 'Rome', 'Oslo', 'Paris', 'Bern', 'Riga'];
  const records = cities.map((city, i) => order(i + 1, city, 5));
  const script = [{ records: [...records, order(100, 'Bonn', 100)] }];
  expect(valuesOf(await sameInEveryMode(nested, script), 'totals')).toEqual([21, 100]);
});

test('passes keys on, and records without a key to the partition that they came from', async () => {
  const others = topic('others', { key: string(), value: json<Order>() });
  const keyless = job('keyless', ({ from }) => {
    from(others)
      .mapAsync(async (o) => o.id)
      .to(found);
  });
  const outputs = await sameInEveryMode(keyless, [
    { records: [{ ...order(1), key: null, partition: 1 }] },
    { records: [{ ...order(2), key: 'two' }] },
  ]);
  const all = Object.values(outputs).flat();
  expect(outputs['found/1']?.[0]).toMatchObject({ key: null, value: 1 });
  expect(all.find(({ value }) => value === 2)?.key).toBe('two');
});

describe('order', () => {
  test('ordered: a result waits for those before it', async () => {
    const { run, answer, values } = await started();
    await run.append([order(1), order(2), order(3)]);
    await answer(2);
    await answer(1);
    expect(values()).toEqual([]);
    await answer();
    expect(values()).toEqual(['1 Bonn', '2 Bonn', '3 Bonn']);
  });

  test('unordered: it leaves when it is there, but for what was late', async () => {
    const { run, answer, values } = await started({ order: 'unordered' });
    await run.append([order(1, 'Bonn', 10), order(2, 'Bonn', 20), order(3, 'late', 5)]);
    await answer(2);
    await answer(1);
    expect(values()).toEqual(['2 Bonn']);
    await answer();
    expect(values()).toEqual(['2 Bonn', '1 Bonn', '3 late']);
  });
});

describe('capacity', () => {
  test('bounds the calls under way, and nothing is read beyond it', async () => {
    const { run, oracle, answer } = await started({ capacity: 2 });
    await run.append([1, 2, 3, 4].map((id) => order(id)));
    expect(oracle.asked.map((o) => o.id)).toEqual([1, 2]);
    expect(run.handle.metrics().recordsRead).toBe(2);
    expect(run.handle.status().waitingFor).toBe(
      'answers: step "ask" has 2 open calls (capacity 2)',
    );
    await answer();
    expect(oracle.asked.map((o) => o.id)).toEqual([1, 2, 3]);
    oracle.beginToAnswer();
    await run.finish(true);
    expect(oracle.openMax).toBe(2);
    expect(run.handle.status().waitingFor).toBeUndefined();
  });
});

describe('stopping', () => {
  test('leaves open calls in the state, aborts them, and asks again afterwards', async () => {
    const { run, oracle, answer, values } = await started();
    await run.append([order(1), order(2)]);
    await answer(1);
    await run.stop();
    expect(oracle.pending.map(({ signal }) => signal.aborted)).toEqual([true]);
    await run.start();
    expect(oracle.asked.map((o) => o.id)).toEqual([1, 2, 1]); // 2 is answered, and waits
    await answer(1);
    expect(values()).toEqual(['1 Bonn', '2 Bonn']);
    await answer(); // of the run before: counts for nothing
    await run.finish(true);
    expect(values()).toHaveLength(2);
  });

  test('hold event time back for the steps behind, also after a restart', async () => {
    const oracle = new Oracle<Order, number>(({ id }) => id);
    const late = topic('late', { key: keyJson<string>(), value: json<number>() });
    const counting = job('counting', ({ from }) => {
      const windows = from(orders, { eventTime: (o) => o.at, quietAfter: 'off' })
        .keyBy((o) => o.city)
        .mapAsync(oracle.ask, { name: 'ask' })
        .window(tumbling(10))
        .aggregate({ ids: sum((id) => id) });
      windows.map(({ ids, windowEnd }) => [ids, windowEnd]).to(found);
      windows.late.to(late);
    });
    const run = new ScriptRun(counting);
    await run.makeTopics(1);
    await run.start();
    await run.append([order(1, 'Bonn', 5), order(2, 'Bonn', 7), order(3, 'Bonn', 100)]);
    oracle.answer(); // the first one: its window has something, and waits for the others
    await run.step({ pauseMs: 0 });
    await run.stop();
    await run.start();
    await run.append([order(4, 'Bonn', 200)]);
    oracle.beginToAnswer();
    await run.finish(true);
    expect(valuesOf(run.outputs(), 'late')).toEqual([]);
    expect(valuesOf(run.outputs(), 'found')).toEqual([
      [3, 10],
      [3, 110],
      [4, 210],
    ]);
  });

  test('a drain waits for all answers', async () => {
    const { run, answer, values } = await started();
    await run.append([order(1), order(2)]);
    const stopped = run.handle.stop({ drain: true });
    await answer();
    expect(run.handle.status().state).toBe('stopping');
    await answer();
    await stopped;
    expect(values()).toEqual(['1 Bonn', '2 Bonn']);
  });
});

describe('a call that fails', () => {
  test('is tried again after pauses that double, each try with its time limit', async () => {
    const options = { timeout: '5s', retry: { times: 2, backOff: '1s' } };
    const { run, oracle, fail, values, answer } = await started(options);
    await run.append([order(1)]);
    await fail('busy');
    await run.step({ pauseMs: 999 });
    expect(oracle.asked).toHaveLength(1);
    await run.step({ pauseMs: 1 });
    expect(oracle.asked).toHaveLength(2);
    await run.step({ pauseMs: 5000 });
    expect(oracle.pending[0]?.signal.aborted).toBe(true);
    await run.step({ pauseMs: 2000 });
    expect(oracle.asked).toHaveLength(3);
    await answer(1);
    expect(values()).toEqual(['1 Bonn']);
  });

  test('fails the job, naming the record; what waits is there when the job comes back', async () => {
    const { run, oracle, values } = await started({ timeout: '5s' });
    await run.append([order(1), order(2)]);
    oracle.answer(1);
    await expect(run.step({ pauseMs: 5000 })).rejects.toThrow(
      /Step "ask" \(mapAsync\) failed: no answer came within 5000 ms \(what came of topic orders, partition 0, offset 0, keyed "1"\)/,
    );
    await run.start();
    oracle.beginToAnswer();
    await run.finish(true);
    expect(values()).toEqual(['1 Bonn', '2 Bonn']);
  });

  test('is skipped, or becomes a dead letter, as its source says', async () => {
    for (const onError of ['skip', { deadLetters: 'dead' }] as const) {
      const { run, oracle, fail, values, answer } = await started({}, onError);
      await run.append([order(1), order(2)]);
      await fail('no such city');
      await answer();
      expect(values()).toEqual(['2 Bonn']);
      const { skippedRecords, deadLetters, failedRecords } = run.handle.metrics();
      expect([skippedRecords, deadLetters]).toEqual(onError === 'skip' ? [1, 0] : [0, 1]);
      expect(failedRecords[0]).toMatchObject({ step: 'ask', code: 'USER_FUNCTION' });
      await run.finish(true);
      if (onError === 'skip') continue;
      const [letter] = run.outputs()['dead/0'] ?? [];
      expect(Buffer.from(letter?.value as Uint8Array).toString()).toBe(
        JSON.stringify(order(1).value),
      );
      const headers = letter?.headers.map(({ key, value }) => [
        key,
        value === null ? null : Buffer.from(value).toString(),
      ]);
      expect(headers).toContainEqual(['millrace.message', 'no such city']);
      expect(headers).toContainEqual(['millrace.offset', '0']);
      expect(oracle.pending).toEqual([]);
    }
  });

  test('is one whose result cannot be kept', async () => {
    const run = new ScriptRun(asking(async () => undefined as unknown as string));
    await run.makeTopics(1);
    await run.start();
    await expect(run.append([order(1)])).rejects.toThrow(/return null where there is no answer/);
  });

  test('behind the step undoes what came of the result, and nothing before it', async () => {
    const poison = job('poison', ({ from }) => {
      from(orders, { onError: { deadLetters: 'dead' } })
        .keyBy((o) => o.city)
        .mapAsync(async (o) => o.id)
        .process({
          onRecord: function* (id) {
            yield id;
            if (id === 2) throw new Error('two');
          },
        })
        .to(found);
    });
    const outputs = await sameInEveryMode(poison, [{ records: [order(1), order(2), order(3)] }]);
    expect(valuesOf(outputs, 'found')).toEqual([1, 3]);
    expect(valuesOf(outputs, 'dead')).toHaveLength(1);
  });
});

describe('a memo', () => {
  const memo = (ttl: NonNullable<Options['memo']>['ttl']) => ({
    memo: { key: (o: Order) => o.city, ...(ttl === undefined ? {} : { ttl }) },
  });

  test('asks once what several ask at once, and what was answered', async () => {
    const { run, oracle, answer, values } = await started(memo('1h'));
    await run.append([order(1), order(2), order(3, 'Rome')]);
    expect(oracle.asked.map((o) => o.id)).toEqual([1, 3]);
    await answer();
    expect(values()).toEqual(['1 Bonn', '1 Bonn']);
    await run.stop(); // it is state
    await run.start();
    await run.append([order(4)]);
    oracle.beginToAnswer();
    await run.finish(true);
    expect(oracle.asked.map((o) => o.id)).toEqual([1, 3, 3]);
    expect(values()).toEqual(['1 Bonn', '1 Bonn', '3 Rome', '1 Bonn']);
  });

  test('ends in event time from when the question was asked, however late the answer', async () => {
    const { run, oracle } = await started({ ...memo(100), order: 'unordered' });
    await run.append([order(1, 'Bonn', 0), order(2, 'Bonn', 100), order(3, 'Bonn', 102)]);
    // At 102 the watermark stands at 101: the memo of time 0 has ended.
    expect(oracle.asked.map((o) => o.id)).toEqual([1, 3]);
    oracle.beginToAnswer();
    await run.finish(true);
    expect(valuesOf(run.outputs(), 'found')).toEqual(['1 Bonn', '1 Bonn', '3 Bonn']);
  });

  test('ends in processing time', async () => {
    const { run, oracle, answer } = await started(memo({ after: '1m', time: 'processing' }));
    await run.append([order(1)]);
    await answer();
    await run.step({ pauseMs: 59_999 });
    await run.append([order(2)]);
    await run.step({ pauseMs: 1 });
    await run.append([order(3)]);
    expect(oracle.asked.map((o) => o.id)).toEqual([1, 3]);
  });

  test('does not keep failures', async () => {
    const { run, oracle, fail } = await started(memo('1h'), 'skip');
    await run.append([order(1), order(2)]);
    await fail('busy');
    await run.append([order(3)]);
    expect(oracle.asked.map((o) => o.id)).toEqual([1, 3]);
    expect(run.handle.metrics().skippedRecords).toBe(2);
  });

  test('can be taken away, with calls open that share an answer', async () => {
    const { run, oracle, values } = await started(memo('1h'));
    await run.append([order(1), order(2)]);
    await run.stop();
    await run.start(asking(oracle.ask));
    oracle.beginToAnswer();
    await run.finish(true);
    expect(values()).toEqual(['1 Bonn', '1 Bonn']);
  });
});

test('state is rebuilt, and output given again, from the recorded answers: nobody is asked', async () => {
  const oracle = new Oracle<Order, string>(answerOf);
  const options = { memo: { key: (o: Order) => o.city, ttl: 50 }, retry: { times: 1 } };
  const asked = asking(oracle.ask, options, { deadLetters: 'dead' });
  const run = new ScriptRun(asked, {
    name: 'state file',
    batchRecords: 3,
    epoch: { epochRecords: 2 },
    state: 'state file',
  });
  await run.makeTopics(1);
  await run.start();
  for (let id = 0; id < 12; id++) {
    await run.append([order(id, `city ${id % 4}`, id * 10)]);
    if (id === 5) {
      oracle.fail(new Error('busy'));
      await run.step({ pauseMs: 1000 });
      oracle.fail(new Error('busy'), oracle.pending.length - 1);
    }
    if (id % 3 === 2) oracle.answer(id);
    await run.step({ pauseMs: 0 });
    if (id === 7) {
      await run.stop();
      await run.start();
    }
  }
  await run.stop();
  const { machine, broker } = run;
  const asks = oracle.asked.length;
  const { platform } = machine.process();
  const of = { broker, platform, stateDirectory: '/data' };
  const again = await machine.until(replay(asked, { ...of, asRecorded: true, compare: true }));
  expect(again.recordsWritten).toBeGreaterThan(5);
  expect(again.comparisons.flatMap(({ differences }) => differences)).toEqual([]);
  await expect(replay(asked, of)).rejects.toThrow('asks outside (mapAsync), and would be answered');
  expect(oracle.asked.length).toBe(asks);
  await expectSameState({ machine, broker }, asked);
  expect(oracle.asked.length).toBeGreaterThan(asks); // once it runs again, and only what is open
  expect(oracle.asked.length - asks).toBeLessThan(asks);
});

describe('refuses', () => {
  const build = (options: object) => () => asking(async () => '', options as Options);

  test.each([
    [{ capacity: 0 }, /capacity can't be 0: it takes a whole number from 1 on/],
    [{ order: 'any' }, /order of mapAsync\(\) can't be "any": use 'ordered' or 'unordered'/],
    [{ timeout: 0 }, /timeout of mapAsync\(\) can't be 0/],
    [{ retry: { times: 0 } }, /times can't be 0/],
    [{ memo: { ttl: '1h' } }, /memo of mapAsync\(\) needs key/],
    [{ capcity: 3 }, /did you mean "capacity"/],
  ])('%o', (options, message) => {
    expect(build(options)).toThrow(message);
  });

  test('streams whose keys have several codecs', () => {
    const others = topic('others', { key: keyJson<string>(), value: json<Order>() });
    const build = () =>
      job('mixed', ({ from }) => {
        from(orders)
          .union(from(others))
          .mapAsync(async () => 1)
          .to(found);
      });
    expect(build).toThrow(
      /keys have several codecs \(string, key-json\). Call keyBy\(\) before it/,
    );
  });
});

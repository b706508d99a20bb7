/**
 * - For each key a job gives what a model gives that keeps all keys and rules in memory, whatever
 *   the order of records and rules in event time.
 * - It does so in every mode, in the same order.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { job, list, map, topic, value } from '../../../src/dsl/index.ts';
import { json, keyJson, string } from '../../../src/formats/index.ts';
import { describeGraph, type Job } from '../../../src/runtime/index.ts';
import {
  type OutputRecord,
  type ScriptRecord,
  ScriptRun,
  type ScriptStep,
  sameInEveryMode,
} from '../../support/operator-harness.ts';
import { scriptsTried, someModes } from '../../support/operator-harness-scripts.ts';
import { expectSameState } from '../../support/rebuilding.ts';

interface Payment {
  readonly account: string;
  readonly at: number;
  /** 0: the account is closed. */
  readonly amount: number;
}

interface Limit {
  readonly at: number;
  readonly amount: number;
  readonly visits: number;
}

const payments = topic('payments', { key: string(), value: json<Payment>() });
const limits = topic('limits', { key: string(), value: json<Limit>() });
const out = topic('out', { key: keyJson<string>(), value: json<unknown>(), partitions: 1 });

const checked: Job = job('checked', ({ from }) => {
  const changes = from(limits, { eventTime: (l) => l.at, quietAfter: 'off' });
  from(payments, { eventTime: (p) => p.at, quietAfter: 'off' })
    .keyBy((p) => p.account)
    .connectBroadcast(changes)
    .process({
      name: 'limits',
      state: { spent: value<number>(), all: list<number>({ ttl: 30 }) },
      broadcast: { limit: value<number>(), seen: map<number, true>() },
      *onRecord({ amount }, { state, broadcast }) {
        if (amount === 0) {
          state.spent.clear();
          state.all.clear();
          return;
        }
        state.spent.update((before = 0) => before + amount);
        state.all.add(amount);
        yield ['paid', state.spent.get(), broadcast.limit.get() ?? null];
      },
      onBroadcast({ amount, visits }, { broadcast, visitKeys }) {
        broadcast.limit.set(amount);
        broadcast.seen.set(amount, true);
        for (let visit = 0; visit < visits; visit++) visitKeys();
      },
      *onKey({ state, broadcast, timestamp }) {
        const seen = [...broadcast.seen.keys()].length;
        yield ['visited', state.spent.get(), broadcast.limit.get(), seen, timestamp];
      },
    })
    .to(out);
});

const payment = (account: string, at: number, amount: number): ScriptRecord => {
  return { topic: 'payments', value: { account, at, amount } };
};
const limit = (at: number, amount: number, visits = 1): ScriptRecord => {
  return { topic: 'limits', value: { at, amount, visits } };
};

type Timed = { readonly at: number };

/** Records that become visible together are merged by the times of their heads. */
function merged(records: readonly ScriptRecord[]): ScriptRecord[] {
  const queues = ['limits', 'payments'].map((name) => records.filter((r) => r.topic === name));
  const all: ScriptRecord[] = [];
  for (;;) {
    const heads = queues.filter((queue) => queue.length > 0);
    if (heads.length === 0) return all;
    const at = (queue: readonly ScriptRecord[]) => (queue[0] as { readonly value: Timed }).value.at;
    const first = heads.reduce((a, b) => (at(b) < at(a) ? b : a));
    all.push(...first.splice(0, 1));
  }
}

function modelOf(script: readonly { readonly records: readonly ScriptRecord[] }[]) {
  const results: Record<string, unknown[]> = {};
  const spent = new Map<string, number>();
  const seen = new Set<number>();
  let now: number | null = null;
  const emit = (account: string, result: unknown) => {
    const of = results[account] ?? [];
    results[account] = [...of, result];
  };
  for (const { topic: name, value: of } of script.flatMap(({ records }) => merged(records))) {
    if (name === 'limits') {
      const { amount, visits, at } = of as Limit;
      now = amount;
      seen.add(amount);
      if (visits === 0) continue;
      for (const [account, sum] of spent) emit(account, ['visited', sum, now, seen.size, at]);
    } else {
      const { account, amount } = of as Payment;
      if (amount === 0) spent.delete(account);
      else {
        spent.set(account, (spent.get(account) ?? 0) + amount);
        emit(account, ['paid', spent.get(account), now]);
      }
    }
  }
  return results;
}

const byKey = (records: readonly OutputRecord[] = []) => {
  const results: Record<string, unknown[]> = {};
  for (const { key, value: of } of records) {
    results[String(key)] = [...(results[String(key)] ?? []), of];
  }
  return results;
};

const time = fc.nat({ max: 30 });
const steps = fc.array(
  fc.record({
    records: fc.array(
      fc.oneof(
        {
          weight: 3,
          arbitrary: fc.tuple(fc.constantFrom('a', 'b', 'c'), time, fc.nat({ max: 3 })),
        },
        { weight: 1, arbitrary: fc.tuple(time, fc.nat({ max: 9 }), fc.nat({ max: 2 })) },
      ),
      { minLength: 1, maxLength: 8 },
    ),
  }),
  { minLength: 1, maxLength: 3 },
);

test('each key gets what a model in memory gives, in every mode', async () => {
  await fc.assert(
    fc.asyncProperty(steps, someModes, async (drawn, modes) => {
      const script = drawn.map(({ records }) => ({
        records: records.map((of) =>
          typeof of[0] === 'string'
            ? payment(of[0], of[1] as number, of[2] as number)
            : limit(of[0], of[1] as number, of[2] as number),
        ),
      }));
      const outputs = await sameInEveryMode(checked, script, { modes, partitions: 1 });
      expect(byKey(outputs['out/0'])).toEqual(modelOf(script));
    }),
    { numRuns: scriptsTried(12) },
  );
});

const many = Array.from({ length: 12 }, (_, i) => payment(`account ${i}`, 1, i + 1));
const script: ScriptStep[] = [
  { records: [...many, limit(2, 10)] },
  { records: [payment('account 3', 3, 0), limit(4, 20), limit(5, 30, 2)] },
];

test('visits all keys, in the same order in every mode', async () => {
  const outputs = await sameInEveryMode(checked, script, { partitions: 1 });
  const visits = (outputs['out/0'] ?? []).map(({ value: of }) => of as unknown[]);
  expect(visits.filter(([kind]) => kind === 'visited')).toHaveLength(12 + 11 + 11);
});

test('state that is lost is rebuilt, visits and all', async () => {
  const run = new ScriptRun(checked, {
    name: 'state file',
    batchRecords: 5,
    epoch: { epochRecords: 1 },
    state: 'state file',
  });
  await run.makeTopics(1);
  await run.start();
  for (const step of script) await run.step(step);
  await run.stop();
  const { machine, broker } = run;
  await expectSameState({ machine, broker }, checked);
});

test('a key whose state has ended is visited no more', async () => {
  const ended = job('ended', ({ from }) => {
    from(payments, { eventTime: (p) => p.at, quietAfter: 'off' })
      .keyBy((p) => p.account)
      .connectBroadcast(from(limits, { eventTime: (l) => l.at, quietAfter: 'off' }))
      .process({
        state: { last: value<number>({ ttl: 10 }) },
        broadcast: { limit: value<number>() },
        onRecord: ({ amount }, { state }) => state.last.set(amount),
        onBroadcast: (_, { visitKeys }) => visitKeys(),
        onKey: ({ key }) => [key],
      })
      .to(out);
  });
  const outputs = await sameInEveryMode(
    ended,
    [{ records: [payment('a', 1, 1), payment('b', 9, 1), payment('c', 15, 1), limit(16, 1)] }],
    { partitions: 1 },
  );
  expect(outputs['out/0']?.map(({ value: of }) => of).sort()).toEqual(['b', 'c']);
});

test('is described with what it keeps', () => {
  expect(describeGraph(checked.graph)).toContain('broadcast "limits" (limit: value json');
});

describe('refuses', () => {
  const build = (functions: object) => () =>
    job('refused', ({ from }) => {
      const good = {
        broadcast: { limit: value<number>() },
        onRecord: () => [],
        onBroadcast: () => {},
      };
      from(payments)
        .keyBy((p) => p.account)
        .connectBroadcast(from(limits))
        .process({ ...good, ...functions })
        .to(out);
    });

  test.each([
    [{ broadcast: {} }, /needs broadcast: the state that all keys see/],
    [{ broadcast: { limit: value({ ttl: '1h' }) } }, /"limit" can't have a time-to-live/],
    [{ onBroadcast: undefined }, /needs onBroadcast\(\)/],
    [{ onKeys: () => {} }, /did you mean "onKey"/],
  ])('%o', (functions, message) => {
    expect(build(functions)).toThrow(message);
  });

  test('a stream of another job', () => {
    job('one', ({ from }) => {
      const other = from(limits);
      other.to(out);
      const two = () =>
        job('two', (context) => {
          context
            .from(payments)
            .keyBy((p) => p.account)
            .connectBroadcast(other);
        });
      expect(two).toThrow(/connectBroadcast\(\) takes streams of the same job/);
    });
  });
});

/** What simulate() finds: each planted bug is found, made small, and repeated by what is printed. */
import { count, type Job, job, json, string, sum, topic, tumbling, value } from 'millrace';
import { SimulationError, simulate } from 'millrace/testing';
import { describe, expect, test } from 'vitest';

interface Sale {
  readonly shop: string;
  readonly amount: number;
}

const sales = topic('sales', { key: string(), value: json<Sale>() });
const results = topic('results', { key: string(), value: json<unknown>() });

const input = Array.from({ length: 24 }, (_, i) => ({
  topic: sales,
  value: { shop: `shop ${i % 3}`, amount: i + 1 },
  timestamp: i * 60_000,
  partition: i % 2,
}));

const from10 = { outOfOrderness: '10m' } as const;

const windowed = job('windowed', ({ from }) => {
  from(sales, from10)
    .keyBy((sale) => sale.shop)
    .window(tumbling('10m'))
    .aggregate({ sales: count(), total: sum((sale) => sale.amount) })
    .to(results);
});

function found(of: Job, options: { readonly compare?: 'last' } = {}): SimulationError {
  try {
    simulate(of, { input, seeds: 20, ...options });
  } catch (error) {
    if (error instanceof SimulationError) return error;
    throw error;
  }
  throw new Error('nothing was found');
}

describe('simulate', () => {
  test('finds nothing in windows, whatever order, crashes and silence', () => {
    expect(simulate(windowed, { input, seeds: 8 })).toBe(9);
  });

  test('finds nothing in running sums, where the last is compared', () => {
    const summing = job('summing', ({ from }) => {
      from(sales, from10)
        .keyBy((sale) => sale.shop)
        .aggregate({ total: sum((sale) => sale.amount) })
        .to(results);
    });
    expect(simulate(summing, { input, seeds: 8, compare: 'last' })).toBe(9);
  });

  test('finds Date.now() in a map, in a second batch', () => {
    const error = found(
      job('clocked', ({ from }) => {
        from(sales)
          .map((sale) => ({ ...sale, at: Date.now() }))
          .to(results);
      }),
    );
    expect(error.seed).toBeUndefined();
    expect(error.input).toHaveLength(1);
  });

  test('finds Math.random() and new Date(), in a second batch', () => {
    for (const answer of [() => `${Math.random()}`, () => new Date().toISOString()]) {
      const asking = job('asking', ({ from }) => {
        from(sales).map(answer).to(results);
      });
      expect(found(asking).input).toHaveLength(1);
    }
  });

  test('finds mutable state of the module, in a second batch', () => {
    let seen = 0;
    const counting = job('counting', ({ from }) => {
      from(sales)
        .map(() => ++seen)
        .to(results);
    });
    expect(found(counting).input).toHaveLength(1);
  });

  test('finds an object in state that is changed without set', () => {
    const error = found(
      job('mutating', ({ from }) => {
        from(sales, from10)
          .keyBy((sale) => sale.shop)
          .process({
            state: { sums: value<{ total: number }>() },
            onRecord(sale, { state }) {
              const sums = state.sums.get();
              if (sums === undefined) state.sums.set({ total: sale.amount });
              else sums.total += sale.amount;
              return [state.sums.get()?.total];
            },
          })
          .to(results);
      }),
      { compare: 'last' },
    );
    expect(error.seed).toBeLessThan(10);
    expect(error.input.length).toBeLessThanOrEqual(6);
    expect(error.schedule.some(({ kind }) => kind === 'crash')).toBe(true);
  });

  const arriving = job('arriving', ({ from }) => {
    from(sales, from10)
      .keyBy((sale) => sale.shop)
      .reduce((_before, sale) => sale)
      .to(results);
  });

  test('finds a reduce that depends on the order of arrival, and says how to repeat it', () => {
    const error = found(arriving, { compare: 'last' });
    expect(error.seed).toBeLessThan(10);
    expect(error.input).toHaveLength(2);
    expect(error.message).toContain(`seeds: [${error.seed}]`);
    const { input: small, schedule } = error;
    const again = () => simulate(arriving, { input: small, schedule, compare: 'last' });
    expect(again).toThrow(SimulationError);
  });

  test('prints a test that fails as it did', () => {
    const { test: code } = found(arriving, { compare: 'last' });
    const run = new Function('test', 'simulate', 'job', code);
    const runNow = (_name: string, body: () => void) => body();
    expect(() => run(runNow, simulate, arriving)).toThrow(SimulationError);
    expect(() => run(runNow, simulate, windowed)).not.toThrow();
  });

  test('leaves Date and Math.random as they were', () => {
    const { Date: date } = globalThis;
    const { random } = Math;
    simulate(windowed, { input, seeds: 1 });
    expect(globalThis.Date).toBe(date);
    expect(Math.random).toBe(random);
  });

  test('refuses input whose lateness depends on how it arrives', () => {
    const backwards = [...input].reverse();
    expect(() => simulate(windowed, { input: backwards })).toThrow('outOfOrderness allows for');
  });
});

/** What aggregates refuse, where they end, and what counts as equal. */
import { describe, expect, test } from 'vitest';
import {
  type Aggregate,
  aggregate,
  aggregating,
  approximateCountDistinct,
  argMax,
  collect,
  countDistinct,
  earliest,
  first,
  histogram,
  job,
  last,
  latest,
  mean,
  quantile,
  standardDeviation,
  sum,
  topic,
  topK,
  variance,
} from '../../src/dsl/index.ts';
import { json, structured, versions } from '../../src/formats/index.ts';

const self = (value: number) => value;

/** The accumulator of some values, each at the time of its place. */
function over<Value>(of: Aggregate<Value, unknown>, values: readonly Value[]): unknown {
  return values.reduce((accumulator, value, i) => of.add(accumulator, value, i), of.create());
}

function resultOver<Value, Result>(of: Aggregate<Value, Result>, values: readonly Value[]): Result {
  return of.result(over(of, values));
}

describe('sum and mean', () => {
  test('lose no digits to the number or the order of values', () => {
    const values = [1e100, 1, -1e100, ...Array.from({ length: 10 }, () => 0.1)];
    expect(resultOver(sum(self), values)).toBeCloseTo(2, 12);
    expect(resultOver(mean(self), values)).toBeCloseTo(2 / values.length, 12);
  });

  test('refuse to overflow', () => {
    expect(() => over(sum(self), [Number.MAX_VALUE, Number.MAX_VALUE])).toThrow('finite');
  });
});

describe('aggregates of numbers', () => {
  const all: readonly Aggregate<number, unknown>[] = [
    mean(self),
    variance(self),
    standardDeviation(self),
    quantile(self, 0.5),
    histogram(self, [0]),
    topK(self, 1),
    argMax(self),
  ];

  test.each([Number.NaN, Number.POSITIVE_INFINITY, '1', undefined])('refuse %s', (value) => {
    for (const each of all) {
      const call = /^\w+/.exec(each.name)?.[0];
      expect(() => over(each, [value as number]), each.name).toThrow(
        `the function given to ${call}() returned ${value}; it must return a finite number.`,
      );
    }
  });

  test('take -0 for 0', () => {
    expect(resultOver(quantile(self, 0), [-0])).toBe(0);
    expect(resultOver(histogram(self, [-0, 1]), [-0, 0])).toEqual({
      below: 0,
      counts: [2],
      above: 0,
    });
  });
});

describe('what is kept of records', () => {
  interface Listed {
    readonly list: number[];
  }
  const list = ({ list }: Listed) => list;
  const length = ({ list }: Listed) => list.length;
  const all: readonly Aggregate<Listed, unknown>[] = [
    first(list),
    last(list),
    earliest(list),
    latest(list),
    argMax(length, list),
  ];

  test('is a copy: who changes the record later does not change it', () => {
    for (const each of [...all, topK(length, 1, list), collect(list)]) {
      const record = { list: [1] };
      const kept = each.add(each.create(), record, 0);
      record.list.push(2);
      expect([each.result(kept)].flat(2), each.name).toEqual([1]);
    }
  });

  test('must be what JSON gives back', () => {
    const date = () => new Date(0);
    const one = () => 1;
    for (const each of [first(date), latest(date), argMax(one, date), topK(one, 2, date)]) {
      expect(() => over(each, [0]), each.name).toThrow('$ is a Date: store getTime()');
    }
    expect(() => over(collect(date), [0])).toThrow('$ is a Date: store getTime()');
  });
});

describe('variance', () => {
  test('loses no digits to how far from 0 the values lie', () => {
    const values = [4, 7, 13, 16].map((value) => value + 2 ** 40);
    expect(resultOver(variance(self), values)).toBe(22.5);
    expect(resultOver(variance(self, { sample: true }), values)).toBe(30);
    const merged = variance(self).merge(
      over(variance(self), values.slice(0, 1)),
      over(variance(self), values.slice(1)),
    );
    expect(variance(self).result(merged)).toBe(22.5);
  });

  test('is as the certified value of NIST for NumAcc4', () => {
    const pairs = Array.from({ length: 500 }, () => [1e7 + 0.1, 1e7 + 0.3]);
    const values = [1e7 + 0.2, ...pairs.flat()];
    expect(resultOver(standardDeviation(self, { sample: true }), values)).toBeCloseTo(0.1, 8);
  });

  test('of one record is 0, and as a sample null', () => {
    expect(resultOver(variance(self), [3])).toBe(0);
    expect(resultOver(standardDeviation(self), [3])).toBe(0);
    expect(resultOver(variance(self, { sample: true }), [3])).toBeNull();
    expect(resultOver(standardDeviation(self, { sample: true }), [3])).toBeNull();
  });

  test('refuses to overflow', () => {
    for (const values of [
      [1e200, -1e200],
      [Number.MAX_VALUE, -Number.MAX_VALUE],
    ]) {
      expect(() => over(variance(self), values)).toThrow(
        'exceed the largest number. Scale it down',
      );
      const [left, right] = values.map((value) => over(variance(self), [value]));
      expect(() => variance(self).merge(left, right)).toThrow('exceed the largest number');
    }
  });

  test('refuses an option that it has not', () => {
    expect(() => variance(self, { smaple: true } as object)).toThrow('did you mean "sample"?');
  });
});

describe('histogram', () => {
  test('counts a boundary as the first number of its interval', () => {
    const bars = histogram(self, [0, 15, 60]);
    expect(resultOver(bars, [-1, 0, 14.9, 15, 59, 60, 1000])).toEqual({
      below: 1,
      counts: [2, 2],
      above: 2,
    });
    expect(resultOver(histogram(self, [5]), [4, 5, 6])).toEqual({ below: 1, counts: [], above: 2 });
  });

  test.each([
    [[]],
    [[1, 1]],
    [[2, 1]],
    [[0, Number.NaN]],
    [[Number.POSITIVE_INFINITY]],
    [Array.from({ length: 1001 }, (_, i) => i)],
  ])('refuses the boundaries %j', (boundaries) => {
    expect(() => histogram(self, boundaries)).toThrow('1 to 1000 finite numbers, each greater');
  });

  test('has its boundaries in its name: other ones are other counts', () => {
    expect(histogram(self, [-0.5, 0, 1e21]).name).toBe('histogram(-0.5;0;1e+21)');
  });
});

describe('topK', () => {
  test('has fewer where there are fewer', () => {
    expect(resultOver(topK(self, 3), [1, 2])).toEqual([2, 1]);
  });

  test.each([0, 1.5, 1001, Number.NaN, '3'])('refuses %s for k', (k) => {
    expect(() => topK(self, k as number)).toThrow('takes a whole number from 1 to 1000.');
  });
});

describe('collect', () => {
  test('fails beyond max, also when merged', () => {
    const two = collect(self, { max: 2 });
    expect(resultOver(two, [1, 2])).toEqual([1, 2]);
    expect(() => over(two, [1, 2, 3])).toThrow(
      'collect() has more than 2 values. Give it a greater',
    );
    expect(() => two.merge(over(two, [1, 2]), over(two, [3]))).toThrow('more than 2 values');
  });

  test('keeps its state under a greater max, unless it dropped values', () => {
    expect(collect(self, { max: 2 }).name).toBe(collect(self, { max: 3 }).name);
    const latest = (max: number) => collect(self, { max, keep: 'latest' }).name;
    expect(latest(2)).not.toBe(latest(3));
  });

  test('refuses what it does not take', () => {
    expect(() => collect(self, { max: 0 })).toThrow('takes a whole number from 1 to 1000000.');
    expect(() => collect(self, { keep: 'first' as 'all' })).toThrow("say 'all', 'earliest' or 'l");
    expect(() => collect(self, { mx: 3 } as object)).toThrow('did you mean "max"?');
  });
});

describe('countDistinct and approximateCountDistinct', () => {
  const same = (value: unknown) => value;
  const both = [countDistinct(same), approximateCountDistinct(same)];

  test.each([
    [[1, '1'], 2],
    [[0, -0], 1],
    [[null, 'null', 'constructor', '__proto__', 'constructor'], 4],
    [
      [
        { a: 1, b: [2] },
        { b: [2], a: 1 },
      ],
      1,
    ],
    [[{ a: 1 }, [{ a: 1 }]], 2],
  ])('tell values apart as keys: %j', (values, expected) => {
    for (const each of both) expect(resultOver(each, values), each.name).toBe(expected);
  });

  test.each([undefined, Number.NaN, new Date(0)])('refuse %s', (value) => {
    for (const each of both) expect(() => over(each, [value])).toThrow("This can't be a key");
  });

  test('fail beyond max, exact as they are', () => {
    const two = countDistinct(self, { max: 2 });
    expect(resultOver(two, [1, 2, 1])).toBe(2);
    expect(() => over(two, [1, 2, 3])).toThrow('more than 2 different values. Give it a greater');
    expect(() => two.merge(over(two, [1, 2]), over(two, [3]))).toThrow('more than 2 different');
  });
});

describe('sketches', () => {
  test.each([
    () => quantile(self, 1.01),
    () => quantile(self, [0.5, -0.1]),
    () => quantile(self, 0.5, { error: 0 }),
    () => approximateCountDistinct(self, { error: 0.001 }),
  ])('refuse %s', (make) => {
    expect(make).toThrow('it takes a number from');
  });

  test.each([[[]], ['0.5'], [undefined]])('refuse %j for q', (q) => {
    expect(() => quantile(self, q as number[])).toThrow('is a number from 0 to 1, or a list.');
  });

  test('have their precision in their names, for others can not be merged with them', () => {
    expect(quantile(self, 0.5).name).toBe(quantile(self, [0.9]).name);
    expect(quantile(self, 0.5, { error: 0.02 }).name).toBe('quantile(0.02)');
    expect(approximateCountDistinct(self).name).toBe('approximateCountDistinct(14)');
    expect(approximateCountDistinct(self, { error: 0.1 }).name).toBe('approximateCountDistinct(7)');
  });
});

describe('an aggregate of your own', () => {
  const product = {
    name: 'product',
    create: () => 1,
    add: (product: number, value: number) => product * value,
    merge: (left: number, right: number) => left * right,
    result: (product: number) => product,
  };

  test('is its four functions', () => {
    const of = aggregate(product);
    expect(resultOver(of, [2, 3])).toBe(6);
    expect(of.result(of.merge(over(of, [2]), over(of, [3])))).toBe(6);
  });

  test.each([
    [{ name: 'mean' }, 'there is mean() already'],
    [{ name: 'a b' }, 'can\'t be named "a b"'],
    [{ name: undefined }, "can't be named undefined"],
    [{ merge: undefined }, 'aggregate({ name: "product" }) needs the function merge'],
    [{ create: 1 }, 'needs the function create'],
    [{ combine: () => 1 }, 'has no option "combine"'],
  ])('is refused with %o', (change, message) => {
    expect(() => aggregate({ ...product, ...change } as typeof product)).toThrow(message);
  });

  test('must return its accumulator', () => {
    const nothing = () => undefined as unknown as number;
    const add = aggregate({ ...product, add: nothing });
    expect(() => over(add, [1])).toThrow('add of the aggregate "product" returned undefined');
    const merge = aggregate({ ...product, merge: nothing });
    expect(() => merge.merge(1, 1)).toThrow('merge of the aggregate "product" returned undefined');
  });

  test('may emit its accumulator, for results are copies', () => {
    const all = aggregate({
      name: 'all',
      create: (): number[] => [],
      add(all, value: number) {
        all.push(value);
        return all;
      },
      merge: (left, right) => [...left, ...right],
      result: (all) => all,
    });
    const accumulator = over(all, [1]);
    const result = all.result(accumulator);
    all.add(accumulator, 2, 0);
    expect(result).toEqual([1]);
  });

  test('has its codec in its name, unless that is JSON', () => {
    const codec = structured<number>();
    expect(aggregate({ ...product, codec }).name).toBe('product(structured-clone)');
    expect(aggregate({ ...product, codec: json<number>() }).name).toBe('product');
  });

  test('among several is named where its accumulator is not plain JSON', () => {
    const broken = aggregate({ ...product, create: () => Number.NaN });
    const { aggregate: both } = aggregating({ product: broken, mean: mean(self) });
    const accumulator = both.add(both.create(), 1, 0);
    const message = 'the accumulator of "product" can\'t be kept: JSON would not give this value';
    expect(() => both.codec.check?.(accumulator)).toThrow(message);
    expect(() => both.codec.encode(accumulator)).toThrow(message);
  });

  test('with versions stays alone', () => {
    const versioned = aggregate({ ...product, codec: versions<number>() });
    expect(aggregating(versioned).aggregate.codec.versions).toHaveLength(1);
    expect(() => aggregating({ product: versioned })).toThrow(
      'the codec of "product" has versions',
    );
  });
});

test('what is no aggregate is told which there are', () => {
  const numbers = topic('numbers', { key: json<number>(), value: json<number>() });
  const wrong = () =>
    job('wrong', ({ from }) => {
      from(numbers)
        .keyBy(self)
        .aggregate({ n: mean as unknown as Aggregate<number, number> });
    });
  expect(wrong).toThrow(
    '"n" is not an aggregate. Call one: count(...), sum(...), min(...), max(...), mean(...), ' +
      'share(...), variance(...), standardDeviation(...), quantile(...), histogram(...), ' +
      'topK(...), argMin(...), argMax(...), first(...), last(...), earliest(...), latest(...), ' +
      'collect(...), countDistinct(...), approximateCountDistinct(...), or make one with ' +
      'aggregate({ ... }).',
  );
});

import { expect, test } from 'vitest';
import { TimeRange } from '../../src/state/time-range.ts';

test('the first and the last time are known, also where most times are gone', () => {
  const times = new Map<number, true>();
  const range = new TimeRange({
    has: (time) => times.has(time),
    keys: () => times.keys(),
    size: () => times.size,
  });
  const ends = () => [range.first(), range.last()];
  const add = (time: number) => {
    times.set(time, true);
    range.add(time);
  };
  expect(ends()).toEqual([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]);
  for (let time = 0; time < 5000; time++) add(time);
  expect(ends()).toEqual([0, 4999]);
  const left = [7, 1, 4000, 30];
  for (const time of [...times.keys()]) if (!left.includes(time)) times.delete(time);
  add(2000); // too much is gone: the heaps are made anew
  for (const expected of [
    [1, 4000],
    [7, 4000],
    [7, 2000],
    [30, 2000],
  ]) {
    expect(ends()).toEqual(expected);
    times.delete([1, 4000, 7].find((time) => times.has(time)) ?? -1);
  }
  add(-3);
  add(9000);
  expect(ends()).toEqual([-3, 9000]);
});

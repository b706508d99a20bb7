import { expect, test } from 'vitest';
import { count, job, sum, topic } from '../../../src/dsl/index.ts';
import { json, keyJson } from '../../../src/formats/index.ts';
import { type ScriptStep, sameInEveryMode, valuesOf } from '../../support/operator-harness.ts';
import { byReading, readings } from '../../support/operator-harness-scripts.ts';

const one = { key: keyJson<string>(), partitions: 1 };
const results = topic('results', { ...one, value: json() });
const reading = (at: number, key = 'a', n = 1) => ({ value: { key, at, n } });

test('a count window is full with its last record, and the next one begins anew', async () => {
  const threes = job('threes', ({ from }) => {
    from(readings, byReading)
      .keyBy((r) => r.key)
      .countWindow(3)
      .aggregate({ n: count(), total: sum((r) => r.n) })
      .to(results);
  });
  const script: ScriptStep[] = [
    { records: [reading(5, 'a', 1), reading(90, 'b', 2), reading(4, 'a', 4)] },
    { downtimeMs: 1000 },
    { records: [reading(3, 'a', 8), reading(2, 'a', 16), reading(1, 'b', 32)] },
    { records: [reading(7, 'a', 64), reading(8, 'a', 128)] },
  ];
  const outputs = await sameInEveryMode(threes, script);
  expect(outputs['results/0']).toEqual([
    { key: 'a', value: { n: 3, total: 13 }, timestamp: 3, headers: [] },
    { key: 'a', value: { n: 3, total: 208 }, timestamp: 8, headers: [] },
  ]);
});

test('a count window may reduce, be of one record, and end by its time-to-live', async () => {
  const pairs = job('pairs', ({ from }) => {
    const keyed = from(readings, byReading)
      .keyBy((r) => r.key)
      .map((r) => `${r.at}`);
    keyed
      .countWindow(2)
      .reduce((a, b) => `${a}+${b}`, { name: 'pairs', ttl: 50 })
      .to(results);
    keyed
      .countWindow(1)
      .reduce((a, b) => `${a}+${b}`, { name: 'ones' })
      .filter((text) => text === '7')
      .to(results);
  });
  const records = [reading(0), reading(100), reading(120), reading(7)];
  expect(valuesOf(await sameInEveryMode(pairs, [{ records }]), 'results')).toEqual([
    ...['100+120', '7'],
  ]);
});

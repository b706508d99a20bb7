/** Streams go on for ever: what is gone may take no memory. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { json } from '../../src/formats/index.ts';
import { MemoryTimedStore } from '../../src/state/timed-store.ts';
import { alone, keyOf } from './changelog.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void; // there since the flag

function heapMib(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed / 2 ** 20;
}

const key = keyOf('a');
const times = 200_000;

test.each([
  ['as windows and timers fire', (i: number) => i + 10, (i: number) => i, 10],
  ['as a timeout is put off', (i: number) => 1e12 + i, (i: number) => 1e12 + i - 1, 1],
  ['as time runs backwards', (i: number) => -i, (i: number) => -i + 10, 10],
])('a timed store takes no memory for gone times, %s', (_, added, removed, left) => {
  const store = new MemoryTimedStore(1, 'step/timers', json<true>(), alone(), undefined);
  for (let i = 1 - left; i <= 0; i++) store.put(added(i), key, true);
  const before = heapMib();
  for (let i = 1; i <= times; i++) {
    store.put(added(i), key, true);
    store.delete(removed(i), key);
    if (i % 1000 !== 0) continue;
    store.takeChanges(() => {}, 1);
    const ends = [added(i - left + 1), added(i)];
    expect([store.firstTime(), store.lastTime()]).toEqual(ends.toSorted((a, b) => a - b));
  }
  expect(heapMib() - before).toBeLessThan(2);
  expect(store.size).toBe(left);
});

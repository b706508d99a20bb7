import { describe, expect, test } from 'vitest';
import { bytes, type Codec, json, keyJson, number, string } from '../../src/formats/index.ts';
import { parseChangeKey } from '../../src/state/change.ts';
import type { TaskStore } from '../../src/state/entries.ts';
import { MemoryTimedStore } from '../../src/state/timed-store.ts';
import { MemoryValueStore } from '../../src/state/value-store.ts';
import { alone, keyOf } from './changelog.ts';

const [a, b, c] = ['a', 'b', 'c'].map(keyOf) as [string, string, string];

const keyedStore = <Value>(codec: Codec<Value> = json()) =>
  new MemoryValueStore(1, 'step/totals', codec, alone(), undefined);
const timedStore = <Value>(codec: Codec<Value> = json()) =>
  new MemoryTimedStore(1, 'step/windows', codec, alone(), undefined);

/** The changes since the last call: time (0 for keyed stores), key and value of each. */
function changesOf(store: TaskStore): unknown[] {
  const changes: unknown[] = [];
  store.takeChanges((recordKey, value) => {
    const parsed = parseChangeKey(recordKey);
    if (parsed.kind !== 'entry') throw new Error('a store declares nothing');
    const json = value === null ? null : JSON.parse(Buffer.from(value).toString());
    changes.push([parsed.time, parsed.key.slice(1), json]);
  }, 1);
  return changes;
}

describe('a value store', () => {
  test('gives back what was put last, and nothing once it was deleted', () => {
    const store = keyedStore();
    expect(store.get(a)).toBeUndefined();
    store.put(a, 1);
    store.put(b, null);
    store.put(a, 2);
    expect([store.get(a), store.get(b), store.size]).toEqual([2, null, 2]);
    store.delete(a);
    store.delete(a);
    store.delete(c);
    expect([store.get(a), store.get(b), store.size]).toEqual([undefined, null, 1]);
  });

  test('hands on each changed entry once, in the order of first change, as it is now', () => {
    const store = keyedStore();
    store.put(b, 1);
    store.put(a, 1);
    store.put(b, 2);
    expect(changesOf(store)).toEqual([
      [0, 'b', 2],
      [0, 'a', 1],
    ]);
    expect(changesOf(store)).toEqual([]);
    store.put(a, 3);
    expect(changesOf(store)).toEqual([[0, 'a', 3]]);
  });

  test('hands on deletions, and a new value under a deleted key behind its deletion', () => {
    const store = keyedStore();
    store.put(a, 1);
    store.put(b, 1);
    changesOf(store);
    store.delete(a);
    store.delete(c); // was never there
    store.put(b, 2);
    store.put(a, 3);
    expect(changesOf(store)).toEqual([
      [0, 'a', null],
      [0, 'b', 2],
      [0, 'a', 3],
    ]);
  });
});

describe('a timed store', () => {
  const entries: [number, string][] = [
    [20, b],
    [-5, c],
    [20, a],
    [300, a],
    [20, c],
  ];
  const filled = () => {
    const store = timedStore();
    for (const [time, key] of entries) store.put(time, key, `${key.slice(1)}${time}`);
    return store;
  };

  /** Takes out everything, first entries first. */
  const walk = (store: MemoryTimedStore<unknown>) => {
    const seen: unknown[] = [];
    for (let entry = store.first(); entry !== undefined; entry = store.first()) {
      expect(store.firstTime()).toBe(entry.time);
      seen.push(entry.value);
      store.delete(entry.time, entry.key);
    }
    return seen;
  };

  test('is walked over in the order of time and key, however it was filled', () => {
    expect(walk(filled())).toEqual(['c-5', 'a20', 'b20', 'c20', 'a300']);
  });

  test('takes what comes while it is walked over in its turn', () => {
    const store = filled();
    store.delete(-5, c);
    expect(store.first()?.key).toBe(a);
    store.delete(20, a);
    store.put(20, a, 'again');
    store.put(20, keyOf('aa'), 'behind all'); // of a higher key group
    store.delete(20, c);
    store.put(30, c, 'later');
    expect(walk(store)).toEqual(['again', 'b20', 'behind all', 'later', 'a300']);
  });

  test('knows its first and last time', () => {
    const store = filled();
    expect([store.firstTime(), store.lastTime(), store.size]).toEqual([-5, 300, 5]);
    store.delete(300, a);
    store.delete(-5, c);
    expect([store.firstTime(), store.lastTime(), store.size]).toEqual([20, 20, 3]);
    for (const key of [a, b, c]) store.delete(20, key);
    expect([store.firstTime(), store.lastTime(), store.size]).toEqual([
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      0,
    ]);
    expect(store.first()).toBeUndefined();
  });

  test('tells entries of one key apart by time', () => {
    const store = filled();
    expect([store.get(20, a), store.get(300, a), store.get(21, a)]).toEqual([
      'a20',
      'a300',
      undefined,
    ]);
    store.delete(20, a);
    expect([store.get(20, a), store.get(300, a)]).toEqual([undefined, 'a300']);
    changesOf(store);
    store.put(300, a, 'new');
    store.delete(20, b);
    expect(changesOf(store)).toEqual([
      [300, 'a', 'new'],
      [20, 'b', null],
    ]);
  });
});

test('a value that was spoiled after it was put is refused at the checkpoint', () => {
  const store = keyedStore<{ total: number }>();
  const value = { total: 1 };
  store.put(a, value);
  value.total = Number.NaN;
  expect(() => changesOf(store)).toThrow(/^State "step\/totals" can't keep this value: .*NaN/);
});

describe('a value that would not come back equal is refused when it is put:', () => {
  const unfit: [string, Codec<unknown>, unknown, string][] = [
    ['a Date in JSON', json(), { at: new Date(0) }, 'at'],
    ['NaN in JSON', json(), [1, Number.NaN], '\\[1\\]'],
    ['a Map in JSON', json(), new Map(), 'Map'],
    ['undefined in JSON', json(), { a: undefined }, 'a'],
    ['Infinity in key JSON', keyJson(), [Number.POSITIVE_INFINITY], 'Infinity'],
    ['half a character in a string', string() as Codec<unknown>, '\ud800', 'surrogate'],
    ['a string for a number', number() as Codec<unknown>, '1', 'number'],
    ['a string for bytes', bytes() as Codec<unknown>, 'x', 'bytes'],
  ];
  test.each(unfit)('%s', (_, codec, value, says) => {
    const [keyed, timed] = [keyedStore(codec), timedStore(codec)];
    const refusal = (name: string) =>
      expect.objectContaining({
        code: 'ENCODE',
        message: expect.stringMatching(`State "${name}" can't keep this value: .*${says}`),
      });
    expect(() => keyed.put(a, value)).toThrow(refusal('step/totals'));
    expect(() => timed.put(1, a, value)).toThrow(refusal('step/windows'));
    expect([keyed.size, timed.size, timed.first()]).toEqual([0, 0, undefined]);
    expect([...changesOf(keyed), ...changesOf(timed)]).toEqual([]);
  });
});

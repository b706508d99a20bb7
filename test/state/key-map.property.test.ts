/**
 * Properties of the map of entries by key:
 *
 * - it holds what a Map holds, also where it is split by key group, and where numbers of entries
 *   are used again;
 * - `first` gives the smallest wanted key, also of keys that come while it is walked over;
 * - a walk gives every entry that is there all the time, whatever is added and removed meanwhile.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EntryKeys } from '../../src/state/entry-keys.ts';
import { hashOf, hashOfBytes, stateKeyOf } from '../../src/state/key.ts';
import { KeyMap } from '../../src/state/key-map.ts';

const keyOf = (n: number) => stateKeyOf((n * 37) % 128, Buffer.from(`key ${n}`));

/** The map, and a Map beside it. */
class Both {
  readonly keys = new EntryKeys();
  readonly map = new KeyMap(this.keys);
  readonly model = new Map<string, number>();
  readonly #unused: number[] = [];
  #end = 0;

  add(n: number): void {
    const key = keyOf(n);
    if (this.model.has(key)) return;
    const entry = this.#unused.pop() ?? this.#end++;
    this.keys.add(entry, key, '');
    this.map.add(key, entry);
    this.model.set(key, entry);
  }

  remove(n: number): void {
    const key = keyOf(n);
    const entry = this.model.get(key);
    if (entry === undefined) return;
    this.map.delete(entry);
    this.keys.remove(entry);
    this.model.delete(key);
    this.#unused.push(entry);
    this.keys.tidy();
  }

  check(upTo: number): void {
    expect(this.map.size).toBe(this.model.size);
    for (let n = 0; n < upTo; n++) expect(this.map.get(keyOf(n))).toBe(this.model.get(keyOf(n)));
    expect(new Set(this.map.values())).toEqual(new Set(this.model.values()));
  }
}

const step = fc.record({ isAdded: fc.boolean(), n: fc.nat(40) });

test('it holds what a Map holds', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200, size: 'max' }), (steps) => {
      const both = new Both();
      for (const { isAdded, n } of steps) {
        if (isAdded) both.add(n);
        else both.remove(n);
      }
      both.check(41);
    }),
  );
});

test('it holds what a Map holds where it is split', () => {
  const both = new Both();
  for (let n = 0; n < 10_000; n++) both.add(n);
  both.check(10_001);
  for (let n = 0; n < 10_000; n += 3) both.remove(n);
  for (let n = 9_000; n < 12_000; n++) both.add(n);
  both.check(12_001);
});

test('first gives the smallest wanted key, whatever is added and taken out meanwhile', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100, size: 'max' }), fc.nat(60), (steps, before) => {
      const both = new Both();
      for (let n = 0; n < before; n++) both.add(n);
      for (const { isAdded, n } of steps) {
        if (isAdded) both.add(n);
        const [smallest] = [...both.model.keys()].sort();
        expect(both.map.first(() => true)?.key).toBe(smallest);
        if (!isAdded && smallest !== undefined) {
          const at = Array.from({ length: 61 }, (_, i) => i).find((i) => keyOf(i) === smallest);
          both.remove(at ?? 0);
        }
      }
    }),
  );
});

test('a walk gives what is there all the time', () => {
  const both = new Both();
  for (let n = 0; n < 5_000; n++) both.add(n);
  const seen = new Set<string>();
  let turn = 0;
  for (const entry of both.map.values()) {
    seen.add(both.keys.key(entry));
    both.remove((turn * 4) % 5_000); // the odd ones stay
    both.remove((turn * 4 + 2) % 5_000);
    both.add(5_000 + turn++);
  }
  for (let n = 1; n < 5_000; n += 2) expect(seen).toContain(keyOf(n));
  for (const key of seen) expect(key).not.toBe('');
});

test('the hash of a key is that of its bytes, and spread', () => {
  const buckets = new Uint32Array(1024);
  for (let n = 0; n < 20_000; n++) {
    const key = keyOf(n);
    const bytes = Buffer.from(`..${key}`, 'latin1');
    const hash = hashOf(key);
    expect(hashOfBytes(bytes, 2, bytes.length)).toBe(hash);
    buckets[hash % 1024] = (buckets[hash % 1024] as number) + 1;
  }
  expect(Math.max(...buckets)).toBeLessThan(60); // about 20 in each
});

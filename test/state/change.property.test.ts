/**
 * Properties of the keys of a changelog:
 * 1. What was written is read back equal.
 * 2. The bytes of timed keys are ordered as their times are, then as their keys are.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  allKey,
  itemKey,
  parseChangeKey,
  storesMax,
  timedKey,
  valueKey,
} from '../../src/state/change.ts';
import {
  groupOf,
  indexOf,
  keyBytesOf,
  keyGroups,
  placeOf,
  stateKeyOf,
} from '../../src/state/key.ts';

const stateKey = fc
  .tuple(fc.nat({ max: keyGroups - 1 }), fc.uint8Array({ maxLength: 4 }))
  .map(([group, bytes]) => stateKeyOf(group, bytes));
const time = fc.oneof(
  fc.maxSafeInteger(),
  fc.integer({ min: -3, max: 3 }),
  fc.constantFrom(-(2 ** 32), 2 ** 32 - 1, 2 ** 32, -8.64e15, 8.64e15),
);
const number = fc.integer({ min: 1, max: storesMax });
const item = fc.uint8Array({ maxLength: 4 }).map((bytes) => Buffer.from(bytes).toString('latin1'));

test('places of a list sort as their numbers do', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.maxSafeNat(), (a, b) => {
      expect(indexOf(placeOf(a))).toBe(a);
      expect(placeOf(a) < placeOf(b)).toBe(a < b);
    }),
  );
});

test('the key of a change is read back as it was written', () => {
  fc.assert(
    fc.property(number, time, stateKey, item, (store, at, key, of) => {
      const entry = { kind: 'entry', store, time: 0, key, item: '' };
      expect(parseChangeKey(valueKey(store, key))).toEqual(entry);
      expect(parseChangeKey(timedKey(store, at, key))).toEqual({ ...entry, time: at });
      expect(parseChangeKey(itemKey(store, key, of))).toEqual({ ...entry, item: of });
      expect(parseChangeKey(allKey(store, key))).toEqual({ kind: 'all', store, key });
    }),
  );
});

test('a state key is its group and its bytes', () => {
  fc.assert(
    fc.property(
      fc.nat({ max: keyGroups - 1 }),
      fc.uint8Array({ maxLength: 300 }),
      (group, bytes) => {
        const key = stateKeyOf(group, bytes);
        expect(groupOf(key)).toBe(group);
        expect(Uint8Array.from(keyBytesOf(key))).toEqual(bytes);
      },
    ),
  );
});

test('the bytes of timed keys sort as times do, then as keys do', () => {
  fc.assert(
    fc.property(time, stateKey, time, stateKey, (atA, keyA, atB, keyB) => {
      const byTime = Math.sign(atA - atB);
      const byKey = keyA < keyB ? -1 : keyA > keyB ? 1 : 0;
      const byBytes = Buffer.compare(timedKey(7, atA, keyA), timedKey(7, atB, keyB));
      expect(byBytes).toBe(byTime === 0 ? byKey : byTime);
    }),
  );
});

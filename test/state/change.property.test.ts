/**
 * Properties of the keys of a changelog:
 * 1. What was written is read back equal.
 * 2. The bytes of timed keys are ordered as their times are, then as their keys are.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { keyedKey, parseChangeKey, storesMax, timedKey } from '../../src/state/change.ts';
import { groupOf, keyBytesOf, keyGroups, stateKeyOf } from '../../src/state/key.ts';

const stateKey = fc
  .tuple(fc.nat({ max: keyGroups - 1 }), fc.uint8Array({ maxLength: 4 }))
  .map(([group, bytes]) => stateKeyOf(group, bytes));
const time = fc.oneof(
  fc.maxSafeInteger(),
  fc.integer({ min: -3, max: 3 }),
  fc.constantFrom(-(2 ** 32), 2 ** 32 - 1, 2 ** 32, -8.64e15, 8.64e15),
);

test('the key of a change is read back as it was written', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: storesMax }), time, stateKey, (store, at, key) => {
      const keyed = parseChangeKey(keyedKey(store, key));
      expect(keyed).toEqual({ kind: 'keyed', store, key });
      expect(parseChangeKey(timedKey(store, at, key))).toEqual({
        kind: 'timed',
        store,
        time: at,
        key,
      });
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

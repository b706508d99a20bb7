/**
 * Slabs against a Map: what was written for an owner is read back, wherever it was moved meanwhile,
 * and what is dead is given up.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type SlabPlace, Slabs, startOf } from '../../src/state/slabs.ts';

const owners = 40;
const mib = 2 ** 20;

interface Step {
  readonly owner: number;
  /** Undefined: freed. */
  readonly length: number | undefined;
}

/** Empty ones, small ones, and some that fill a slab, or need one of their own. */
const length = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 100 }) },
  { weight: 8, arbitrary: fc.integer({ min: 50_000, max: 400_000 }) },
  { weight: 1, arbitrary: fc.constantFrom(mib - 16, mib - 8, mib, mib + 1, 3 * mib) },
);
const step: fc.Arbitrary<Step> = fc.record({
  owner: fc.nat({ max: owners - 1 }),
  length: fc.option(length, { nil: undefined, freq: 6 }),
});

/** Different for each write. */
function bytesOf(seed: number, of: number): Buffer {
  const bytes = Buffer.alloc(of, seed % 251);
  if (of >= 4) bytes.writeUInt32BE(seed, of - 4);
  return bytes;
}

test('values lie where the slabs say, whatever was written, freed and moved', () => {
  let moves = 0;
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120, size: 'max' }), (steps) => {
      const slabs = new Slabs();
      const places = new Map<number, SlabPlace>();
      const model = new Map<number, Buffer>();
      for (const [i, { owner, length: of }] of steps.entries()) {
        const place = places.get(owner) ?? 0;
        if (of === undefined) {
          if (place !== 0) slabs.free(place);
          places.delete(owner);
          model.delete(owner);
        } else {
          const value = bytesOf(i, of);
          places.set(owner, slabs.write(owner, place, value));
          model.set(owner, value);
        }
        while (slabs.isSparse) {
          slabs.compact(
            (of, at) => places.get(of) === at,
            (of, to) => {
              moves++;
              places.set(of, to);
            },
          );
        }
      }
      for (const [owner, value] of model) {
        const place = places.get(owner) ?? 0;
        const start = startOf(place);
        const found = slabs.bytesOf(place).subarray(start, start + value.length);
        expect(found.equals(value)).toBe(true);
      }
      const alive = [...model.values()].reduce((sum, value) => sum + value.length + 15, 0);
      expect(slabs.bytes).toBeLessThan(Math.max(alive * 2.2, alive + 3.5 * mib));
    }),
    { numRuns: 60 },
  );
  expect(moves).toBeGreaterThan(20);
});

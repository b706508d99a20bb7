/**
 * However many elements of a key come and go, `ordered` has those that are there, once each and in
 * order, and perhaps some that have gone; and what it returned before does not change, but may get
 * longer.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Elements } from '../../src/state/elements.ts';

const step = fc.record({
  /** So many come, from here on, in steps of a number that makes no order. */
  come: fc.nat({ max: 200 }),
  from: fc.nat({ max: 999 }),
  /** One of so many goes. */
  keepOneOf: fc.integer({ min: 1, max: 4 }),
});

const nameOf = (n: number) => String.fromCharCode((n * 607) % 1000);

type Step = typeof step extends fc.Arbitrary<infer Of> ? Of : never;

function change(elements: Elements, { come, from, keepOneOf }: Step): void {
  for (let n = from; n < from + come; n++) {
    if (!elements.entries.has(nameOf(n))) elements.add(nameOf(n), n);
  }
  for (const [i, item] of [...elements.entries.keys()].entries()) {
    if (i % keepOneOf !== 0) elements.entries.delete(item);
  }
}

test('elements are in order whatever came and went', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 8 }), (steps) => {
      const elements = new Elements('', 0);
      let returned: { readonly items: readonly string[]; readonly copy: string[] } | undefined;
      for (const of of steps) {
        change(elements, of);
        const items = elements.ordered();
        const there = items.filter((item) => elements.entries.has(item));
        expect(there).toEqual([...elements.entries.keys()].sort());
        expect(items).toEqual([...new Set(items)].sort());
        expect(items.length).toBeLessThanOrEqual(2 * elements.entries.size + 128);
        if (returned !== undefined) {
          expect(returned.items.slice(0, returned.copy.length)).toEqual(returned.copy);
        }
        returned = { items, copy: [...items] };
      }
    }),
    { numRuns: 50 },
  );
});

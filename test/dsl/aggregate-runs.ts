/** Runs aggregates over records: split, merged and stored in many ways. */
import fc from 'fast-check';
import type { Aggregate } from '../../src/dsl/index.ts';

/** A record. */
export interface Item {
  readonly n: number;
  /** Event time. */
  readonly at: number;
  /** Tells records apart that are otherwise equal. */
  readonly tag: number;
}

export type AnyAggregate = Aggregate<Item, unknown>;

/** Whole numbers, so that naive sums are exact. */
export const items: fc.Arbitrary<Item[]> = fc.array(
  fc.record({
    n: fc.oneof(fc.integer({ min: -20, max: 20 }), fc.constantFrom(-20, 20)),
    at: fc.nat({ max: 12 }),
    tag: fc.nat({ max: 2 }),
  }),
  { minLength: 1, maxLength: 40 },
);

/** The same records in any order. */
export function inAnyOrder(records: readonly Item[]): fc.Arbitrary<Item[]> {
  return fc.shuffledSubarray([...records], { minLength: records.length });
}

/** In another order, but for those of one time among themselves. */
export function inOrderOfOneTime(records: readonly Item[]): fc.Arbitrary<Item[]> {
  return inAnyOrder(records).map((shuffled) => {
    const queues = Map.groupBy(records, ({ at }) => at);
    return shuffled.flatMap(({ at }) => queues.get(at)?.shift() ?? []);
  });
}

/** As a checkpoint and a restore would leave it. */
export function stored(aggregate: AnyAggregate, accumulator: unknown): unknown {
  const bytes = bytesOf(aggregate, accumulator);
  return aggregate.codec.decode(bytes, 0, bytes.length);
}

export function bytesOf({ codec }: AnyAggregate, accumulator: unknown): Uint8Array {
  codec.check?.(accumulator);
  return codec.encode(accumulator);
}

/** The accumulator of some records, stored after each of them. */
export function over(aggregate: AnyAggregate, records: readonly Item[]): unknown {
  return records.reduce<unknown>(
    (accumulator, item) => stored(aggregate, aggregate.add(accumulator, item, item.at)),
    aggregate.create(),
  );
}

export function resultOver(aggregate: AnyAggregate, records: readonly Item[]): unknown {
  return aggregate.result(over(aggregate, records));
}

/** Where records are split, and which neighbours are merged first. */
export interface Splitting {
  /** Of a thousand. */
  readonly cuts: readonly number[];
  readonly merges: readonly number[];
}

export const splittings: fc.Arbitrary<Splitting> = fc.record({
  cuts: fc.array(fc.nat({ max: 1000 }), { minLength: 1, maxLength: 5 }),
  merges: fc.array(fc.nat(), { minLength: 6, maxLength: 6 }),
});

/** Merges the parts, until there is one; the right one of each two is frozen, and stored before. */
export function merged(
  aggregate: AnyAggregate,
  records: readonly Item[],
  { cuts, merges }: Splitting,
): unknown {
  const ends = [...cuts.toSorted((a, b) => a - b), 1000].map((cut) =>
    Math.floor((cut * records.length) / 1000),
  );
  const accumulators = ends.map((end, i) => over(aggregate, records.slice(ends[i - 1] ?? 0, end)));
  for (let round = 0; accumulators.length > 1; round++) {
    const i = (merges[round] ?? 0) % (accumulators.length - 1);
    const [left, right] = accumulators.slice(i, i + 2);
    const both = aggregate.merge(left, frozen(stored(aggregate, right)));
    accumulators.splice(i, 2, both);
  }
  return accumulators[0];
}

export function frozen<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const member of Object.values(value)) frozen(member);
  return value;
}

/** Changes all that hangs on a result, as nobody should. */
export function spoil(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  const members = value as Record<string, unknown>; // an array has them too
  for (const name of Object.keys(members)) {
    spoil(members[name]);
    members[name] = 'spoilt';
  }
}

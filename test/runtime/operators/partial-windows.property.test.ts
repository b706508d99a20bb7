/**
 * Windows that take partials of one to three senders, against the same windows that take each
 * record at the moment when its sender does:
 *
 * - They give the same results in the same order, the same late records, and the same bytes of
 *   state; however records are spread over senders, wherever these end their epochs, and however
 *   few partials they hold, and whether partials are worth it.
 * - So they do where records fail half-way and are undone, and where senders are idle while time
 *   goes on without them.
 * - Nothing is held after the end of an epoch.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { composite } from '../../../src/dsl/aggregates/composite.ts';
import {
  approximateCountDistinct,
  calendar,
  count,
  cumulating,
  first,
  hopping,
  mean,
  quantile,
  sum,
  topK,
  tumbling,
} from '../../../src/dsl/index.ts';
import type { Aggregation, WindowAssigner } from '../../../src/runtime/index.ts';
import { scriptsTried } from '../../support/operator-harness-scripts.ts';
import { type Event, outcomeOf } from '../../support/partial-windows.ts';

interface Reading {
  readonly n: number;
}

const n = ({ n }: Reading) => n;

const everyFree = composite(
  {
    count: count(),
    sum: sum(n),
    mean: mean(n),
    median: quantile(n, 0.5, { error: 0.25 }),
    distinct: approximateCountDistinct(n, { error: 0.1 }),
    top: topK(n, 2),
  },
  'a test',
  [],
);

const day = 86_400_000;

/** With how many ms a step of time in a script is. */
const windows: readonly (readonly [string, WindowAssigner, number])[] = [
  ['tumbling', tumbling(10, { offset: 3 }), 1],
  ['hopping', hopping(15, { every: 10 }), 1],
  ['hopping by a divisor', hopping(12, { every: 3, offset: 1 }), 1],
  ['cumulating', cumulating(20, { every: 5 }), 1],
  ['calendar', calendar('day', { timeZone: 'Europe/Berlin' }), day / 10],
];

const sender = fc.nat({ max: 2 });

const record = fc.record({
  key: fc.constantFrom('a', 'b', 'ü'),
  at: fc.nat({ max: 60 }),
  n: fc.oneof(fc.integer({ min: -5, max: 5 }), fc.constantFrom(0.1, 0.2, -0.3, 1e16, 19.99)),
});

const event: fc.Arbitrary<Event> = fc.oneof(
  {
    arbitrary: fc.record({
      kind: fc.constant('records' as const),
      sender,
      records: fc.array(record, { minLength: 1, maxLength: 3 }),
      fate: fc.constantFrom('plain', 'plain', 'kept', 'undone'),
    }),
    weight: 6,
  },
  {
    arbitrary: fc.record({ kind: fc.constant('time' as const), sender, by: fc.nat({ max: 12 }) }),
    weight: 3,
  },
  { arbitrary: fc.record({ kind: fc.constantFrom('epoch', 'idle'), sender }), weight: 1 },
);

const scripts = fc.record({
  events: fc.array(event, { minLength: 1, maxLength: 40, size: 'max' }),
  senders: fc.integer({ min: 1, max: 3 }),
  heldMax: fc.constantFrom(1, 2, 8192),
  recordsWorthPartial: fc.constantFrom(0, 0, 2),
});

function isSame(assigner: WindowAssigner, stepMs: number, aggregate: Aggregation) {
  return fc.property(scripts, (script) => {
    const setting = { ...script, assigner, stepMs, aggregate };
    const byRecord = outcomeOf({ ...setting, by: 'record' });
    expect(outcomeOf({ ...setting, by: 'partial' })).toEqual(byRecord);
  });
}

describe.each(windows)('%s windows', (_, assigner, stepMs) => {
  test('come to the same by partials as by records', () => {
    fc.assert(isSame(assigner, stepMs, everyFree), { numRuns: scriptsTried(100) });
  });

  test('would be noticed where the order of records counts', () => {
    const lying = { ...composite({ first: first(n) }, 'a test', []), isOrderFree: true };
    const found = fc.check(isSame(assigner, stepMs, lying), { numRuns: 300, endOnFailure: true });
    expect(found.failed).toBe(true);
  });
});

/** Arbitrary scripts of readings, for properties. */
import fc from 'fast-check';
import { type Topic, topic } from '../../src/dsl/index.ts';
import { json, string } from '../../src/formats/index.ts';
import type { ScriptRecord, ScriptStep } from './operator-harness.ts';
import { type Mode, otherModes } from './operator-harness-modes.ts';

export interface Reading {
  readonly key: string;
  /** Event time. */
  readonly at: number;
  readonly n: number;
}

export const readings: Topic<string, Reading> = topic('readings', {
  key: string(),
  value: json<Reading>(),
});

/** Event time of the record, and streams that are never quiet. */
export const byReading = { eventTime: (r: Reading): number => r.at, quietAfter: 'off' } as const;

export interface ReadingsConstraints {
  readonly partitions?: number;
  readonly timeMax?: number;
  readonly recordsMax?: number;
}

/** Up to three steps of records, in any order of event time. */
export function readingScripts({
  partitions = 1,
  timeMax = 100,
  recordsMax = 12,
}: ReadingsConstraints = {}): fc.Arbitrary<ScriptStep[]> {
  const record: fc.Arbitrary<ScriptRecord> = fc.record({
    partition: fc.nat({ max: partitions - 1 }),
    value: fc.record({
      key: fc.constantFrom('a', 'b', 'ü', ''),
      at: fc.nat({ max: timeMax }),
      n: fc.integer({ min: -20, max: 20 }),
    }),
  });
  const step = fc.record({ records: fc.array(record, { minLength: 1, maxLength: recordsMax }) });
  return fc.array(step, { minLength: 1, maxLength: 3 });
}

/** How many scripts a property tries: so many, or what MILLRACE_SCRIPTS says. */
export function scriptsTried(usually: number): number {
  return Number(process.env.MILLRACE_SCRIPTS ?? usually);
}

/** Modes to compare with: all would be slow for every script, and a property has many. */
export const someModes: fc.Arbitrary<Mode[]> = fc.shuffledSubarray([...otherModes], {
  minLength: 2,
  maxLength: 3,
});

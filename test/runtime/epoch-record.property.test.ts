/** - What is recorded of a commit is read as it was written, whatever it holds. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type DropRecord,
  decodeEpochRecord,
  type EpochRecord,
  encodeEpochRecord,
  type FailedRecord,
  type Failure,
  type Opening,
} from '../../src/runtime/epoch-record.ts';

const wholes = fc.maxSafeNat();
const names = fc.array(fc.string({ unit: 'grapheme' }), { maxLength: 3 });

const openings: fc.Arbitrary<Opening> = fc.record({
  format: fc.constantFrom(1, 2),
  epoch: wholes,
  inputs: fc.array(
    fc.record({
      topic: fc.string({ unit: 'grapheme', maxLength: 300 }),
      topicId: wholes,
      partition: fc.nat(),
      offset: wholes,
    }),
    { maxLength: 20 },
  ),
  newStates: names,
});

const failures: fc.Arbitrary<Failure> = fc.record({
  outcome: fc.constantFrom('skipped', 'dead letter'),
  step: fc.string({ unit: 'grapheme' }),
  kind: fc.constantFrom('source', 'map'),
  code: fc.constantFrom('DECODE', 'USER_FUNCTION'),
  message: fc.string({ unit: 'grapheme' }),
  attempts: wholes,
});

/** Many records fail in few ways. */
const failed: fc.Arbitrary<FailedRecord[]> = fc
  .array(failures, { minLength: 1, maxLength: 3 })
  .chain((ways) =>
    fc.array(
      fc.record({
        input: fc.nat({ max: 20 }),
        place: wholes,
        failure: fc.constantFrom(...ways),
      }),
      { minLength: 1, maxLength: 10 },
    ),
  );

/** An epoch of a task that had so many inputs before. */
const epochs: fc.Arbitrary<{ readonly inputs: number; readonly record: EpochRecord }> = fc
  .tuple(fc.nat({ max: 20 }), fc.option(openings, { nil: undefined }))
  .chain(([inputs, opening]) => {
    const count = opening?.inputs.length ?? inputs;
    const bits = fc.option(fc.array(fc.boolean(), { minLength: count, maxLength: count }), {
      nil: undefined,
    });
    const record: fc.Arbitrary<EpochRecord> = fc.record({
      kind: fc.constant('epoch'),
      opening: fc.constant(opening),
      isStart: opening === undefined ? fc.constant(false) : fc.boolean(),
      moved: fc
        .uniqueArray(fc.record({ input: fc.nat({ max: 2000 }), records: wholes }), {
          selector: ({ input }) => input,
        })
        .map((moved) => moved.toSorted((a, b) => a.input - b.input)),
      waiting: bits,
      idle: bits,
      watermark: fc.option(fc.double({ noNaN: true }), { nil: undefined }),
      fired: wholes,
      endsFiring: fc.boolean(),
      outputs: fc.option(fc.nat({ max: 0xffff_ffff }), { nil: undefined }),
      failed: fc.option(failed, { nil: undefined }),
    });
    return record.map((of) => ({ inputs, record: of }));
  });

const drops: fc.Arbitrary<DropRecord> = fc.record({
  kind: fc.constant('drop'),
  epoch: wholes,
  states: names,
});

test('an epoch is read as it was written', () => {
  fc.assert(
    fc.property(epochs, ({ inputs, record }) => {
      expect(decodeEpochRecord(encodeEpochRecord(record), inputs)).toEqual(record);
    }),
    { numRuns: 500 },
  );
});

test('dropped state is read as it was written', () => {
  fc.assert(
    fc.property(drops, (record) => {
      expect(decodeEpochRecord(encodeEpochRecord(record), 0)).toEqual(record);
    }),
  );
});

test('a format that is not known is refused, and what to do is said', () => {
  const bytes = encodeEpochRecord({ kind: 'drop', epoch: 7, states: [] });
  bytes[1] = 2;
  expect(() => decodeEpochRecord(bytes, 0)).toThrow(/recorded in format 2, .+ Use the Millrace/);
});

test('what was written in format 1 is read: it tells no failures', () => {
  const started = '030101010463757073010000010974 61736b2f74696d6500'.replace(' ', '');
  const epoch = 'fc0200ac020501040240 8f40000000000005df8744ed'.replace(' ', '');
  const nothing = { kind: 'epoch', failed: undefined };
  expect(decodeEpochRecord(Buffer.from(started, 'hex'), 0)).toMatchObject({
    ...{ ...nothing, isStart: true, moved: [] },
    opening: { format: 1, epoch: 1, newStates: ['task/time'] },
  });
  expect(decodeEpochRecord(Buffer.from(epoch, 'hex'), 3)).toMatchObject({
    ...{ ...nothing, opening: undefined, watermark: 1000, fired: 5, outputs: 0xdf8744ed },
  });
});

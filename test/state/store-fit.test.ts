/** What of the state on disk a job can go on with, and what has to be migrated before. */
import { describe, expect, test } from 'vitest';
import { bytes, json, string, versions } from '../../src/formats/index.ts';
import { Declarations } from '../../src/state/store-fit.ts';
import { declaredStore, placeFormat, recordOf } from '../../src/state/store-record.ts';
import type { KeyFormat } from '../../src/state/stores.ts';

const key1 = string();
const key2 = versions(key1).to((key) => Buffer.from(key), { codec: bytes() });
const value1 = json<number>();
const value2 = versions(value1).to(String, { codec: string() });

const stored = (keyCodec: KeyFormat, value: KeyFormat, shape = '') =>
  declaredStore('value', { name: 'step/state', keyCodec, value, shape });

/** What a job that declares `declared` makes of what another one has recorded. */
function fitOf(recorded: ReturnType<typeof declaredStore>, declared: typeof recorded) {
  const declarations = new Declarations();
  declarations.stores.push(declared);
  return declarations.fitOf(new Map([[7, recordOf(recorded)]]));
}

describe('a store', () => {
  const old = stored(key1, value1);

  test('that is what it was fits', () => {
    expect(fitOf(old, stored(key1, value1))).toEqual({ differences: [], outdated: [] });
    expect(fitOf(stored(key2, value2), stored(key2, value2)).outdated).toEqual([]);
  });

  test.each([
    ['values', stored(key1, value2)],
    ['keys', stored(key2, value1)],
    ['both', stored(key2, value2)],
  ])('with newer %s is outdated, whatever their codecs are now', (_, declared) => {
    const outdated = [{ number: 7, recorded: recordOf(old), declared }];
    expect(fitOf(old, declared)).toEqual({ differences: [], outdated });
  });

  test('whose keys are places is outdated with the keys or the items that these are made of', () => {
    const places = (key: KeyFormat, item: KeyFormat) => stored(placeFormat(key, item), value1);
    expect(recordOf(places(key2, key1))).toMatchObject({
      ...{ keyCodec: 'bytes and string', keyText: false, keyVersion: 2 },
      ...{ itemCodec: '', itemVersion: 1 },
    });
    for (const declared of [places(key2, key1), places(key1, key2), places(key2, key2)]) {
      const { differences, outdated } = fitOf(places(key1, key1), declared);
      expect([differences, outdated.length]).toEqual([[], 1]);
    }
  });

  test.each([
    [
      'that was not what the first version says',
      stored(key1, bytes()),
      stored(key1, value2),
      'the value codec bytes on disk and json in the job (version 1)',
    ],
    [
      'whose keys were not',
      stored(bytes(), value1),
      stored(key2, value1),
      'the key codec bytes on disk and string in the job (version 1)',
    ],
    [
      'of another shape, with newer values',
      stored(key1, value1, 'a'),
      stored(key1, value2, 'b'),
      'the shape a on disk and b in the job',
    ],
    [
      'that a newer job wrote',
      stored(key2, value2),
      stored(key2, value1),
      'version 2 of its values on disk, which a newer job wrote: this one knows version 1',
    ],
  ])('%s differs', (_, recorded, declared, says) => {
    expect(fitOf(recorded, declared).differences).toEqual([`state "step/state" has ${says}`]);
  });

  test('that the job does not declare differs, but for one that it drops', () => {
    const declarations = new Declarations();
    const recorded = new Map([[7, recordOf(old)]]);
    const [difference] = declarations.fitOf(recorded).differences;
    expect(difference).toBe('state "step/state" is on disk, but no step of the job declares it');
    declarations.dropped.add('step/state');
    expect(declarations.fitOf(recorded)).toEqual({ differences: [], outdated: [] });
  });
});

/**
 * - Migrating a store of any kind gives, for each of its rows, the entry that a plain Map with the
 *   new key, item and value would have, and nothing else; also where that takes several portions.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bytes, type Codec, json, string, versions } from '../../src/formats/index.ts';
import { encodeStoreRecord, entryKey, type StoreKind, storeKey } from '../../src/state/change.ts';
import { type Change, Origins, StoreMigration } from '../../src/state/index.ts';
import { joinPlace, placeOf, stateKeyOf } from '../../src/state/key.ts';
import {
  type DeclaredStore,
  declaredStore,
  placeFormat,
  placesOfList,
  recordOf,
} from '../../src/state/store-record.ts';
import type { StateKey } from '../../src/state/stores.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { Changelog, finish, openStateFile } from './changelog.ts';

const keyGroupOf = (of: Uint8Array) => (of.reduce((sum, byte) => sum * 31 + byte, 7) >>> 0) % 128;

const key1 = string();
const key2 = versions(key1).to((key) => new Uint8Array(Buffer.from(`${key}!`)), { codec: bytes() });
const item1 = bytes();
const item2 = versions(item1).to((item) => Buffer.from(item).toString('hex'), { codec: string() });
const value1 = json<number>();
const value2 = versions(value1).to((n) => ({ n }));

/** What has a second version. */
interface Newer {
  readonly key: boolean;
  readonly item: boolean;
  readonly value: boolean;
}

interface Row {
  readonly time: number;
  readonly key: string;
  readonly item: Uint8Array;
  readonly value: number;
}

type Kind = StoreKind | 'places';
const kinds: readonly Kind[] = ['value', 'timed', 'list', 'map', 'places'];

function declared(kind: Kind, newer: Newer): DeclaredStore {
  const key = newer.key ? key2 : key1;
  const item = newer.item ? item2 : item1;
  const of = { name: 'step/state', value: (newer.value ? value2 : value1) as Codec<unknown> };
  switch (kind) {
    case 'map':
      return declaredStore('map', { ...of, keyCodec: key }, item);
    case 'list':
      return declaredStore('list', { ...of, keyCodec: key }, placesOfList);
    case 'places':
      return declaredStore('timed', { ...of, keyCodec: placeFormat(key, item) });
    default:
      return declaredStore(kind, { ...of, keyCodec: key });
  }
}

/** An entry of store `store` as the changelog has it. */
function changeOf(store: number, kind: Kind, { time, key, item, value }: Row, to: Newer): Change {
  const keyBytes = to.key ? Buffer.from(`${key}!`) : Buffer.from(key);
  const itemBytes = to.item ? Buffer.from(Buffer.from(item).toString('hex')) : Buffer.from(item);
  const place = item.reduce((sum, byte) => sum * 256 + byte, 0);
  const ofItem = kind === 'list' ? placeOf(place) : itemBytes.toString('latin1');
  const plain: StateKey = stateKeyOf(keyGroupOf(keyBytes), keyBytes);
  const address = {
    ...{ store, time: kind === 'timed' || kind === 'places' ? time : 0 },
    key: kind === 'places' ? joinPlace(plain, ofItem) : plain,
    item: kind === 'list' || kind === 'map' ? ofItem : '',
  };
  return {
    key: entryKey(kind === 'places' ? 'timed' : kind, address),
    value: Buffer.from(JSON.stringify(to.value ? { n: value } : value)),
  };
}

const asMap = (changes: Iterable<Change>) =>
  new Map(
    [...changes].map(({ key, value }) => [
      Buffer.from(key).toString('hex'),
      Buffer.from(value ?? 'deleted').toString(),
    ]),
  );

const first: Newer = { key: false, item: false, value: false };

/** Folds rows of the first version; what a migration makes of them, and in how many portions. */
function migrated(kind: Kind, rows: readonly Row[], newer: Newer) {
  const file = openStateFile(`${temporaryDirectory()}/state.db`);
  file.claim(1);
  const recorded = recordOf(declared(kind, first));
  const changelog = new Changelog();
  changelog.changes.push({ key: storeKey(1), value: encodeStoreRecord(recorded) });
  for (const row of rows) changelog.changes.push(changeOf(1, kind, row, first));
  finish(changelog.fold(file));
  const migration = new StoreMigration({
    ...{ file, number: 2, origins: new Origins(file.database), keyGroupOf },
    store: { number: 1, recorded, declared: declared(kind, newer) },
  });
  const portions: Change[][] = [];
  for (let next = migration.next(); next.length > 0; next = migration.next()) portions.push(next);
  file.close();
  expect(migration.entries).toBe(portions.flat().length);
  return { changes: portions.flat(), portions: portions.length };
}

const rowsOf = fc.array(
  fc.record({
    time: fc.integer({ min: -5, max: 5 }),
    key: fc.constantFrom('', 'a', 'b', 'ü'),
    item: fc.uint8Array({ maxLength: 2 }),
    value: fc.integer(),
  }),
  { maxLength: 40 },
);

describe.each(kinds)('a store of kind %s', (kind) => {
  test('becomes what a map would be', () => {
    fc.assert(
      fc.property(rowsOf, fc.boolean(), fc.boolean(), fc.boolean(), (rows, key, item, value) => {
        const newer = { key, item, value };
        const { changes } = migrated(kind, rows, newer);
        const expected = asMap(rows.map((row) => changeOf(2, kind, row, newer)));
        expect(asMap(changes)).toEqual(expected);
        expect(changes).toHaveLength(expected.size);
      }),
      { numRuns: 25 },
    );
  });

  test('becomes that in several portions too', () => {
    const rows = Array.from({ length: 1300 }, (_, i) => ({
      ...{ time: i % 7, key: `key ${kind === 'value' ? i : i % 200}`, value: i },
      item: Uint8Array.of(i >>> 8, i),
    }));
    const newer = { key: true, item: true, value: true };
    const { changes, portions } = migrated(kind, rows, newer);
    expect(portions).toBe(3);
    expect(asMap(changes)).toEqual(asMap(rows.map((row) => changeOf(2, kind, row, newer))));
  });
});

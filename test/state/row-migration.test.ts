/** Keys and items that would become one: what is refused, and what does not matter. */
import { expect, test } from 'vitest';
import { json, number, string, versions } from '../../src/formats/index.ts';
import { openDatabaseInMemory } from '../../src/platform/index.ts';
import { Origins } from '../../src/state/index.ts';
import { joinPlace, placeOf, stateKeyOf } from '../../src/state/key.ts';
import { RowMigration } from '../../src/state/row-migration.ts';
import {
  type DeclaredStore,
  declaredStore,
  placeFormat,
  recordOf,
} from '../../src/state/store-record.ts';
import type { KeyFormat } from '../../src/state/stores.ts';

const value = json<unknown>();
const lower = (codec: KeyFormat & ReturnType<typeof string>) =>
  versions(codec).to((text) => text.toLowerCase(), { codec: string() });
const key1 = string();
const key2 = lower(key1);

/** Migrations of stores that a job declares with new keys, over one table of origins. */
function migrations(...stores: readonly ((key: KeyFormat) => DeclaredStore)[]): RowMigration[] {
  const origins = new Origins(openDatabaseInMemory());
  return stores.map((declare, number) => {
    const store = { number, recorded: recordOf(declare(key1)), declared: declare(key2) };
    return new RowMigration(store, origins, (bytes) => bytes.length);
  });
}

const valueStore = (name: string) => (keyCodec: KeyFormat) =>
  declaredStore('value', { name, keyCodec, value });

/** A row under a key. */
function row(key: string, item = '', time = 0) {
  const state = stateKeyOf(key.length, Buffer.from(key));
  return { time, key: state, item, value: Buffer.from('1') };
}

test('a key keeps its state in all stores of a step', () => {
  const [a, b] = migrations(valueStore('step/a'), valueStore('step/b'));
  for (const of of [a, b, a]) expect(of?.take(row('ADA'))).toMatchObject(row('ada'));
});

test('two keys do not become one, in one store or in two of a step', () => {
  const [a, b, other] = migrations(
    valueStore('step/a'),
    valueStore('step/b'),
    valueStore('other/a'),
  );
  a?.take(row('ADA'));
  const says = 'two keys would become one: ADA and Ada of version 1 are both ada in version 2.';
  expect(() => a?.take(row('Ada'))).toThrow(`State "step/a": ${says}`);
  expect(() => b?.take(row('Ada'))).toThrow(`State "step/b": ${says}`);
  expect(other?.take(row('Ada'))).toMatchObject(row('ada'));
});

test('nor where they lie at different times, or are of lists', () => {
  const timed = (keyCodec: KeyFormat) => declaredStore('timed', { name: 'a/b', keyCodec, value });
  const list = (keyCodec: KeyFormat) => declaredStore('list', { name: 'c/d', keyCodec, value });
  const [times, lists] = migrations(timed, list);
  for (const time of [5, 6]) times?.take(row('ADA', '', time));
  expect(() => times?.take(row('Ada', '', 7))).toThrow('two keys would become one');
  for (const place of [0, 1]) lists?.take(row('ADA', placeOf(place)));
  expect(() => lists?.take(row('Ada', placeOf(9)))).toThrow('two keys would become one');
});

test('items of one key do not become one; those of two may be alike', () => {
  const map = (keyCodec: KeyFormat) => {
    const item = keyCodec === key1 ? key1 : key2;
    return declaredStore('map', { name: 'step/map', keyCodec: number(), value }, item);
  };
  const [items] = migrations(map);
  items?.take(row('a', 'X'));
  items?.take(row('b', 'x'));
  expect(() => items?.take(row('a', 'x'))).toThrow(
    'State "step/map": two items would become one: X and x of version 1 are both x in version 2.',
  );
});

test('places of entries may, since some are of entries that are gone', () => {
  const [places] = migrations((key) =>
    declaredStore('timed', { name: 'step/checks', keyCodec: placeFormat(key, key), value }),
  );
  const place = (key: string, item: string) => {
    const of = row(key, '', 5);
    return { ...of, key: joinPlace(of.key, item) };
  };
  for (const key of ['ADA', 'Ada']) {
    for (const item of ['X', 'x']) {
      expect(places?.take(place(key, item))).toMatchObject(place('ada', 'x'));
    }
  }
});

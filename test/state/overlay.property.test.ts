/**
 * Whatever was put, deleted, cleared, committed and folded, and wherever a fold has come to: a
 * reader that pinned the state file at any moment before, with the changelog behind that over it,
 * sees what was committed last, and nothing else.
 */
import type Database from 'better-sqlite3';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openDatabaseReadOnly } from '../../src/platform/index.ts';
import { encodeStoreRecord, storeKey, valueKey } from '../../src/state/change.ts';
import { type Change, Overlay, readFoldedState, type StateFile } from '../../src/state/index.ts';
import { stateKeyOf } from '../../src/state/key.ts';
import { suiteDirectory } from '../support/temporary-directory.ts';
import { Changelog, finish, identity, keyOf, openStateFile, openStores } from './changelog.ts';

const keys = ['', 'a', 'b', 'ü'].map((text, i) =>
  stateKeyOf([0, 1, 1, 127][i] ?? 0, Buffer.from(text)),
);
const times = [-8.64e15, 0, 7];
const items = ['', 'x', 'é'];

type Step =
  | { readonly kind: 'put' | 'delete'; readonly of: Of; readonly at: At; readonly value: number }
  | { readonly kind: 'clear'; readonly of: 'list' | 'map'; readonly at: At }
  | { readonly kind: 'commit' | 'pin' | 'look' }
  | { readonly kind: 'fold'; readonly slices: number };

type Of = 'keyed' | 'timed' | 'list' | 'map';
interface At {
  readonly key: string;
  readonly time: number;
  readonly item: string;
}

const at = fc.record({
  key: fc.constantFrom(...keys),
  time: fc.constantFrom(...times),
  item: fc.constantFrom(...items),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constantFrom('put' as const, 'put', 'delete'),
      of: fc.constantFrom<Of[]>('keyed', 'timed', 'list', 'map'),
      at,
      value: fc.nat(99),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('clear' as const),
      of: fc.constantFrom('list' as const, 'map' as const),
      at,
    }),
  },
  { weight: 4, arbitrary: fc.constant<Step>({ kind: 'commit' }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('pin' as const, 'look') }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('fold' as const),
      slices: fc.integer({ min: 1, max: 6 }),
    }),
  },
);

const directory = suiteDirectory();
let files = 0;

/** A task's stores beside what they should hold; rows are texts. */
class Tried {
  readonly #path = `${directory}/${files++}.db`;
  readonly #changelog = new Changelog();
  readonly #file: StateFile = openStateFile(this.#path);
  readonly #stores = openStores(this.#changelog, this.#file);
  #model = new Map<string, string>();
  #committed = new Map<string, string>();
  #fold: ReturnType<Changelog['fold']> | undefined;
  #pinned: Database.Database | undefined;

  take(of: Step): void {
    switch (of.kind) {
      case 'put':
        this.#put(of.of, of.at, of.value);
        break;
      case 'delete':
        this.#delete(of.of, of.at);
        break;
      case 'clear':
        this.#stores[of.of].clear(of.at.key);
        this.#forget((row) => row.startsWith(rowName(of.of, of.at.key)));
        break;
      case 'commit':
        this.#changelog.append(this.#stores.state);
        this.#committed = new Map(this.#model);
        break;
      case 'fold':
        this.#foldOn(of.slices);
        break;
      case 'pin':
        this.#unpin();
        this.#pin();
        break;
      case 'look':
        this.look();
        break;
    }
  }

  look(): void {
    const database = this.#pinned ?? this.#pin();
    const folded = readFoldedState(database, this.#path, identity);
    if (folded === undefined) throw new Error('the file has an identity');
    const changes = this.#changelog.changes.slice(folded.foldedOffset);
    const overlay = new Overlay(database, folded.stores, changes);
    const rows = [...overlay.stores.keys()].flatMap((store) => rowsOf(database, overlay, store));
    expect(rows.sort()).toEqual([...this.#committed.values()].sort());
    this.#unpin();
  }

  close(): void {
    this.#unpin();
    this.#file.close();
  }

  #put(of: Of, { key, time, item }: At, value: number): void {
    const { keyed, timed, list, map } = this.#stores;
    let place = 0;
    if (of === 'keyed') keyed.put(key, value);
    else if (of === 'timed') timed.put(time, key, value);
    else if (of === 'map') map.put(key, item, value);
    else place = list.add(key, value);
    const row = rowName(of, key, { keyed: '', timed: time, map: item, list: place }[of]);
    this.#model.set(row, `${row} ${value}`);
  }

  #delete(of: Of, { key, time, item }: At): void {
    const { keyed, timed, list, map } = this.#stores;
    if (of === 'keyed') keyed.delete(key);
    else if (of === 'timed') timed.delete(time, key);
    else if (of === 'map') map.delete(key, item);
    else list.delete(key, 0);
    const where = { keyed: '', timed: time, map: item, list: 0 }[of];
    this.#model.delete(rowName(of, key, where));
  }

  #forget(which: (row: string) => boolean): void {
    for (const row of this.#model.keys()) if (which(row)) this.#model.delete(row);
  }

  /** Some slices of the fold under way, or of a new one. */
  #foldOn(slices: number): void {
    this.#fold ??= this.#changelog.fold(this.#file, 1, 1);
    for (let slice = 0; slice < slices; slice++) {
      if (this.#fold.next().done !== true) continue;
      this.#fold = undefined;
      this.#stores.state.foldedTo(this.#file.foldedOffset);
      return;
    }
  }

  #pin(): Database.Database {
    const database = openDatabaseReadOnly(this.#path);
    if (database === undefined) throw new Error('there is a file');
    database.exec('BEGIN');
    database.prepare('SELECT count(*) FROM meta').get(); // the first read pins
    this.#pinned = database;
    return database;
  }

  #unpin(): void {
    this.#pinned?.close();
    this.#pinned = undefined;
  }
}

const storeNames = ['keyed', 'timed', 'list', 'map'] as const;

function rowName(of: Of, key: string, where?: unknown): string {
  const name = `${of} ${Buffer.from(key, 'latin1').toString('hex')} `;
  return where === undefined ? name : `${name}${where}`;
}

function rowsOf(database: Database.Database, overlay: Overlay, store: number): string[] {
  const of = storeNames[store - 1] ?? 'keyed'; // as they are declared
  const rows = database.prepare(
    `SELECT time, key_group, CAST(key AS BLOB), item, CAST(value AS TEXT) FROM (${overlay.rowsOf(store)})`,
  );
  return (rows.raw().all() as [number, number, Buffer, unknown, string][]).map(
    ([time, group, key, item, value]) => {
      const where = of === 'timed' ? time : item;
      return `${rowName(of, stateKeyOf(group, key), where)} ${value}`;
    },
  );
}

test('tables and changelog together are the state as of the last commit', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40, size: 'max' }), (steps) => {
      const tried = new Tried();
      try {
        for (const each of steps) tried.take(each);
        tried.look();
      } finally {
        tried.close();
      }
    }),
    { numRuns: 100 },
  );
});

test('a store that was dropped is gone, whether the tables know it yet or not', () => {
  const changelog = new Changelog();
  const path = `${directory}/dropped.db`;
  const file = openStateFile(path);
  const stores = openStores(changelog, file);
  stores.keyed.put(keyOf('a'), 1);
  changelog.append(stores.state);
  finish(changelog.fold(file));
  const record = file.stores().get(1);
  if (record === undefined) throw new Error('it was folded');
  const changes: Change[] = [
    { key: valueKey(1, keyOf('b')), value: Buffer.from('2') },
    { key: storeKey(1), value: null },
    { key: storeKey(9), value: encodeStoreRecord(record) },
    { key: valueKey(9, keyOf('c')), value: Buffer.from('3') },
  ];
  const database = openDatabaseReadOnly(path);
  if (database === undefined) throw new Error('there is a file');
  const folded = file.stores();
  const tables = new Overlay(database, folded, changes);
  expect([...tables.stores.keys()]).toEqual([2, 3, 4, 9]);
  expect(rowsOf(database, tables, 9)).toEqual([`${rowName('keyed', keyOf('c'), '')} 3`]);
  folded.delete(1); // half of the fold is there
  database.exec('DROP TABLE temp.overlay; DROP TABLE temp.overlay_all');
  expect([...new Overlay(database, folded, changes).stores.keys()]).toEqual([2, 3, 4, 9]);
  database.close();
  file.close();
});

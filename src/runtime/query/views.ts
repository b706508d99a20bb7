/**
 * The views that a query sees, as temporary ones of its connection:
 *
 *   one for each store, named after it         see columns.ts
 *   the same with `_raw` behind its name       the rows as they are kept, which lie in order of key
 *   stores                                     what there is
 *   timers                                     those of all steps
 *
 * Stores that the engine keeps for itself (the task's time, the books of a time-to-live) have none:
 * what they say of an entry is in its row.
 */
import type Database from 'better-sqlite3';
import type { Overlay, StoreRecord } from '../../state/index.ts';
import { expiryParts, expiryStore } from '../operators/expiry.ts';
import { type Column, columnsOf, freeName, keySql, type SampleRow, selectList } from './columns.ts';
import { identifier, literal } from './shapes.ts';

/** Rows that are looked at to see which fields there are, and their bytes. */
export const sampleRowsMax = 1000;
const sampleBytesMax = 4 * 1024 * 1024;

const timerKinds = ['event', 'processing'] as const;

const keptColumns = {
  value: 'key, value',
  timed: 'time, key, value',
  list: 'key, item, value',
  map: 'key, item, value',
} as const;

interface NumberedStore {
  readonly number: number;
  readonly record: StoreRecord;
}

/** Defines the views; returns their names. */
export function defineViews(database: Database.Database, overlay: Overlay): string[] {
  return new ViewDefinition(database, overlay).define();
}

class ViewDefinition {
  readonly #database: Database.Database;
  readonly #overlay: Overlay;
  readonly #stores: readonly NumberedStore[];
  readonly #numbers: ReadonlyMap<string, number>;
  readonly #taken = new Set(['stores', 'timers', 'meta', 'entries', 'overlay', 'overlay_all']);

  constructor(database: Database.Database, overlay: Overlay) {
    this.#database = database;
    this.#overlay = overlay;
    const stores = [...overlay.stores].map(([number, record]) => ({ number, record }));
    this.#stores = stores.sort((a, b) => a.number - b.number);
    this.#numbers = new Map(stores.map(({ number, record }) => [record.name, number]));
  }

  define(): string[] {
    const views: string[] = [];
    this.#database.exec(
      'CREATE TEMP TABLE stores (view TEXT, name TEXT, kind TEXT, columns TEXT, key_codec TEXT, ' +
        'item_codec TEXT, value_codec TEXT, shape TEXT, version INTEGER)',
    );
    for (const store of this.#stores) {
      const { record } = store;
      if (this.#isInternal(record.name)) continue;
      if (timersOf(record) !== undefined) {
        this.#list('timers', record, ['step', 'kind', 'key', 'due']);
        continue;
      }
      const view = freeName(viewName(record.name), this.#taken);
      const columns = this.#columnsOf(store);
      const rows = `(${this.#rowsOf(store)}) r`;
      this.#defineView(view, `SELECT ${selectList(columns)} FROM ${rows}`);
      const kept = keptColumns[record.kind];
      this.#defineView(freeName(`${view}_raw`, this.#taken), `SELECT ${kept} FROM ${rows}`);
      this.#list(
        view,
        record,
        columns.map(({ name }) => name),
      );
      views.push(view);
    }
    this.#defineView('timers', this.#timers());
    return [...views, 'timers', 'stores'];
  }

  #rowsOf({ number }: NumberedStore): string {
    return this.#overlay.rowsOf(number);
  }

  #columnsOf(store: NumberedStore): Column[] {
    return columnsOf(store.record, this.#sampleOf(store), this.#ttlColumns(store));
  }

  #sampleOf(store: NumberedStore): SampleRow[] {
    const sample: SampleRow[] = [];
    let bytes = 0;
    const rows = this.#database.prepare(
      `SELECT key, item, value FROM (${this.#rowsOf(store)}) LIMIT ${sampleRowsMax}`,
    );
    for (const row of rows.iterate() as IterableIterator<SampleRow>) {
      sample.push(row);
      for (const part of [row.key, row.value]) bytes += lengthOf(part);
      if (bytes > sampleBytesMax) break;
    }
    return sample;
  }

  /** When an entry ends; NULL where that is not known yet. */
  #ttlColumns({ record }: NumberedStore): Column[] {
    for (const time of timerKinds) {
      const written = this.#numbers.get(expiryStore(record.name, time, 'written'));
      if (written === undefined) continue;
      const of = record.kind === 'list' ? "printf('%016d', r.item)" : 'r.item';
      const at = this.#overlay.valueAt(written, 'r', of);
      const after = this.#ttlMs(expiryStore(record.name, time, 'adopted'));
      const end = `(w ->> '$.at') + coalesce(w ->> '$.own', ${after})`;
      const sql = `(SELECT ${end} FROM (SELECT ${at} AS w))`;
      return [{ name: 'expires', sql }];
    }
    return [];
  }

  #ttlMs(adopted: string): string {
    const store = this.#numbers.get(adopted);
    if (store === undefined) return 'NULL';
    const value = this.#database.prepare(`SELECT value FROM (${this.#overlay.rowsOf(store)})`);
    const ms = Number(value.pluck().get() ?? Number.NaN);
    return Number.isFinite(ms) ? String(ms) : 'NULL';
  }

  #timers(): string {
    const parts = this.#stores.flatMap((store) => {
      const timers = timersOf(store.record);
      if (timers === undefined) return [];
      const { step, kind } = timers;
      const names = `${literal(step)} AS step, ${literal(kind)} AS kind`;
      const columns = `${names}, ${keySql(store.record)} AS key, time AS due`;
      return [`SELECT ${columns} FROM (${this.#rowsOf(store)})`];
    });
    const none = 'SELECT NULL AS step, NULL AS kind, NULL AS key, NULL AS due WHERE 0';
    return parts.length === 0 ? none : parts.join(' UNION ALL ');
  }

  #isInternal(name: string): boolean {
    if (name === 'task/time' || internalStores.test(name)) return true;
    const state = stateOfBook(name);
    return state !== undefined && this.#numbers.has(state);
  }

  #defineView(view: string, select: string): void {
    this.#database.exec(`CREATE TEMP VIEW ${identifier(view)} AS ${select}`);
  }

  #list(view: string, record: StoreRecord, columns: readonly string[]): void {
    const { name, kind, keyCodec, itemCodec, valueCodec, shape, version } = record;
    this.#database
      .prepare('INSERT INTO temp.stores VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)')
      .run(
        ...[view, name, kind, columns.join(', '), keyCodec, itemCodec, valueCodec, shape],
        version,
      );
  }
}

/** Whether a statement may read a store: it has the name of a view that shows it. */
export function mayRead(sql: string, record: StoreRecord): boolean {
  const text = sql.toLowerCase();
  if (timersOf(record) !== undefined) return text.includes('timers');
  const names = [record.name, stateOfBook(record.name) ?? record.name];
  return names.some((name) => text.includes(viewName(name).toLowerCase()));
}

/** The state whose time-to-live is kept in a store of this name. */
function stateOfBook(name: string): string | undefined {
  const ends = timerKinds.flatMap((time) => expiryParts.map((part) => expiryStore('', time, part)));
  const end = ends.find((of) => name.endsWith(of));
  return end === undefined ? undefined : name.slice(0, -end.length);
}

/** What steps keep for themselves. */
const internalStores = /\/(window ends|window timers|window last end|work under way)$/;

/** The step of a store of timers, and by which time they are due. */
function timersOf({ name, kind }: StoreRecord) {
  const [, step, time] = /^(.*)\/(event|processing) timers$/s.exec(name) ?? [];
  return kind !== 'timed' || step === undefined ? undefined : { step, kind: time ?? '' };
}

/** A name that needs no quotes. */
function viewName(store: string): string {
  const name = store.replaceAll(/\W/g, '_');
  return /^(?:\d|sqlite_)/i.test(name) ? `_${name}` : name;
}

function lengthOf(part: unknown): number {
  return typeof part === 'string' || part instanceof Uint8Array ? part.length : 8;
}

/**
 * A row of a store whose values, keys or items have an older version than the job, as an entry of
 * the newest versions. Lists keep their places, windows and timers their times; a new key gets its
 * own key group.
 */
import { MillraceError } from '../platform/index.ts';
import { indexOf, joinPlace, keyBytesOf, splitPlace, stateKeyOf } from './key.ts';
import type { Origins } from './origins.ts';
import type { OutdatedStore } from './store-fit.ts';
import { newestVersions, partsAt, partsOf, type StoreParts } from './store-record.ts';
import type { StoredRow } from './store-rows.ts';
import type { KeyFormat, StateKey } from './stores.ts';
import { VersionSteps } from './version-steps.ts';

type MigratedRow = Omit<StoredRow, 'value'> & { readonly value: Uint8Array };

/** The key group of encoded bytes. */
export type KeyGroupOf = (bytes: Uint8Array) => number;

export class RowMigration {
  readonly #store: OutdatedStore;
  readonly #origins: Origins;
  readonly #keyGroupOf: KeyGroupOf;
  readonly #value: VersionSteps;
  readonly #key: VersionSteps;
  readonly #item: VersionSteps;
  /** As it is on disk. */
  readonly #before: StoreParts;
  /** The last key: one often comes many times in a row. */
  #last: { readonly before: StateKey; readonly after: StateKey } | undefined;

  constructor(store: OutdatedStore, origins: Origins, keyGroupOf: KeyGroupOf) {
    const { recorded, declared } = store;
    const { value, key, item } = partsOf(declared);
    const { name } = declared;
    this.#store = store;
    this.#origins = origins;
    this.#keyGroupOf = keyGroupOf;
    this.#value = new VersionSteps(name, 'value', value, recorded.version);
    this.#key = new VersionSteps(name, 'key', key, recorded.keyVersion);
    this.#item = new VersionSteps(name, 'item', item, recorded.itemVersion);
    this.#before = partsAt(declared, recorded);
  }

  /** Fails with `USER_FUNCTION`, `ENCODE` or `DECODE`, naming what can't be migrated. */
  take(row: StoredRow): MigratedRow {
    const where = () => this.#describe(row);
    const key = this.#keyOf(row.key, where);
    const isOfMap = this.#store.declared.kind === 'map';
    const item = isOfMap ? this.#itemOf(key, row.item, where) : row.item;
    const value = this.#value.apply(row.value, where);
    return { time: row.time, key, item, value };
  }

  #keyOf(before: StateKey, where: () => string): StateKey {
    if (this.#last?.before !== before) {
      this.#last = { before, after: this.#newKeyOf(before, where) };
    }
    return this.#last.after;
  }

  #newKeyOf(before: StateKey, where: () => string): StateKey {
    const { key, name } = this.#store.declared;
    if (key.place !== undefined) {
      // Two may become one where one is of an entry that is gone: its check would find nothing.
      const [of, item] = splitPlace(before);
      return joinPlace(this.#bringKey(of, where), this.#bringItem(item, where));
    }
    const after = this.#bringKey(before, where);
    if (!this.#key.isNeeded) return after;
    const [step = ''] = name.split('/'); // the stores of a step have the same keys
    const [origin, bytes] = [keyBytesOf(before), keyBytesOf(after)];
    const other = this.#origins.note(step, bytes, noItem, origin);
    if (other !== undefined) throw this.#twoBecomeOne('key', other, origin, bytes);
    return after;
  }

  #itemOf(key: StateKey, before: string, where: () => string): string {
    const after = this.#bringItem(before, where);
    if (!this.#item.isNeeded) return after;
    const [origin, bytes] = [Buffer.from(before, 'latin1'), Buffer.from(after, 'latin1')];
    const other = this.#origins.note(this.#store.declared.name, keyBytesOf(key), bytes, origin);
    if (other !== undefined) throw this.#twoBecomeOne('item', other, origin, bytes);
    return after;
  }

  #bringKey(key: StateKey, where: () => string): StateKey {
    if (!this.#key.isNeeded) return key;
    const bytes = this.#key.apply(keyBytesOf(key), where);
    return stateKeyOf(this.#keyGroupOf(bytes), bytes);
  }

  #bringItem(item: string, where: () => string): string {
    if (!this.#item.isNeeded) return item;
    return Buffer.from(this.#item.apply(Buffer.from(item, 'latin1'), where)).toString('latin1');
  }

  #twoBecomeOne(part: 'key' | 'item', a: Buffer, b: Buffer, bytes: Buffer): MillraceError {
    const { declared, recorded } = this.#store;
    const field = `${part}Version` as const;
    const [before, after] = [this.#before[part], partsAt(declared, newestVersions(declared))[part]];
    return new MillraceError(
      'USER_FUNCTION',
      `State "${declared.name}": two ${part}s would become one: ${shown(a, before)} and ` +
        `${shown(b, before)} of version ${recorded[field]} are both ${shown(bytes, after)} in ` +
        `version ${newestVersions(declared)[field]}. Nothing was changed, and a job with version ` +
        `${recorded[field]} goes on. Give each its own in versions(), and start the job again.`,
    );
  }

  /** Whose bytes a row has. */
  #describe({ time, key, item }: StoredRow): string {
    const { kind, key: format } = this.#store.declared;
    const [ofKey, ofItem] = format.place === undefined ? [key, item] : splitPlace(key);
    const parts = [`key ${shown(keyBytesOf(ofKey), this.#before.key)}`];
    if (kind === 'timed') parts.push(`time ${time}`);
    if (kind === 'list') parts.push(`element ${indexOf(item)}`);
    else if (ofItem !== '')
      parts.push(`item ${shown(Buffer.from(ofItem, 'latin1'), this.#before.item)}`);
    return parts.join(', ');
  }
}

const noItem = Buffer.alloc(0);
const shownMax = 60;

/** Bytes as messages show them. */
function shown(bytes: Buffer, { text }: KeyFormat): string {
  const all = text ? bytes.toString('utf8') : `0x${bytes.toString('hex')}`;
  return all.length > shownMax ? `${all.slice(0, shownMax)}...` : all;
}

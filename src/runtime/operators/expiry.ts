/**
 * Time-to-live of one piece of state: which of its entries are alive, and which are due to go.
 *
 * It is made of stores beside the one that holds the entries:
 *
 *   written      for each entry: when it was written, its check, its own time-to-live if it has one
 *   checks       (time, entry): looks at the entry one time-to-live after `time`
 *   own checks   (time, entry): looks at it at `time`; of entries with a time-to-live of their own
 *   adopted      how long it is, once entries that are older than it have been given it
 *
 *   written at 10, ttl 100       check at 10, due at 110
 *   written again at 70          nothing but `written` changes
 *   110: the check is due        it looks: alive until 170, so it becomes a check at 70
 *   170: the check is due        the entry goes, and `onExpire` is called
 *
 * So a write costs one record more than without, and each entry has one check that counts: the one
 * that its `written` names. Checks say when an entry was written and not when it ends, so another
 * time-to-live counts for all entries as soon as a job with it runs.
 *
 * What has ended is never seen, even before its check has removed it. The stores of the time that a
 * state does not have (another one, or none any more) are dropped.
 */
import type { Codec } from '../../formats/index.ts';
import {
  onlyKey,
  onlyKeyFormat,
  type StateKey,
  type StoreRegistry,
  type TimedStore,
  type ValueStore,
} from '../../state/index.ts';
import type { TimeToLive } from '../state.ts';
import type { Cells, Written, WrittenStore } from './cells.ts';
import type { Moment, Now } from './moment.ts';
import { presence } from './presence.ts';

/** An entry that is gone. */
export interface Expired {
  readonly key: StateKey;
  readonly item: unknown;
  readonly value: unknown;
}

/** A number of ms, or NaN where `true` was written, once. */
const lengthCodec: Codec<number> = {
  name: 'flag',
  text: true,
  encode: (ms) => Buffer.from(JSON.stringify(ms)),
  decode: (bytes, start, end) => Number(Buffer.from(bytes.subarray(start, end)).toString()),
};

/** The stores beside the one that holds the entries. */
export const expiryParts = ['written', 'checks', 'own checks', 'adopted'] as const;

/** The name of a store beside the one of the state `name`. */
export function expiryStore(
  name: string,
  time: TimeToLive['time'],
  part: (typeof expiryParts)[number],
): string {
  return `${name}/${time} ${part}`;
}

/** Drops what time-to-live needs in a state that has none (of this time). */
export function dropExpiry(stores: StoreRegistry, name: string, time: TimeToLive['time']): void {
  for (const part of expiryParts) stores.drop(expiryStore(name, time, part));
}

export class Expiry {
  readonly time: TimeToLive['time'];
  readonly #ttl: TimeToLive;
  readonly #now: Now;
  readonly #cells: Cells;
  readonly #written: WrittenStore;
  readonly #checks: TimedStore<true>;
  readonly #ownChecks: TimedStore<true>;
  readonly #adopted: ValueStore<number>;
  /** Entries that may have been there before the time-to-live; undefined once all have it. */
  #adopting: Iterator<readonly [StateKey, unknown]> | undefined;

  constructor(stores: StoreRegistry, name: string, cells: Cells, ttl: TimeToLive, moment: Moment) {
    const nameOf = (part: (typeof expiryParts)[number]) => expiryStore(name, ttl.time, part);
    const keyCodec = cells.placeFormat;
    this.time = ttl.time;
    this.#ttl = ttl;
    this.#now = moment[ttl.time];
    this.#cells = cells;
    this.#written = cells.declareWritten(stores, nameOf('written'));
    this.#checks = stores.timed({ name: nameOf('checks'), keyCodec, value: presence });
    this.#ownChecks = stores.timed({ name: nameOf('own checks'), keyCodec, value: presence });
    this.#adopted = stores.value({
      name: nameOf('adopted'),
      keyCodec: onlyKeyFormat,
      value: lengthCodec,
    });
    stores.onRecovered(() => this.#lookBack());
  }

  /** Whether there are entries from before the time-to-live. */
  #lookBack(): void {
    const adopted = this.#adopted.get(onlyKey);
    if (adopted === undefined) this.#adopting = this.#cells.all();
    else if (adopted !== this.#ttl.afterMs) this.#adopted.put(onlyKey, this.#ttl.afterMs);
  }

  /** Whether entries wait for a time-to-live, before anything else is done. */
  get isAdopting(): boolean {
    return this.#adopting !== undefined;
  }

  /** Gives one entry that was there before a time-to-live: its life begins now. */
  adoptNext(): void {
    const next = this.#adopting?.next();
    if (next === undefined) return;
    if (next.done === true) {
      this.#adopting = undefined;
      this.#adopted.put(onlyKey, this.#ttl.afterMs);
      return;
    }
    const [key, item] = next.value;
    if (this.#written.get(key, item) === undefined) this.wrote(key, item, undefined);
  }

  /** When the first check is due; Infinity where there is none. */
  nextTime(): number {
    const first = this.#checks.firstTime() + this.#ttl.afterMs;
    const own = this.#ownChecks.firstTime();
    return first < own ? first : own;
  }

  /** Whether an entry that is there is alive. Seeing it may let it live on. */
  sees(key: StateKey, item: unknown): boolean {
    const written = this.#written.get(key, item);
    if (written === undefined) return true; // to be adopted
    if (this.#endOf(written) <= this.#now.now) return false;
    const at = Math.max(written.at, this.#now.written);
    if (this.#ttl.refresh === 'read and write' && at !== written.at) {
      this.#written.put(key, item, { ...written, at });
    }
    return true;
  }

  /** An entry was written, with a time-to-live of its own where `own` is given. */
  wrote(key: StateKey, item: unknown, own: number | undefined): void {
    const before = this.#written.get(key, item);
    const isAlive = before !== undefined && this.#endOf(before) > this.#now.now;
    // A record with an earlier time does not shorten the life that a later one gave.
    const at = isAlive ? Math.max(before.at, this.#now.written) : this.#now.written;
    const due = at + (own ?? 0);
    const isKept =
      before !== undefined &&
      (before.own === undefined) === (own === undefined) &&
      before.check <= due;
    if (!isKept) {
      if (before !== undefined) this.#removeCheck(key, item, before);
      this.#checksOf(own).put(due, this.#cells.placeOf(key, item), true);
    }
    const check = isKept ? before.check : due;
    this.#written.put(key, item, own === undefined ? { at, check } : { at, check, own });
  }

  /** An entry was removed. */
  removed(key: StateKey, item: unknown): void {
    const written = this.#written.get(key, item);
    if (written === undefined) return;
    this.#removeCheck(key, item, written);
    this.#written.delete(key, item);
  }

  /** All entries of a key were removed. Their checks find nothing. */
  cleared(key: StateKey): void {
    this.#written.clear(key);
  }

  /** Makes the first check; returns the entry that is gone with it. */
  check(): Expired | undefined {
    const isOwn = this.#ownChecks.firstTime() < this.#checks.firstTime() + this.#ttl.afterMs;
    const checks = isOwn ? this.#ownChecks : this.#checks;
    const first = checks.first();
    if (first === undefined) return undefined;
    const { time, key: place } = first;
    checks.delete(time, place);
    const [key, item] = this.#cells.at(place);
    const written = this.#written.get(key, item);
    if (written?.check !== time || (written.own !== undefined) !== isOwn) return undefined;
    const end = this.#endOf(written);
    if (end > (isOwn ? time : time + this.#ttl.afterMs)) {
      const check = isOwn ? end : written.at;
      checks.put(check, place, true);
      this.#written.put(key, item, { ...written, check });
      return undefined;
    }
    const value = this.#cells.get(key, item);
    this.#cells.delete(key, item);
    this.#written.delete(key, item);
    return value === undefined ? undefined : { key, item, value };
  }

  #endOf({ at, own }: Written): number {
    return at + (own ?? this.#ttl.afterMs);
  }

  #checksOf(own: number | undefined): TimedStore<true> {
    return own === undefined ? this.#checks : this.#ownChecks;
  }

  #removeCheck(key: StateKey, item: unknown, { own, check }: Written): void {
    this.#checksOf(own).delete(check, this.#cells.placeOf(key, item));
  }
}

/**
 * The sessions that are open. One keeps its entry while records make it longer at its end:
 *
 *   windows           (key, begin) -> [begin, end, due, accumulator]
 *   window ends       (time, key and begin)     when somebody looks whether the session has ended
 *   window last end   the highest end there was
 *
 *   a record at 10, gap 5      session [10, 15)     looked at when 14 has passed
 *   records at 12, 13          session [10, 18)     only the one entry changes
 *   14 has passed              not over: looked at again when 17 has passed
 *
 * So a record changes one entry, where moving entry and end would change four. The price is a look
 * in vain now and then, one for each time that a session goes on for as long as it was.
 */
import { type Codec, keyJson } from '../../formats/index.ts';
import { assert } from '../../platform/index.ts';
import {
  type ElementPlace,
  type MapStore,
  onlyKey,
  onlyKeyFormat,
  type StateKey,
  type TimedStore,
  type ValueStore,
} from '../../state/index.ts';
import { itemCells } from './cells.ts';
import { presence } from './presence.ts';
import type { WindowTableParts } from './window-table.ts';

/** Of one key; sessions of a key never overlap. Changed in place. */
export interface Session {
  /** First millisecond: what names it. */
  readonly start: number;
  /** Behind its last millisecond. */
  end: number;
  /** When it is looked at next: at its last millisecond, or before. */
  due: number;
  accumulator: unknown;
}

const beginCodec = keyJson<number>() as Codec<unknown>; // as `at` gives them back

export class SessionTable {
  readonly #sessions: MapStore<unknown, Session>;
  readonly #cells: Pick<ReturnType<typeof itemCells>, 'placeOf' | 'at'>;
  readonly #ends: TimedStore<true>;
  readonly #lastEnd: ValueStore<number>;

  constructor({ stores, step, keyCodec, aggregate, shape }: WindowTableParts) {
    const cells = itemCells(keyCodec, beginCodec);
    this.#cells = cells;
    this.#sessions = stores.map({
      name: `${step}/windows`,
      keyCodec,
      item: beginCodec,
      value: sessionCodec(aggregate.codec),
      changedInPlace: true,
      shape: `${shape} by begin, ${aggregate.name}`,
    });
    this.#ends = stores.timed({
      name: `${step}/window ends`,
      value: presence,
      keyCodec: cells.placeFormat,
    });
    this.#lastEnd = stores.value({
      name: `${step}/window last end`,
      keyCodec: onlyKeyFormat,
      value: timeCodec,
    });
  }

  /** Hands on the sessions of a key, with their places. */
  each(key: StateKey, visit: (session: Session, place: ElementPlace) => void): void {
    this.#sessions.each(key, visit);
  }

  /** A session that is not there. */
  open(key: StateKey, start: number, end: number, accumulator: unknown): void {
    this.#lookAt(key, { start, end, due: end - 1, accumulator });
    this.#noteEnd(end);
  }

  /** A session that is there has another accumulator, and a later end if that is one. */
  put(place: ElementPlace, session: Session, end: number): void {
    if (end > session.end) this.#noteEnd(end);
    session.end = end;
    this.#sessions.putAt(place, session);
  }

  remove(key: StateKey, { start, due }: Session): void {
    this.#sessions.delete(key, start);
    this.#ends.delete(due, this.#cells.placeOf(key, start));
  }

  firstTime(): number {
    return this.#ends.firstTime();
  }

  /**
   * The last millisecond of the session that ends last. Where all have ended, one at or before the
   * watermark.
   */
  lastTime(): number {
    return (this.#lastEnd.get(onlyKey) ?? Number.NEGATIVE_INFINITY) - 1;
  }

  /**
   * Looks at the session that is due first, and takes it out where it has ended; undefined where it
   * goes on.
   */
  takeEnded(): readonly [StateKey, Session] | undefined {
    const due = this.#ends.first();
    if (due === undefined) return undefined;
    this.#ends.delete(due.time, due.key);
    const [key, start] = this.#cells.at(due.key);
    const session = this.#sessions.get(key, start);
    assert(session !== undefined, 'what has an end is there');
    if (session.end - 1 > due.time) {
      session.due = session.end - 1;
      this.#lookAt(key, session);
      return undefined;
    }
    this.#sessions.delete(key, start);
    return [key, session];
  }

  #lookAt(key: StateKey, session: Session): void {
    this.#sessions.put(key, session.start, session);
    this.#ends.put(session.due, this.#cells.placeOf(key, session.start), true);
  }

  #noteEnd(end: number): void {
    if (end - 1 > this.lastTime()) this.#lastEnd.put(onlyKey, end);
  }
}

const timeCodec: Codec<number> = {
  name: 'time',
  text: true,
  encode: (time) => Buffer.from(String(time)),
  decode: (bytes, start, end) => Number(Buffer.from(bytes.subarray(start, end)).toString()),
};

const comma = 0x2c;

/** `[begin,end,due,accumulator]`: it is JSON where that of accumulators is, and has its name. */
function sessionCodec(accumulators: Codec<unknown>): Codec<Session> {
  const { name, text, check } = accumulators;
  return {
    name,
    text,
    encode({ start, end, due, accumulator }) {
      const kept = accumulators.encode(accumulator);
      return Buffer.concat([Buffer.from(`[${start},${end},${due},`), kept, Buffer.from(']')]);
    },
    decode(bytes, from, to) {
      let at = from;
      for (let commas = 0; commas < 3; commas++) at = bytes.indexOf(comma, at) + 1;
      const head = Buffer.from(bytes.subarray(from + 1, at - 1)).toString();
      const [start = 0, end = 0, due = 0] = head.split(',').map(Number);
      return { start, end, due, accumulator: accumulators.decode(bytes, at, to - 1) };
    },
    ...(check === undefined ? {} : { check: ({ accumulator }) => check(accumulator) }),
  };
}

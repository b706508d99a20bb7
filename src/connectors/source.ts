/**
 * What records come from that are not in the log yet.
 *
 * `ingest` reads a source and appends what it gives to a topic. The position behind the last record
 * of a commit is in the same commit as the records, so a source that can go on from a position is
 * read exactly once, wherever the process dies. A source without positions can promise less, and
 * says so in docs/sources-and-sinks.md.
 */
import type { Header } from '../broker/index.ts';
import type { Platform } from '../platform/index.ts';

/** One record of a source. */
export interface SourceRecord<Value, Position = unknown> {
  readonly value: Value;
  /**
   * Where to go on behind this record: anything that JSON keeps. Undefined where the source can't
   * go on. It is asked for only where a commit ends, so a getter may compute it.
   */
  readonly position?: Position | undefined;
  /** The encoded key of the topic is made of it, unless `ingest` has a function for keys. */
  readonly key?: unknown;
  /** ms since the epoch. */
  readonly timestamp?: number | undefined;
  readonly headers?: readonly Header[] | undefined;
  /** Where the record stands, for errors: `flights.jsonl, line 17`. */
  readonly place?: string | undefined;
  /** Whoever waits to hear of the record; see `Sender`. */
  readonly sender?: Sender | undefined;
}

/**
 * Who sent records and is told, once, what becomes of them. Where a record of a batch can't be
 * taken and all of them have senders, the batch is refused to these, and the ingest goes on;
 * otherwise it ends.
 */
export interface Sender {
  /** They are durable and visible. */
  committed(): void;
  /** They were not taken; after a failure whose outcome is unknown, perhaps they were. */
  refused(error: unknown): void;
}

/** What a source is given to read with. */
export interface SourceContext<Position> {
  /** Behind the last record that is in the topic; undefined the first time. */
  readonly position: Position | undefined;
  /** Aborted when nothing more is wanted. A source that waits for something ends its wait. */
  readonly signal: AbortSignal;
  /** Files, time, randomness. */
  readonly platform: Platform;
}

/**
 * Where records come from.
 *
 * @example
 * const orders: Source<Order, number> = {
 *   name: 'orders of the shop',
 *   async *read({ position = 0 }) {
 *     for (let page = position; ; page++) {
 *       const values = await fetchPage(page);
 *       if (values.length === 0) return;
 *       yield values.map((value, i) => ({
 *         value,
 *         position: i === values.length - 1 ? page + 1 : page, // a page is taken as a whole
 *       }));
 *     }
 *   },
 * };
 */
export interface Source<Value, Position = unknown> {
  /** For errors and the status. */
  readonly name: string;
  /**
   * The source can be read only once in this process: a failure ends the ingest, rather than
   * begin at the last commit again. Default false.
   */
  readonly once?: boolean | undefined;
  /**
   * The source ends by itself soon after the signal, and first gives what it has taken from others.
   * Default false: at a stop, what it gives later is not waited for.
   */
  readonly endsItself?: boolean | undefined;
  /**
   * The records behind a position, in batches: what is there at once. All records of a batch are in
   * one commit. The next batch is asked for when there is room. Fails with a retryable
   * MillraceError for what can pass: reading begins again at the last commit.
   */
  read(context: SourceContext<Position>): AsyncIterable<readonly SourceRecord<Value, Position>[]>;
}

/**
 * Where records of a topic go, outside the log.
 *
 * `deliver` reads a topic and writes its records to a sink. What has been delivered is known in one
 * of two places:
 *
 *   the target keeps the positions, in one transaction with the rows    exactly once
 *   the log keeps them, committed after the write                       at least once
 *
 * In the second case a record may be written again after a crash, with the same id. A target that
 * puts records under their ids, or that can be cut back to a mark, has them exactly once too.
 */
import type { Platform } from '../platform/index.ts';
import type { TopicRecord } from '../runtime/index.ts';

/** A record of a topic on its way to a sink. */
export interface DeliveredRecord<Key, Value> extends TopicRecord<Key, Value> {
  readonly topic: string;
  /** `<topic>-<partition>-<offset>`: the same each time that the record is delivered. */
  readonly id: string;
}

/** Records to write, in the order of each partition. */
export interface DeliveredBatch<Key, Value> {
  readonly records: readonly DeliveredRecord<Key, Value>[];
  /** The next offset of each partition, by its number, before this batch ... */
  readonly from: readonly number[];
  /** ... and behind it. */
  readonly to: readonly number[];
}

/** What a sink is given to open with. */
export interface SinkContext {
  /** The name of the delivery: one target can take several. */
  readonly delivery: string;
  /** The topic that is delivered, in which log. `id`: a topic that is made again has another. */
  readonly topic: { readonly name: string; readonly id: number; readonly log: string };
  /** What the last committed `write` returned; undefined before the first. */
  readonly mark: unknown;
  /** Aborted when the delivery is to end at once: a write that waits may give up. */
  readonly signal: AbortSignal;
  /** Files, time, randomness. */
  readonly platform: Platform;
}

/** A sink that records can be written to. */
export interface OpenSink<Key, Value> {
  /**
   * The next offset of each partition, where the target keeps them: `write` must then move them
   * together with the records, or not at all. Undefined where the log is to keep them.
   */
  readonly positions?: readonly number[] | undefined;
  /** Committed before the first write, where there is no mark yet: to what to go back to. */
  readonly mark?: unknown;
  /**
   * Resolves once the records are durable. What it resolves with, anything that JSON keeps, is
   * committed with the positions and comes back as `mark`. Fails with a retryable MillraceError for
   * what can pass: the sink is opened anew, and delivery goes on where it is known to be.
   */
  write(batch: DeliveredBatch<Key, Value>): unknown;
  close(): unknown;
}

/**
 * A place outside the log that takes the records of a topic.
 *
 * @example
 * const print: Sink<string, number> = {
 *   name: 'the console',
 *   open: () => ({
 *     write({ records }) {
 *       for (const { id, key, value } of records) console.log(id, key, value);
 *     },
 *     close() {},
 *   }),
 * };
 */
export interface Sink<Key, Value> {
  /** For errors and the status. */
  readonly name: string;
  /** Records in a batch, at most. Default: as many as are read at once, about 256 KiB. */
  readonly batchRecordsMax?: number | undefined;
  open(context: SinkContext): OpenSink<Key, Value> | Promise<OpenSink<Key, Value>>;
}

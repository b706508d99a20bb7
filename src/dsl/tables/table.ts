/**
 * Tables: a row for each key, which comes, changes and goes. A table is nothing but the keyed
 * stream of its changes (change.ts); the steps here give other tables.
 */
import type { KeyedStream } from '../stream.ts';
import type { AnyRow, Change } from './change.ts';

/** A row for each key. */
export class Table<Row extends AnyRow, Key> {
  readonly #changes: KeyedStream<Change<Row>, Key>;

  constructor(changes: KeyedStream<Change<Row>, Key>) {
    this.#changes = changes;
  }

  /** The changes of the rows, as they happen. */
  toStream(): KeyedStream<Change<Row>, Key> {
    return this.#changes;
  }
}

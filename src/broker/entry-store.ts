/**
 * The place where entries are kept, in their one total order: the journal of a directory, or an
 * array in memory.
 *
 * Everything is synchronous: between `begin` and `end` nothing else runs in the process, and no
 * other process appends.
 */
import type { Catalogue, TopicState } from './catalogue.ts';
import type { Operation } from './operation.ts';
import type { Range } from './ranges.ts';
import type { PlannedAppend } from './requests.ts';

/** What one entry is to do: operations in order, with the bytes of its appends. */
export type PlannedOperation = Exclude<Operation, { kind: 'append' }> | PlannedAppend;

export interface EntryStore {
  readonly catalogue: Catalogue;

  /**
   * Takes the right to append, after applying what others have appended; false while another
   * process has it. Fails with `IO`, `DAMAGED` or `FILE_MISMATCH` where the store can't be used any
   * more.
   */
  begin(): boolean;
  /**
   * Makes one entry durable and applies it. `OUTCOME_UNKNOWN` where it may or may not be durable.
   */
  write(operations: readonly PlannedOperation[]): void;
  /** How long the last `write` waited for the disk, in ms. */
  readonly syncMs: number;
  /** Gives up the right to append. */
  end(): void;

  /**
   * Applies what other processes have appended and made durable; returns whether there was
   * anything.
   */
  follow(): boolean;
  /** As `follow`, but makes durable what others have written and may have died before syncing. */
  followAndSync(): boolean;
  /** Calls `onChange` now and then: another process may have appended. */
  poll(onChange: () => void): { close(): void };
  /** Calls `onChange` as soon as another process has appended. */
  watch(onChange: () => void): { close(): void };
  /** Calls `onTurn` as soon as another process gives up the right to append to this one. */
  watchTurn(onTurn: () => void): { close(): void };

  /**
   * Bytes `[skip, skip + lengthMax)` of the batches of `range`, less at its end; the buffer is the
   * caller's to read, never to change.
   */
  read(
    topic: TopicState,
    partition: number,
    range: Range,
    skip: number,
    lengthMax: number,
  ): Uint8Array;

  close(): void;
}

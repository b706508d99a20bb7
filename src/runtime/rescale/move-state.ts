/**
 * Moves rows from the state of the tasks of one layout into the files of those of another. Rows are
 * streamed, in portions between which others have their turn: memory does not depend on how many
 * there are.
 */
import { MillraceError, type Platform } from '../../platform/index.ts';
import type { StoreRecord } from '../../state/index.ts';
import { taskOfGroup } from '../operators/send.ts';
import type { TaskSnapshot } from '../query/task-snapshot.ts';
import type { NewStateFile, RawRow } from './new-state-file.ts';
import type { StorePlace, StorePlaces } from './store-places.ts';

export interface MoveOptions {
  readonly platform: Platform;
  readonly places: Pick<StorePlaces, 'placeOf'>;
  /** By stage, one for each task. */
  readonly files: readonly (readonly NewStateFile[])[];
  onRows(rows: number): void;
}

const rowsInPortion = 4096;

export class StateMove {
  readonly #options: MoveOptions;
  /** State without keys that is not the same in all tasks: that of the first one is kept. */
  readonly unlike: Set<string> = new Set();
  #rows = 0;

  constructor(options: MoveOptions) {
    this.#options = options;
  }

  /** Moves all rows of a task. Fails with `STATE_MISMATCH` where they have no place. */
  async add({ database, overlay }: Pick<TaskSnapshot, 'database' | 'overlay'>): Promise<void> {
    for (const [number, record] of overlay.stores) {
      const place = this.#options.places.placeOf(record);
      if (place === undefined) continue;
      const rows = database
        .prepare(`SELECT time, key_group, key, item, value FROM (${overlay.rowsOf(number)})`)
        .safeIntegers() // as numbers, places of lists would become REAL
        .raw()
        .iterate() as IterableIterator<RawRow>; // as selected
      await this.#addRows(rows, record, place);
    }
  }

  async #addRows(rows: Iterable<RawRow>, record: StoreRecord, place: StorePlace): Promise<void> {
    const { platform, files } = this.#options;
    const targets = place.stages.map((stage) => filesFor(files[stage] ?? [], record));
    for (const row of rows) {
      if (place.isCall) throw openCall(record);
      for (const into of targets) this.#addRow(into, row, record, place);
      if (++this.#rows % rowsInPortion !== 0) continue;
      this.#flush();
      await new Promise<void>((resolve) => platform.clock.soon(resolve));
    }
    this.#flush();
  }

  #addRow(targets: readonly Target[], row: RawRow, record: StoreRecord, place: StorePlace): void {
    if (place.by === 'key') {
      const target = targets[taskOfGroup(Number(row[1]), targets.length)];
      target?.file.put(target.store, row);
      return;
    }
    const [first] = targets;
    const known = first?.file.valueAt(first.store, row);
    if (known !== undefined && !this.#replaces(row, known, record)) return;
    for (const { file, store } of targets) file.put(store, row);
  }

  /** Whether a row counts although another task has that entry too. */
  #replaces([, , , , value]: RawRow, known: string | Buffer, { name, valueCodec }: StoreRecord) {
    // The end of all sessions.
    if (valueCodec === timeCodecName) return Number(value) > Number(known);
    if (Buffer.compare(bytesOf(value), bytesOf(known)) !== 0) this.unlike.add(name);
    return false;
  }

  #flush(): void {
    for (const file of this.#options.files.flat()) file.flush();
    this.#options.onRows(this.#rows);
  }

  /** How many rows were moved. */
  get rows(): number {
    return this.#rows;
  }
}

/** Of the value that says when the last session ends. */
const timeCodecName = 'time';

interface Target {
  readonly file: NewStateFile;
  readonly store: number;
}

function filesFor(files: readonly NewStateFile[], record: StoreRecord): readonly Target[] {
  return files.map((file) => ({ file, store: file.storeOf(record) }));
}

function bytesOf(value: RawRow[4] | Buffer): Buffer {
  return Buffer.isBuffer(value) ? value : Buffer.from(String(value));
}

function openCall({ name }: StoreRecord): MillraceError {
  const step = name.slice(0, name.lastIndexOf('/'));
  return new MillraceError(
    'STATE_MISMATCH',
    `Step "${step}" has calls that are not answered, and the code is not what it ran with, so ` +
      'they can not be made here. Rescale with the code that it ran with first, or let it run ' +
      'until they are answered.',
  );
}

/** The row of a store that holds one value, in the tables. */
export function onlyRow(value: string): RawRow {
  return [0n, 0n, '', '', value];
}

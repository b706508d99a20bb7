/** Reads the state of a task out of its changelog, where that holds all of it. */
import type { Codec } from '../formats/index.ts';
import {
  type Change,
  type DeclaredStore,
  decodeStoreRecord,
  joinPlace,
  parseChangeKey,
} from '../state/index.ts';

/** An entry as it was committed. */
export interface StoredEntry {
  readonly key: unknown;
  /** Of a map: the item's key; of a list: undefined. */
  readonly item: unknown;
  /** When a timer or window is due, in ms of event or processing time; 0 elsewhere. */
  readonly time: number;
  /** What is kept: for an aggregate, its accumulator. */
  readonly value: unknown;
}

export interface StoredStore {
  readonly name: string;
  readonly kind: 'value' | 'timed' | 'list' | 'map';
  readonly entries: readonly StoredEntry[];
}

interface Reading extends Omit<StoredStore, 'entries'> {
  readonly declared: DeclaredStore;
  readonly entries: Map<string, StoredEntry>;
}

/** What the changes leave in the stores that a job declares. */
export function storedState(
  changes: Iterable<Change>,
  declared: readonly DeclaredStore[],
): StoredStore[] {
  const readings = declared.map(
    (store): Reading => ({ ...store, declared: store, entries: new Map() }),
  );
  const byNumber = new Map<number, Reading | undefined>();
  for (const { key, value } of changes) {
    const { kind, store } = parseChangeKey(key);
    if (kind !== 'store') apply(byNumber.get(store), { key, value });
    else if (value !== null) {
      const { name } = decodeStoreRecord(value);
      byNumber.set(
        store,
        readings.find((reading) => reading.name === name),
      );
    }
  }
  return readings.map(({ name, kind, entries }) => ({
    name,
    kind,
    entries: [...entries.values()],
  }));
}

function apply(reading: Reading | undefined, { key, value }: Change): void {
  const of = parseChangeKey(key);
  if (reading === undefined || of.kind === 'store') return;
  const { declared, entries } = reading;
  const all = joinPlace(of.key, '');
  if (of.kind === 'all') {
    for (const id of entries.keys()) if (id.startsWith(all)) entries.delete(id);
    return;
  }
  const id = `${all}${of.time}\0${of.item}`;
  if (value === null) {
    entries.delete(id);
    return;
  }
  entries.set(id, {
    key: decoded(declared.key, Buffer.from(of.key.slice(1), 'latin1')),
    item: decoded(declared.item, Buffer.from(of.item, 'latin1')),
    time: of.time,
    value: decoded(declared.value, value),
  });
}

/** What declares a codec by its name alone keeps nothing that users know. */
function decoded(format: object, bytes: Uint8Array): unknown {
  if (!('decode' in format)) return undefined;
  return (format as Codec<unknown>).decode(bytes, 0, bytes.length); // what has decode is a codec
}

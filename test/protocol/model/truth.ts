/**
 * What really happened, known to nobody inside the model: every entry that any process has applied,
 * and so may have acknowledged or shown to a reader. From then on it must be there, unchanged, for
 * ever.
 */
import { apply, type Catalogue, emptyCatalogue } from '../../../src/broker/catalogue.ts';
import type { Entry } from '../../../src/broker/operation.ts';

/** A promise was broken. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

export function promise(condition: boolean, whatIsPromised: string): asserts condition {
  if (!condition) throw new Violation(`broken promise: ${whatIsPromised}`);
}

/** The ids of the records of one append. */
export type Ids = readonly number[];

interface WrittenEntry {
  /** What its appends hold. */
  readonly appends: readonly Ids[];
  /** The checksum of the entry that it was written behind. */
  readonly previous: number;
}

export class Truth {
  /** By the checksum of the entry, noted before it is written. */
  readonly #written = new Map<number, WrittenEntry>();
  readonly #checksums: number[] = [0];
  readonly #catalogues: string[] = [describe(emptyCatalogue())];
  readonly #catalogue = emptyCatalogue();
  readonly #records = new Map<string, number[]>();
  readonly #seen = new Set<number>();

  get applied(): number {
    return this.#catalogue.applied;
  }

  wrote(checksum: number, entry: WrittenEntry): void {
    this.#written.set(checksum, entry);
  }

  /** A process has applied an entry. */
  show(entry: Entry, checksum: number): void {
    const known = this.#checksums[entry.sequence];
    promise(known === undefined || known === checksum, 'what was shown does not change');
    if (known !== undefined) return;
    promise(entry.sequence === this.applied + 1, 'entries are shown in order');
    const written = this.#written.get(checksum);
    promise(written !== undefined, 'an entry was written as it is read');
    const isBehind = written.previous === this.#checksums[this.applied];
    promise(isBehind, 'an entry is applied behind the one that it was written behind');
    apply(this.#catalogue, entry);
    this.#checksums.push(checksum);
    this.#catalogues.push(describe(this.#catalogue));
    this.#remember(entry, written.appends);
  }

  /** Whether a catalogue is what the entries up to its own amount to. */
  check(catalogue: Catalogue): void {
    const expected = this.#catalogues[catalogue.applied];
    promise(expected !== undefined, 'a catalogue is not ahead of what was shown');
    promise(describe(catalogue) === expected, 'catalogues at the same entry are equal');
  }

  recordsOf(topic: number): Ids {
    return this.#records.get(`${topic}`) ?? [];
  }

  #remember(entry: Entry, appends: readonly Ids[]): void {
    let index = 0;
    for (const operation of entry.operations) {
      if (operation.kind !== 'append') continue;
      const records = this.#records.get(`${operation.topic}`) ?? [];
      for (const id of appends[index++] ?? []) {
        promise(!this.#seen.has(id), 'a record is there once');
        this.#seen.add(id);
        records.push(id);
      }
      promise(records.length === operation.baseOffset + operation.recordCount, 'offsets follow on');
      this.#records.set(`${operation.topic}`, records);
    }
  }
}

/** Everything but what only concerns saving. */
function describe(catalogue: Catalogue): string {
  const { applied, nextTopic, nextLarge, unsorted } = catalogue;
  const topics = [...catalogue.topics.values()].map(({ id, name, partitions }) => ({
    id,
    name,
    partitions: partitions.map(({ start, end, ranges }) => [start, end, ...ranges.toArray()]),
  }));
  const tasks = [...catalogue.tasks].map(([name, task]) => [
    { ...task, name, positions: [...task.positions] },
  ]);
  const producers = [...catalogue.producers];
  return JSON.stringify({ applied, nextTopic, nextLarge, unsorted, topics, tasks, producers });
}

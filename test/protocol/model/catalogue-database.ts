/**
 * The stored catalogue: src/broker/catalogue-store.ts with chunks of two ranges, so that what a
 * save leaves out, because another process or an earlier save has stored it, matters early.
 */
import {
  type Catalogue,
  emptyCatalogue,
  type PartitionState,
} from '../../../src/broker/catalogue.ts';
import type { JournalTail } from '../../../src/broker/journal.ts';
import { RangeList } from '../../../src/broker/ranges.ts';
import type { Disk } from './disk.ts';
import { firstTail } from './journal.ts';

const chunkRanges = 2;

interface PartitionSnapshot {
  readonly start: number;
  readonly end: number;
  readonly firstChunk: number;
  readonly chunks: readonly Float64Array[];
}

export interface CatalogueSnapshot {
  /** Everything but the ranges. */
  readonly catalogue: Catalogue;
  readonly tail: JournalTail;
  readonly partitions: ReadonlyMap<number, PartitionSnapshot>;
}

/** Counts everything as saved. */
export function snapshotCatalogue(catalogue: Catalogue, tail: JournalTail): CatalogueSnapshot {
  const partitions = new Map<number, PartitionSnapshot>();
  for (const [id, topic] of catalogue.topics) {
    for (const state of topic.partitions) partitions.set(id, snapshotPartition(state));
  }
  return { catalogue: withoutRanges(catalogue), tail, partitions };
}

export function forgetSaved(catalogue: Catalogue): void {
  for (const { partitions } of catalogue.topics.values())
    for (const state of partitions) state.firstUnsaved = 0;
}

function snapshotPartition(state: PartitionState): PartitionSnapshot {
  const { ranges, start, end } = state;
  const firstChunk = Math.floor(Math.min(state.firstUnsaved, ranges.count) / chunkRanges);
  const chunks: Float64Array[] = [];
  for (let from = firstChunk * chunkRanges; from < ranges.count; from += chunkRanges)
    chunks.push(ranges.pack(from, Math.min(from + chunkRanges, ranges.count)));
  state.firstUnsaved = ranges.count;
  return { start, end, firstChunk, chunks };
}

/** One transaction. */
export function saveCatalogue(disk: Disk, snapshot: CatalogueSnapshot): void {
  const stored = read(disk);
  if (stored !== undefined && stored.catalogue.applied >= snapshot.catalogue.applied) return;
  const partitions = new Map<number, PartitionSnapshot>();
  for (const [id, { start, end, firstChunk, chunks }] of snapshot.partitions) {
    const kept = stored?.partitions.get(id)?.chunks.slice(0, firstChunk) ?? [];
    partitions.set(id, { start, end, firstChunk: 0, chunks: [...kept, ...chunks] });
  }
  disk.databases.set('catalogue', { ...snapshot, partitions });
}

export function loadCatalogue(disk: Disk): { catalogue: Catalogue; tail: JournalTail } {
  const stored = read(disk);
  if (stored === undefined) return { catalogue: emptyCatalogue(), tail: firstTail };
  const catalogue = withoutRanges(stored.catalogue);
  for (const [id, { start, end, chunks }] of stored.partitions) {
    const state = catalogue.topics.get(id)?.partitions[0];
    if (state === undefined) continue;
    for (const chunk of chunks) state.ranges.unpack(chunk);
    Object.assign(state, { start, end, firstUnsaved: state.ranges.count });
  }
  return { catalogue, tail: stored.tail };
}

/** With the ranges, all of them to be saved. */
export function copyCatalogue(catalogue: Catalogue): Catalogue {
  const copy = withoutRanges(catalogue);
  for (const [id, topic] of catalogue.topics) {
    for (const [partition, { start, end, ranges }] of topic.partitions.entries()) {
      const state = copy.topics.get(id)?.partitions[partition];
      state?.ranges.unpack(ranges.pack(0, ranges.count));
      Object.assign(state ?? {}, { start, end });
    }
  }
  return copy;
}

function read(disk: Disk): CatalogueSnapshot | undefined {
  return disk.databases.get('catalogue') as CatalogueSnapshot | undefined; // as saved
}

function withoutRanges(catalogue: Catalogue): Catalogue {
  const copy = emptyCatalogue();
  const { applied, nextTopic, nextLarge, unsorted } = catalogue;
  Object.assign(copy, { applied, nextTopic, nextLarge, unsorted: [...unsorted] });
  for (const [id, topic] of catalogue.topics) {
    const empty = () => ({ start: 0, end: 0, ranges: new RangeList(), firstUnsaved: 0 });
    copy.topics.set(id, { ...topic, partitions: topic.partitions.map(empty) });
    copy.topicIds.set(topic.name, id);
  }
  for (const [name, task] of catalogue.tasks)
    copy.tasks.set(name, { ...task, positions: new Map(task.positions) });
  for (const [name, producer] of catalogue.producers)
    copy.producers.set(name, { ...producer, appends: [...producer.appends] });
  return copy;
}

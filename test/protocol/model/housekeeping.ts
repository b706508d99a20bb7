/** src/broker/{housekeeper,sorter}.ts as steps. */
import { apply, type Catalogue } from '../../../src/broker/catalogue.ts';
import { fileRef } from '../../../src/broker/file-ref.ts';
import type { SortedPartition } from '../../../src/broker/operation.ts';
import { type Range, RangeList } from '../../../src/broker/ranges.ts';
import {
  copyCatalogue,
  forgetSaved,
  saveCatalogue,
  snapshotCatalogue,
} from './catalogue-database.ts';
import { Journal, journalPath, prepareFile, writeBytes } from './journal.ts';
import type { Store } from './store.ts';
import { promise } from './truth.ts';
import type { Steps } from './world.ts';

/** Records that the sorter merges into one range, at most. */
const mergedRecordsMax = 40;

interface SortInput {
  readonly journal: number;
  readonly partitions: readonly { readonly topic: number; readonly ranges: readonly Range[] }[];
}

/** Sorts what is closed, saves the catalogue, removes what nobody needs. */
export function* housekeep(store: Store): Steps {
  const { world } = store;
  if (!world.tryLock('housekeeping', store.owner)) return;
  const isOld = world.breaks('sorts by a catalogue that may be old');
  for (;;) {
    const input = isOld
      ? sortInput(store.catalogue)
      : yield* store.submit((now) => ({ operations: [], answer: sortInput(now) }));
    if (input === undefined) break;
    yield* sort(store, input);
    if (world.breaks('removes a journal file before the catalogue is saved'))
      yield* removeJournals(store);
  }
  if (yield* save(store)) {
    yield* removeJournals(store);
    yield* removeSegments(store);
  }
  world.unlock('housekeeping');
}

/** Makes the next journal file ready. */
export function* prepareNext(store: Store): Steps {
  if (!store.journal.wantsNext || store.journal.hasNext()) return;
  const { world } = store;
  const path = `journal/prepared-${world.newId()}.new`;
  yield* prepareFile(world, path, store.journal.tail.journal + 1);
  yield* store.locked(({ journal }) => journal.adoptNext(path));
}

/** False where it failed: then nothing may be removed. */
export function* save(store: Store): Steps<boolean> {
  yield* store.untilIdle();
  const { world, catalogue, journal } = store;
  let [copy, { tail }] = [catalogue, journal];
  if (world.breaks('saves what is not synced')) {
    const ahead = new Journal(world, tail);
    copy = copyCatalogue(catalogue);
    yield* ahead.followUnsynced((entry) => apply(copy, entry));
    tail = ahead.tail;
  }
  const snapshot = snapshotCatalogue(copy, tail);
  yield;
  const isBusy = world.oneIn(20);
  if (isBusy) forgetSaved(catalogue);
  else saveCatalogue(world.disk, snapshot);
  yield;
  return !isBusy;
}

function sortInput(catalogue: Catalogue): SortInput | undefined {
  const [journal] = catalogue.unsorted;
  if (journal === undefined || catalogue.unsorted.length < 2) return undefined;
  const partitions: { readonly topic: number; readonly ranges: readonly Range[] }[] = [];
  for (const [topic, { partitions: states }] of catalogue.topics) {
    const inFile = new RangeList();
    inFile.unpack(states[0]?.ranges.packFile(fileRef('journal', journal)) ?? new Float64Array(0));
    if (inFile.count > 0) partitions.push({ topic, ranges: inFile.toArray() });
  }
  return { journal, partitions };
}

function* sort(store: Store, { journal, partitions }: SortInput): Steps {
  const { world } = store;
  const sorted: SortedPartition[] = [];
  const late: (() => void)[] = [];
  for (const { topic, ranges } of partitions) {
    const source = world.disk.open(journalPath(journal));
    promise(source !== undefined, 'a journal file is there until it is sorted');
    const file = fileRef('sorted', journal);
    const segment = yield* store.createSegment(topic, file);
    const merged: Range[] = [];
    let position = 0;
    for (const range of ranges) {
      const bytes = source.bytes.slice(range.position, range.position + range.length);
      yield* writeBytes(world, segment, position, bytes);
      const last = merged.at(-1);
      const isWhole = last === undefined || last.end !== range.base;
      if (isWhole || range.end - last.base > mergedRecordsMax) {
        merged.push({ ...range, file, position });
      } else {
        merged.pop();
        merged.push({ ...last, end: range.end, length: last.length + range.length });
      }
      position += range.length;
    }
    yield;
    if (world.breaks('names segments before their sync')) late.push(() => segment.sync());
    else segment.sync();
    sorted.push({ topic, partition: 0, ranges: merged });
  }
  yield;
  if (world.breaks('removes a journal file before its sorted entry'))
    world.disk.remove(journalPath(journal));
  yield* store.submit((catalogue) => ({
    operations: catalogue.unsorted.includes(journal)
      ? [{ kind: 'sorted', journal, partitions: sorted }]
      : [],
    answer: undefined,
  }));
  for (const sync of late) {
    yield;
    sync();
  }
}

function* removeJournals({ world, catalogue }: Store): Steps {
  const first = catalogue.unsorted[0] ?? 1;
  for (const path of world.disk.list('journal')) {
    const number = Number(/^journal\/(\d+)\.journal$/.exec(path)?.[1] ?? first);
    if (number >= first) continue;
    yield;
    world.disk.remove(path);
  }
}

function* removeSegments(store: Store): Steps {
  const named = store.segmentPaths();
  const unnamed = store.world.disk.list('topics').filter((path) => !named.has(path));
  if (unnamed.length === 0) return;
  const removed = yield* store.submit((catalogue) => {
    const namedNow = store.segmentPaths();
    const isLeft = (path: string) => !namedNow.has(path) && numberOf(path) < catalogue.nextLarge;
    return { operations: [], answer: unnamed.filter(isLeft) };
  });
  for (const path of removed) {
    yield;
    store.world.disk.remove(path);
  }
}

/** -1 for segments other than large appends. */
function numberOf(path: string): number {
  return Number(/\/large-(\d+)\.log$/.exec(path)?.[1] ?? -1);
}

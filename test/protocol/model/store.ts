/**
 * One process's view of the log: src/broker/{committer,embedded-store,large-appends}.ts and the
 * reading side, as steps. Whatever it applies, it may acknowledge or show, so `truth` hears of it.
 */
import { apply, type Catalogue } from '../../../src/broker/catalogue.ts';
import type { PlacedOperation } from '../../../src/broker/entry-codec.ts';
import type { PlannedOperation } from '../../../src/broker/entry-store.ts';
import { type FileRef, fileRef, kindOf, numberOf } from '../../../src/broker/file-ref.ts';
import type { AppendOperation } from '../../../src/broker/operation.ts';
import type { Range } from '../../../src/broker/ranges.ts';
import type { PlannedAppend } from '../../../src/broker/requests.ts';
import { loadCatalogue } from './catalogue-database.ts';
import type { Inode } from './disk.ts';
import { Journal, journalPath, type OnEntry, writeBytes } from './journal.ts';
import { type Ids, promise } from './truth.ts';
import { isRefused, type Steps, type World, waiting } from './world.ts';

/** Appends of this many bytes go straight to a segment. */
export const largeBytes = 16;

export interface Planned<Answer> {
  readonly operations: readonly PlannedOperation[];
  readonly answer: Answer;
}

interface OpenSegment {
  readonly file: Inode;
  readonly ref: FileRef;
  end: number;
}

export class Store {
  readonly world: World;
  /** The process, which holds its locks. */
  readonly owner: object;
  readonly #large = new Map<number, OpenSegment>();
  #catalogue: Catalogue;
  #journal: Journal;
  /** The main thread is inside a section that nothing else of this process interrupts. */
  #busy = false;

  private constructor(world: World, owner: object, catalogue: Catalogue, journal: Journal) {
    this.world = world;
    this.owner = owner;
    this.#catalogue = catalogue;
    this.#journal = journal;
  }

  /** Opening a directory: stored catalogue, the journal's rest, a look at the segments. */
  static *open(world: World, owner: object): Steps<Store> {
    const { catalogue, journal } = yield* fromStored(world);
    const store = new Store(world, owner, catalogue, journal);
    yield* store.#recover();
    yield* store.#checkSegments();
    return store;
  }

  get catalogue(): Catalogue {
    return this.#catalogue;
  }

  get journal(): Journal {
    return this.#journal;
  }

  /** What a request plans under the lock, against a catalogue that is up to date, as one entry. */
  *submit<Answer>(plan: (catalogue: Catalogue) => Planned<Answer>): Steps<Answer> {
    return yield* this.locked(function* (store) {
      const { operations, answer } = plan(store.catalogue);
      if (operations.length > 0) yield* store.#write(operations);
      return answer;
    });
  }

  /** Runs a section with the lock, once it is free. */
  *locked<Result>(run: (store: Store) => Steps<Result>): Steps<Result> {
    while (this.#busy || !this.world.tryLock('journal', this.owner)) yield waiting;
    this.#busy = true; // a killed process never comes to `finally`
    try {
      yield;
      if (!this.world.breaks('does not catch up with the lock')) yield* this.#follow('locked');
      return yield* run(this);
    } finally {
      this.world.unlock('journal');
      this.#busy = false;
    }
  }

  /** Until no other activity is inside a section. */
  *untilIdle(): Steps {
    while (this.#busy) yield waiting;
  }

  /** A reader without the lock looks for what others wrote. */
  *follow(how: 'marked' | 'sync' = 'marked'): Steps<boolean> {
    yield* this.untilIdle();
    this.#busy = true;
    try {
      return yield* this.#follow(how);
    } finally {
      this.#busy = false;
    }
  }

  /** Reads all records of all topics, and compares them with the truth. */
  *readAll(): Steps {
    for (const id of [...this.#catalogue.topics.keys()]) {
      let offset = 0;
      for (;;) {
        yield;
        const state = this.#partition(id);
        if (state === undefined) break;
        offset = Math.max(offset, state.start);
        if (offset >= state.end) break;
        offset = yield* this.#readRange(id, state.ranges.at(state.ranges.find(offset)), offset);
      }
    }
  }

  /** Where to read on; at the same offset where the records lie elsewhere now. */
  *#readRange(id: number, range: Range, offset: number): Steps<number> {
    const path = this.#pathOf(id, range.file);
    const file = this.world.disk.open(path);
    if (file !== undefined) {
      this.#checkRange(id, range, file);
      return range.end;
    }
    // An entry says where the records are now, but perhaps its writer died before the mark.
    const isOld = this.world.breaks('looks for moved records only up to the mark');
    const { applied } = this.#catalogue;
    yield* this.follow(isOld ? 'marked' : 'sync');
    promise(this.#catalogue.applied > applied, `${path}, which a reader looks for, is there`);
    return offset;
  }

  /** The files that ranges name, other than journal files. */
  segmentPaths(): Set<string> {
    const paths = new Set<string>();
    for (const [id, { partitions }] of this.#catalogue.topics) {
      for (const file of partitions[0]?.ranges.extents().keys() ?? [])
        if (kindOf(file) !== 'journal') paths.add(this.#pathOf(id, file));
    }
    return paths;
  }

  *createSegment(topic: number, ref: FileRef): Steps<Inode> {
    const { disk } = this.world;
    const parent = `topics/${topic}/0`;
    const isNew = !disk.exists(parent);
    disk.makeDirectory(parent);
    yield;
    const path = this.#pathOf(topic, ref);
    disk.remove(path);
    const file = disk.create(path);
    yield;
    disk.syncDirectory(parent);
    yield;
    if (!isNew && this.world.breaks('trusts directories that another process made')) return file;
    disk.syncDirectory(`topics/${topic}`);
    disk.syncDirectory('topics');
    return file;
  }

  *#write(planned: readonly PlannedOperation[]): Steps {
    const appends = planned.flatMap((p) => ('batches' in p ? [idsIn(p.batches)] : []));
    const segments = new Map<OpenSegment, number>();
    let operations: PlacedOperation[];
    try {
      operations = yield* this.#placeLarge(planned, segments);
      const isLate = this.world.breaks('names a large append before its sync');
      if (!isLate) yield* syncAll(segments.keys());
      yield* this.#journal.append(operations, appends, this.#onEntry);
      if (isLate) yield* syncAll(segments.keys());
    } catch (error) {
      for (const [topic, { end }] of this.#large) if (end === 0) this.#large.delete(topic);
      throw error;
    }
    for (const [segment, end] of segments) segment.end = end;
  }

  *#placeLarge(
    planned: readonly PlannedOperation[],
    segments: Map<OpenSegment, number>,
  ): Steps<PlacedOperation[]> {
    const placed: PlacedOperation[] = [];
    let numbersTaken = 0;
    for (const operation of planned) {
      if (!('batches' in operation) || operation.batches.length < largeBytes) {
        placed.push(operation);
        continue;
      }
      let segment = this.#large.get(operation.operation.topic);
      if (segment === undefined || !this.#canGrow(operation, segment)) {
        const ref = fileRef('large', this.#catalogue.nextLarge + numbersTaken++);
        const file = yield* this.createSegment(operation.operation.topic, ref);
        segment = { file, ref, end: 0 };
        this.#large.set(operation.operation.topic, segment);
      }
      placed.push(yield* this.#writeLarge(operation, segment, segments));
    }
    return placed;
  }

  *#writeLarge(
    { operation, batches }: PlannedAppend,
    segment: OpenSegment,
    segments: Map<OpenSegment, number>,
  ): Steps<AppendOperation> {
    const position = segments.get(segment) ?? segment.end;
    yield* writeBytes(this.world, segment.file, position, batches, true);
    segments.set(segment, position + batches.length);
    return { ...operation, place: { file: segment.ref, position } };
  }

  #canGrow({ operation }: PlannedAppend, segment: OpenSegment): boolean {
    if (segment.end === 0 || this.world.breaks('appends to a removed segment')) return true;
    return this.#partition(operation.topic)?.ranges.hasFile(segment.ref) === true;
  }

  readonly #onEntry: OnEntry = (entry, checksum) => {
    this.world.truth.show(entry, checksum);
    apply(this.#catalogue, entry);
  };

  *#follow(how: 'locked' | 'marked' | 'sync'): Steps<boolean> {
    try {
      return yield* this.#journal.follow(how, this.#onEntry);
    } catch (error) {
      if (!isRefused(error, 'FILE_MISMATCH') || !(yield* this.#reload())) throw error;
      yield* this.#follow(how);
      return true;
    }
  }

  *#reload(): Steps<boolean> {
    const { catalogue, journal } = yield* fromStored(this.world);
    if (catalogue.applied <= this.#catalogue.applied) return false;
    this.#catalogue = catalogue;
    this.#journal = journal;
    return true;
  }

  /** With the lock, or without it where another process keeps it for long. */
  *#recover(): Steps {
    for (let tries = 0; tries < 20; tries++) {
      yield waiting;
      if (!this.world.tryLock('journal', this.owner)) continue;
      yield* this.#follow('locked');
      this.world.unlock('journal');
      return;
    }
    yield* this.#follow('sync');
  }

  *#checkSegments(): Steps {
    for (const path of this.segmentPaths()) {
      yield;
      if (this.world.disk.exists(path) || !this.segmentPaths().has(path)) continue;
      const isNews = yield* this.#follow('sync');
      promise(isNews, `${path} is there when a directory is opened`);
      yield* this.#checkSegments();
      return;
    }
  }

  #checkRange(topic: number, range: Range, file: Inode): void {
    const bytes = file.bytes.slice(range.position, range.position + range.length);
    const expected = this.world.truth.recordsOf(topic).slice(range.base, range.end);
    promise(
      idsIn(bytes).join() === expected.join(),
      `${this.#pathOf(topic, range.file)} holds records ${range.base} to ${range.end}`,
    );
  }

  #partition(topic: number) {
    return this.#catalogue.topics.get(topic)?.partitions[0];
  }

  #pathOf(topic: number, file: FileRef): string {
    if (kindOf(file) === 'journal') return journalPath(numberOf(file));
    return `topics/${topic}/0/${kindOf(file)}-${numberOf(file)}.log`;
  }
}

/** The stored catalogue and the journal file that it goes on in, which may be removed meanwhile. */
function* fromStored(world: World): Steps<{ catalogue: Catalogue; journal: Journal }> {
  for (;;) {
    const { catalogue, tail } = loadCatalogue(world.disk);
    world.truth.check(catalogue);
    yield;
    try {
      return { catalogue, journal: new Journal(world, tail) };
    } catch (error) {
      const isOld = loadCatalogue(world.disk).catalogue.applied > catalogue.applied;
      const triesAgain = isOld && !world.breaks('loads the stored catalogue once');
      if (!isRefused(error, 'FILE_MISMATCH') || !triesAgain) throw error;
    }
  }
}

function* syncAll(segments: Iterable<OpenSegment>): Steps {
  for (const { file } of segments) {
    yield;
    file.sync();
  }
  yield;
}

/** In the model a batch is the ids of its records, four bytes each. */
export function batchOf(ids: Ids): Uint8Array {
  return new Uint8Array(Uint32Array.from(ids).buffer);
}

export function idsIn(batches: Uint8Array): number[] {
  return [...new Uint32Array(Uint8Array.from(batches).buffer)];
}

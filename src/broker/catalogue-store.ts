/**
 * The catalogue on disk: `catalogue.db`, as of one entry of the journal. Opening a directory reads
 * it and applies the entries after that one. It can be behind, never ahead: it is written after the
 * entries it holds are durable.
 *
 *   meta        key, value        format, directory id, applied, journal tail, counters
 *   topics      id, definition    JSON
 *   partitions  topic, partition, log_start, log_end
 *   ranges      topic, partition, chunk, data      1,024 ranges a chunk (RangeList.pack)
 *   tasks       name, state       JSON: incarnation, epoch, holder, positions
 *   producers   name, state       JSON, in the order of last use
 *
 * Small tables are written whole; of the ranges only the chunks that changed. Whoever saves holds
 * the housekeeping lock.
 */
import type Database from 'better-sqlite3';
import { MillraceError, type Platform, withSqliteErrors } from '../platform/index.ts';
import {
  type Catalogue,
  emptyCatalogue,
  type PartitionState,
  type TaskState,
} from './catalogue.ts';
import type { JournalTail } from './journal.ts';
import { firstTail } from './journal.ts';
import { newerFormat } from './journal-file.ts';
import type { AppendOperation, Holder, TopicPosition } from './operation.ts';
import { RangeList } from './ranges.ts';

const formatVersion = 1;
const chunkRanges = 1024;

export interface StoredCatalogue {
  readonly catalogue: Catalogue;
  readonly tail: JournalTail;
}

interface Meta {
  readonly format: number;
  readonly directoryId: string;
  readonly applied: number;
  readonly nextTopic: number;
  readonly nextLarge: number;
  readonly unsorted: readonly number[];
  readonly tail: JournalTail;
}

/** A catalogue as plain data, to be written by another thread. */
export interface CatalogueSnapshot {
  readonly path: string;
  readonly durable: boolean;
  readonly meta: Meta;
  readonly topics: readonly (readonly [id: number, definition: string])[];
  readonly partitions: readonly PartitionSnapshot[];
  readonly tasks: readonly (readonly [name: string, state: string])[];
  readonly producers: readonly (readonly [name: string, state: string])[];
}

interface PartitionSnapshot {
  readonly topic: number;
  readonly partition: number;
  readonly start: number;
  readonly end: number;
  /** The first chunk that changed, and all chunks from there on. */
  readonly firstChunk: number;
  readonly chunks: readonly Float64Array[];
}

interface StoredTask {
  readonly incarnation: number;
  readonly epoch: number;
  readonly clockMs: number;
  readonly holder: Holder | undefined;
  readonly positions: readonly (readonly [string, TopicPosition])[];
}

/** Copies what `saveCatalogue` needs, and counts it as saved. `forgetSaved` takes that back. */
export function snapshotCatalogue(
  { catalogue, tail }: StoredCatalogue,
  directoryId: string,
  path: string,
  durable: boolean,
): CatalogueSnapshot {
  const { applied, nextTopic, nextLarge, unsorted } = catalogue;
  const topics = [...catalogue.topics.values()];
  return {
    path,
    durable,
    meta: { format: formatVersion, directoryId, applied, nextTopic, nextLarge, unsorted, tail },
    topics: topics.map(({ id, name, internal, futureTimestampsMaxMs, partitions }) => [
      id,
      JSON.stringify({ name, internal, futureTimestampsMaxMs, partitions: partitions.length }),
    ]),
    partitions: topics.flatMap((topic) =>
      topic.partitions.map((state, partition) => snapshotPartition(topic.id, partition, state)),
    ),
    tasks: [...catalogue.tasks].map(([name, task]) => [name, JSON.stringify(storedTask(task))]),
    producers: [...catalogue.producers].map(([name, state]) => [name, JSON.stringify(state)]),
  };
}

/** After a save that failed: the next one writes everything. */
export function forgetSaved(catalogue: Catalogue): void {
  for (const topic of catalogue.topics.values()) {
    for (const partition of topic.partitions) partition.firstUnsaved = 0;
  }
}

function snapshotPartition(
  topic: number,
  partition: number,
  state: PartitionState,
): PartitionSnapshot {
  const { ranges, start, end } = state;
  const firstChunk = Math.floor(Math.min(state.firstUnsaved, ranges.count) / chunkRanges);
  const chunks: Float64Array[] = [];
  for (let from = firstChunk * chunkRanges; from < ranges.count; from += chunkRanges) {
    chunks.push(ranges.pack(from, Math.min(from + chunkRanges, ranges.count)));
  }
  state.firstUnsaved = ranges.count;
  return { topic, partition, start, end, firstChunk, chunks };
}

function storedTask(task: TaskState): StoredTask {
  return { ...task, positions: [...task.positions] };
}

/**
 * Writes a snapshot in one durable transaction, unless the file holds a later one already. Runs in
 * the background.
 */
export function saveCatalogue(snapshot: CatalogueSnapshot, platform: Platform): void {
  const database = platform.openDatabase(snapshot.path, { durable: snapshot.durable });
  try {
    createTables(database);
    platform.failpoint('catalogue.begun');
    withSqliteErrors(
      snapshot.path,
      database.transaction(() => writeSnapshot(database, snapshot)),
    );
    platform.failpoint('catalogue.committed');
  } finally {
    database.close();
  }
}

function writeSnapshot(database: Database.Database, snapshot: CatalogueSnapshot): void {
  const stored = readMeta(database, snapshot.path);
  if (stored !== undefined && stored.applied >= snapshot.meta.applied) return;
  database.exec(
    'DELETE FROM topics; DELETE FROM partitions; DELETE FROM tasks; DELETE FROM producers',
  );
  database
    .prepare("INSERT OR REPLACE INTO meta VALUES ('catalogue', ?)")
    .run(JSON.stringify(snapshot.meta));
  const insertAll = (table: string, rows: readonly (readonly unknown[])[]) => {
    const insert = database.prepare(`INSERT INTO ${table} VALUES (?, ?)`);
    for (const row of rows) insert.run(...row);
  };
  insertAll('topics', snapshot.topics);
  insertAll('tasks', snapshot.tasks);
  insertAll('producers', snapshot.producers);
  writePartitions(database, snapshot.partitions);
}

function writePartitions(
  database: Database.Database,
  partitions: readonly PartitionSnapshot[],
): void {
  const insertPartition = database.prepare('INSERT INTO partitions VALUES (?, ?, ?, ?)');
  const dropChunks = database.prepare(
    'DELETE FROM ranges WHERE topic = ? AND partition = ? AND chunk >= ?',
  );
  const insertChunk = database.prepare('INSERT INTO ranges VALUES (?, ?, ?, ?)');
  for (const { topic, partition, start, end, firstChunk, chunks } of partitions) {
    insertPartition.run(topic, partition, start, end);
    dropChunks.run(topic, partition, firstChunk);
    for (const [i, chunk] of chunks.entries()) {
      const data = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      insertChunk.run(topic, partition, firstChunk + i, data);
    }
  }
  database.exec('DELETE FROM ranges WHERE topic NOT IN (SELECT id FROM topics)');
}

/**
 * The stored catalogue; an empty one where there is none yet. `FILE_MISMATCH` for another
 * directory's.
 */
export function loadCatalogue(
  platform: Platform,
  path: string,
  directoryId: string,
  durable: boolean,
): StoredCatalogue {
  const database = platform.openDatabase(path, { durable });
  try {
    return withSqliteErrors(path, () => {
      createTables(database);
      return database.transaction(() => readCatalogue(database, path, directoryId))();
    });
  } finally {
    database.close();
  }
}

function readCatalogue(
  database: Database.Database,
  path: string,
  directoryId: string,
): StoredCatalogue {
  const meta = readMeta(database, path);
  const catalogue = emptyCatalogue();
  if (meta === undefined) return { catalogue, tail: firstTail };
  if (meta.directoryId !== directoryId) {
    throw new MillraceError(
      'FILE_MISMATCH',
      `${path} belongs to directory ${meta.directoryId}, and millrace.json beside it to ` +
        `${directoryId}: one of them is from elsewhere. Put the right file back, or restore the ` +
        'whole directory from a backup.',
    );
  }
  catalogue.applied = meta.applied;
  catalogue.nextTopic = meta.nextTopic;
  catalogue.nextLarge = meta.nextLarge;
  catalogue.unsorted = [...meta.unsorted];
  readTopics(database, catalogue);
  readTasks(database, catalogue);
  return { catalogue, tail: meta.tail };
}

function readTopics(database: Database.Database, catalogue: Catalogue): void {
  const rows = database.prepare('SELECT id, definition FROM topics').raw().all() as [
    number,
    string,
  ][]; // as written
  for (const [id, definition] of rows) {
    const { name, internal, futureTimestampsMaxMs, partitions: count } = JSON.parse(definition);
    const partitions = Array.from({ length: count }, (_, partition) =>
      readPartition(database, id, partition),
    );
    catalogue.topics.set(id, { id, name, internal, futureTimestampsMaxMs, partitions });
    catalogue.topicIds.set(name, id);
  }
}

function readPartition(
  database: Database.Database,
  topic: number,
  partition: number,
): PartitionState {
  const [start, end] = database
    .prepare('SELECT log_start, log_end FROM partitions WHERE topic = ? AND partition = ?')
    .raw()
    .get(topic, partition) as [number, number]; // written with its topic
  const chunks = database
    .prepare('SELECT data FROM ranges WHERE topic = ? AND partition = ? ORDER BY chunk')
    .pluck()
    .all(topic, partition) as Buffer[]; // as written
  const ranges = new RangeList();
  for (const data of chunks) ranges.unpack(new Float64Array(Uint8Array.from(data).buffer));
  return { start, end, ranges, firstUnsaved: ranges.count };
}

function readTasks(database: Database.Database, catalogue: Catalogue): void {
  const rows = (table: string) =>
    database.prepare(`SELECT name, state FROM ${table} ORDER BY rowid`).raw().all() as [
      string,
      string,
    ][]; // as written
  for (const [name, state] of rows('tasks')) {
    const stored = JSON.parse(state) as StoredTask;
    catalogue.tasks.set(name, {
      ...stored,
      holder: stored.holder,
      positions: new Map(stored.positions),
    });
  }
  for (const [name, state] of rows('producers')) {
    catalogue.producers.set(
      name,
      JSON.parse(state) as { sequence: number; appends: AppendOperation[] },
    );
  }
}

function readMeta(database: Database.Database, path: string): Meta | undefined {
  const text = database.prepare("SELECT value FROM meta WHERE key = 'catalogue'").pluck().get();
  if (typeof text !== 'string') return undefined;
  const meta = JSON.parse(text) as Meta; // as written
  if (meta.format > formatVersion) throw newerFormat(path, meta.format);
  return meta;
}

function createTables(database: Database.Database): void {
  database.exec(`
    CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS topics (id INTEGER PRIMARY KEY, definition TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS partitions (
      topic INTEGER NOT NULL, partition INTEGER NOT NULL,
      log_start INTEGER NOT NULL, log_end INTEGER NOT NULL,
      PRIMARY KEY (topic, partition)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS ranges (
      topic INTEGER NOT NULL, partition INTEGER NOT NULL, chunk INTEGER NOT NULL,
      data BLOB NOT NULL,
      PRIMARY KEY (topic, partition, chunk));
    CREATE TABLE IF NOT EXISTS tasks (name TEXT NOT NULL, state TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS producers (name TEXT NOT NULL, state TEXT NOT NULL);
  `);
}

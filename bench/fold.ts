/**
 * Distinct keys in random order, written steadily over state that is much larger than its memory:
 * how many entries a second are read, changed, committed and folded. And what SQLite does alone:
 * rows of the same file, as many and in the same order as in a fold, written by one thread that does
 * nothing else.
 *
 *   fold.ts <MiB of state> <MiB of memory> <seconds>
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import Database from 'better-sqlite3';
import { job, json, keyJson, openLog, run, string, topic, value } from 'millrace';
import { appendEvents } from './events.ts';
import { inDirectory, print } from './figures.ts';

const entryBytes = 107;
/** More than there is time for. */
const recordsPerSecondMax = 150_000;
/** A prime, for an order that looks like chance and meets every key. */
const stride = 7_368_787;
const [stateMib = '1280', memoryMib = '128', seconds = '300', role, directory = ''] =
  process.argv.slice(2);
const entries = Math.round((Number(stateMib) * 2 ** 20) / entryBytes);
const changes = Number(seconds) * recordsPerSecondMax;
const pad = 'x'.repeat(75);
/** Half of what may be unfolded waits while the other half is written. */
const rowsPerFold = Math.round((Math.min(48, Number(memoryMib) / 5) * 2 ** 20) / 2 / 150);
const rounds = 4;

const events = topic('events', { key: string(), value: string() });
const results = topic('results', { key: keyJson<string>(), value: json<number>() });
const writing = job('writing', ({ from }) => {
  from(events, { quietAfter: 'off' })
    .keyBy((key) => key)
    .process({
      name: 'writing',
      state: { entry: value<{ n: number; pad: string }>() },
      onRecord(_, { state, timestamp }) {
        state.entry.set({ n: timestamp, pad });
        return [];
      },
    })
    .to(results);
});

if (role === undefined) await inDirectory(measure);
else if (role === 'load') await load();
else if (role === 'sqlite') writeRows();
else await write();

async function measure(into: string): Promise<void> {
  start('load', into);
  const written = start('write', into);
  print({ ...written, ...start('sqlite', into) });
}

function start(as: string, into: string): Record<string, number> {
  const { stdout } = spawnSync(
    process.execPath,
    [import.meta.filename, stateMib, memoryMib, seconds, as, into],
    { stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8' },
  );
  return stdout === '' ? {} : (JSON.parse(stdout) as Record<string, number>); // as printed
}

interface Row {
  readonly store: number;
  readonly key_group: number;
  readonly key: string;
  readonly item: string | Buffer;
}

function writeRows(): void {
  const state = `${directory}/state/writing`;
  const [file] = readdirSync(state).filter((name) => name.endsWith('.db'));
  const database = new Database(`${state}/${file}`);
  database.pragma('synchronous = FULL');
  database.pragma('wal_autocheckpoint = 256');
  const folds = rowsOfFolds(database);
  const put = database.prepare('INSERT OR REPLACE INTO entries VALUES (?, 0, ?, ?, ?, ?)');
  const text = JSON.stringify({ n: 1, pad });
  const rowsPerSlice = Math.round((256 * 1024) / 130);
  const slice = database.transaction((rows: readonly Row[]) => {
    for (const { store, key_group, key, item } of rows) put.run(store, key_group, key, item, text);
  });
  const began = performance.now();
  let rows = 0;
  for (const fold of folds) {
    for (let at = 0; at < fold.length; at += rowsPerSlice) {
      slice(fold.slice(at, at + rowsPerSlice));
    }
    rows += fold.length;
  }
  const took = performance.now() - began;
  database.close();
  print({ sqliteEntriesPerSecond: Math.round((rows / took) * 1000) });
}

/** Each draws its rows from all of them by chance, in the order of the table. */
function rowsOfFolds(database: Database.Database): Row[][] {
  const folds: Row[][] = Array.from({ length: rounds }, () => []);
  const share = rowsPerFold / entries;
  let seed = 1;
  for (const row of database.prepare('SELECT * FROM entries').iterate()) {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    folds[Math.floor(seed / 2 ** 32 / share)]?.push(row as Row); // as selected
  }
  return folds;
}

async function write(): Promise<void> {
  const log = await openLog(directory);
  const handle = await run(writing, { data: log, stateMemoryMax: Number(memoryMib) * 2 ** 20 });
  handle.done.catch((error: unknown) => process.stderr.write(`${String(error)}\n`));
  const read = () => handle.metrics().recordsRead;
  while (read() < entries) await sleep(100);
  const [began, from] = [performance.now(), read()];
  const ends = began + Number(seconds) * 1000;
  while (performance.now() < ends && read() < entries + changes) await sleep(100);
  const entriesPerSecond = Math.round(((read() - from) / (performance.now() - began)) * 1000);
  const peakRssMib = Math.round(process.resourceUsage().maxRSS / 1024);
  const { unfoldedBytes } = handle.metrics();
  print({ entriesPerSecond, unfoldedMib: Math.round(unfoldedBytes / 2 ** 20), peakRssMib });
  process.kill(process.pid, 'SIGKILL'); // it need not read the rest
}

/** Each key once, in order; then all of them again and again, in another one. */
async function load(): Promise<void> {
  const log = await openLog(directory);
  await log.createTopic(events);
  await appendEvents(log, events.name, made());
  await log.close();
}

function* made() {
  for (let i = 0; i < entries; i++) yield { key: '', value: keyOf(i), timestamp: i };
  for (let i = 0; i < changes; i++) {
    yield { key: '', value: keyOf((i * stride) % entries), timestamp: entries + i };
  }
}

function keyOf(i: number): string {
  return `key-${String(i).padStart(9, '0')}`;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

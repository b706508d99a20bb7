/**
 * Hazard 28: one file of a directory is older than the others, missing, from another directory, or
 * from a newer Millrace. The directory is refused, naming the file, what is wrong with it and what
 * to do, or the file turns out not to matter: then the log is what it was, and the job goes on
 * where it stood.
 */
import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openBroker } from '../../src/broker/index.ts';
import { type Failpoint, isMillraceError, nodePlatform } from '../../src/platform/index.ts';
import { openDatabase } from '../../src/platform/sqlite.ts';
import { run } from '../../src/runtime/index.ts';
import { appendOf, readAll } from '../contracts/broker.ts';
import { finishSession, makeReadings, startSession } from '../golden/pipeline.ts';
import { seededChoices } from '../support/choices.ts';
import { SimulatedMachine } from '../support/simulated-platform.ts';
import { counting, counts, records } from './peers.ts';
import { ended, start } from './processes.ts';

const root = mkdtempSync(join(tmpdir(), 'millrace-old-files-'));
const platform = nodePlatform();
const log = {
  durability: 'process', // nothing here cuts the power
  journalFileBytes: 32 * 1024,
  largeBytes: 8 * 1024,
  recentBytesMax: 0,
} as const;

/** As it is now; a little earlier, in the same journal file; long ago; and another one. */
const [now, earlier, old, other] = ['now', 'earlier', 'old', 'other'].map((name) =>
  join(root, name),
) as [string, string, string, string];
let total = 230;

const textOf = (i: number) =>
  i % 50 === 7 ? `${i} ${'y'.repeat(9000)}` : `${i} ${'x'.repeat(300)}`;

beforeAll(async () => {
  await workOn(old, 30);
  cpSync(old, earlier, { recursive: true });
  do {
    total += 2;
    await workOn(earlier, total);
  } while (!isReadyToRoll(earlier));
  cpSync(earlier, now, { recursive: true });
  total += 2;
  await workOn(now, total);
  await workOn(other, 60);
});

afterAll(async () => {
  await platform.background.close();
  rmSync(root, { recursive: true, force: true });
});

/** Appends records up to `count` and runs the job until it has counted and folded them. */
async function workOn(directory: string, count: number): Promise<string[]> {
  const broker = await openBroker(platform, directory, log);
  try {
    if (broker.describeTopic(records.topic) === undefined) await broker.createTopic(records.topic);
    const handle = await run(counting, {
      broker,
      stateDirectory: directory,
      platform,
      durability: 'process',
      foldIntervalMs: 1,
      unfoldedBytesMax: 64,
    });
    for (let i = broker.endOf(records); i < count; i++) {
      await broker.append([appendOf(records, [textOf(i)])]);
    }
    await handle.stop({ drain: true });
    return [...readAll(broker, records), ...readAll(broker, counts)];
  } finally {
    await broker.close().catch(() => {}); // what does not fit can't be closed cleanly
  }
}

/** The records and the results when there is one record more than in `now`. */
function rightContent(): string[] {
  const numbers = Array.from({ length: total + 1 }, (_, i) => i);
  return [...numbers.map(textOf), ...numbers.map((i) => `${i + 1}`)];
}

/** Whether the next journal file is there, and the current one has room for some entries. */
function isReadyToRoll(directory: string): boolean {
  const [tail = '', next] = files(directory, /\d\.journal$/).slice(-2);
  const used = readFileSync(join(directory, tail)).findLastIndex((byte) => byte !== 0);
  return next !== undefined && !hasEntries(join(directory, next)) && used < 0.8 * 32 * 1024;
}

function hasEntries(path: string): boolean {
  return readFileSync(path).readUInt32BE(4096) > 0;
}

let copies = 0;

/** What comes of a change to a copy of `now`: `harmless`, or the code and message of the refusal. */
async function outcomeOf(change: (directory: string) => void): Promise<string> {
  const directory = join(root, `copy-${copies++}`);
  cpSync(now, directory, { recursive: true });
  change(directory);
  try {
    const content = await workOn(directory, total + 1);
    return content.join() === rightContent().join() ? 'harmless' : 'WRONG: other records';
  } catch (error) {
    if (!isMillraceError(error)) throw error;
    return `${error.code}: ${error.message.replaceAll(`${directory}/`, '')}`;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const replacedBy = (from: string, name: string) => (directory: string) =>
  cpSync(join(from, pathOf(from, name)), join(directory, pathOf(directory, name)));

/** Files of a directory, by a pattern of their paths. */
function files(directory: string, pattern: RegExp): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => pattern.test(name) && statSync(join(directory, name)).isFile())
    .sort();
}

const without = (name: string) => (directory: string) =>
  rmSync(join(directory, pathOf(directory, name)));

/** `tail` is the journal file with the last entry, `next` the one made ready behind it. */
function pathOf(directory: string, name: string): string {
  const journals = files(directory, /\d\.journal$/);
  const tail = journals.findLastIndex((path) => hasEntries(join(directory, path)));
  return (name === 'tail' ? journals[tail] : name === 'next' ? journals[tail + 1] : name) ?? name;
}

const sortedOf = (n: number) => `topics/1-records/0/sorted-${n}.log`;
const state = 'state/counting/counting-0.db';

test('the directory has every kind of file', () => {
  for (const name of ['tail', 'next']) expect(pathOf(now, name)).toBe(pathOf(earlier, name));
  expect(files(now, /./).map((name) => name.replace(/\d+\.log$/, 'n.log'))).toEqual(
    expect.arrayContaining([
      'catalogue.db',
      'housekeeping.db',
      'journal/mark',
      'lock.db',
      'millrace.json',
      state,
      'topics/1-records/0/large-n.log',
      'topics/1-records/0/sorted-n.log',
      'topics/2-counts/0/sorted-n.log',
    ]),
  );
});

describe('is refused, by name and with what to do: a directory', () => {
  const olderCatalogue =
    /^FILE_MISMATCH: catalogue\.db is missing or older than the journal, or .*1\.journal was removed/;
  const olderState =
    /^FILE_MISMATCH: state\/counting\/counting-0\.db is missing or older than the log/;
  const cases: [string, (directory: string) => void, RegExp][] = [
    ['with an old catalogue', replacedBy(old, 'catalogue.db'), olderCatalogue],
    ['without its catalogue', without('catalogue.db'), olderCatalogue],
    [
      "with another directory's catalogue",
      replacedBy(other, 'catalogue.db'),
      /^FILE_MISMATCH: catalogue\.db belongs to directory \w+, and millrace\.json beside it to/,
    ],
    [
      "with another directory's identity",
      replacedBy(other, 'millrace.json'),
      /^FILE_MISMATCH: catalogue\.db belongs to directory \w+, and millrace\.json beside it to/,
    ],
    ['without its identity', without('millrace.json'), /^FILE_MISMATCH: millrace\.json is missing/],
    ['with an old state file', replacedBy(old, state), olderState],
    ['with a state file a little older', replacedBy(earlier, state), olderState],
    ['without its state file', without(state), olderState],
    [
      "with another directory's state file",
      replacedBy(other, state),
      /^FILE_MISMATCH: state\/counting\/counting-0\.db holds the state of .* of directory/,
    ],
    [
      'with a log older than its state',
      (directory) => {
        rmSync(directory, { recursive: true });
        cpSync(earlier, directory, { recursive: true });
        replacedBy(now, state)(directory);
      },
      /^FILE_MISMATCH: state\/counting\/counting-0\.db is newer than the log: .* ends at \d+/,
    ],
    [
      'without its journal file',
      without('tail'),
      /^FILE_MISMATCH: .*journal\/\d\.journal (is missing|was removed)/,
    ],
    [
      'with a journal file a little older',
      replacedBy(earlier, 'tail'),
      /^FILE_MISMATCH: journal\/\d\.journal is older than catalogue\.db, or damaged: entry \d+/,
    ],
    [
      "with another directory's journal file",
      replacedBy(other, 'tail'),
      /^FILE_MISMATCH: journal\/\d\.journal is from elsewhere: its header says file \d of directory/,
    ],
    [
      "with another journal file's bytes",
      (directory) =>
        cpSync(
          join(directory, pathOf(directory, 'next')),
          join(directory, pathOf(directory, 'tail')),
        ),
      /^FILE_MISMATCH: journal\/\d\.journal is from elsewhere: its header says file \d of/,
    ],
    [
      "with another segment's bytes",
      (directory) => {
        const bytes = [2, 3].map((n) => readFileSync(join(directory, sortedOf(n))));
        writeFileSync(join(directory, sortedOf(1)), Buffer.concat(bytes));
      },
      /^DAMAGED: Records from offset 0 .* at byte 0 of sorted-1\.log .*: .+\. Put the right file/,
    ],
    [
      'with a shorter segment',
      (directory) => {
        const bytes = readFileSync(join(directory, sortedOf(1)));
        writeFileSync(join(directory, sortedOf(1)), bytes.subarray(0, -1));
      },
      /^FILE_MISMATCH: topics\/1-records\/0\/sorted-1\.log has \d+ bytes, but .* reach to byte/,
    ],
    [
      'with a lock file that is none',
      (directory) => writeFileSync(join(directory, 'lock.db'), 'x'.repeat(4096)),
      /^DAMAGED: lock\.db: the database is damaged/,
    ],
  ];
  test.each(cases)('%s', async (_, change, refusal) => {
    const outcome = await outcomeOf(change);
    expect(outcome).toMatch(refusal);
    expect(outcome).toMatch(/(Put|put) .* back|[Rr]estore the whole directory/);
  });

  test('without one of its segments', async () => {
    for (const name of files(now, /\.log$/)) {
      const refusal = `FILE_MISMATCH: ${name} is missing; it holds committed records. Put it back`;
      expect(await outcomeOf(without(name))).toContain(refusal);
    }
  });
});

describe('is refused as the work of a newer Millrace:', () => {
  const editMeta = (name: string, sql: string) => (directory: string) => {
    const database = openDatabase(join(directory, name), { durable: false });
    database.exec(sql);
    database.close();
  };
  const edit = (name: string, change: (bytes: Buffer) => Buffer) => (directory: string) =>
    writeFileSync(
      join(directory, pathOf(directory, name)),
      change(readFileSync(join(directory, pathOf(directory, name)))),
    );
  const newer: [string, number, (directory: string) => void][] = [
    [
      'millrace.json',
      2,
      edit('millrace.json', (bytes) => Buffer.from(`${bytes}`.replace('"format":1', '"format":2'))),
    ],
    [
      'catalogue.db',
      2,
      editMeta('catalogue.db', `UPDATE meta SET value = json_set(value, '$.format', 2)`),
    ],
    [state, 3, editMeta(state, `UPDATE meta SET value = 3 WHERE key = 'format'`)],
    ['tail', 2, edit('tail', (bytes) => Buffer.from(bytes.fill(2, 11, 12)))],
  ];
  test.each(newer)('%s', async (name, format, change) => {
    const outcome = await outcomeOf(change);
    expect(outcome).toContain(
      `DIRECTORY: ${pathOf(now, name)} has format ${format}, which this version of`,
    );
    expect(outcome).toContain('Use the newer Millrace that wrote it.');
  });
});

describe('changes nothing:', () => {
  const cases: [string, (directory: string) => void][] = [
    ['an intact directory', () => {}],
    ['a catalogue a little older', replacedBy(earlier, 'catalogue.db')],
    ['no journal file made ready', without('next')],
    ['one made ready earlier', replacedBy(earlier, 'next')],
    ['no turns', (directory) => rmSync(join(directory, 'turns'), { recursive: true })],
  ];
  for (const name of ['journal/mark', 'lock.db', 'housekeeping.db']) {
    cases.push([`no ${name}`, without(name)]);
    cases.push([`an old ${name}`, replacedBy(old, name)]);
    cases.push([`another directory's ${name}`, replacedBy(other, name)]);
  }
  test.each(cases)('%s', async (_, change) => {
    expect(await outcomeOf(change)).toBe('harmless');
  });

  test('older copies of segments, which never change but at their end', async () => {
    for (const name of files(earlier, /\.log$/)) {
      expect(await outcomeOf(replacedBy(earlier, name)), name).toBe('harmless');
    }
  });
});

describe('a write-ahead log that is gone', () => {
  test('of a state file makes it older: refused', async () => {
    const directory = await diedWithout('fold.recorded', 'state/windows/windows-0.db', 3);
    await expect(ended(start('child.ts', directory, 'history'))).rejects.toThrow(
      /windows-0\.db is missing or older than the log/,
    );
  });

  test('of the catalogue makes it older by a step: harmless', async () => {
    const directory = await diedWithout('catalogue.committed', 'catalogue.db', 2);
    const [again, intact] = [directory, join(root, 'wal-intact')].map((path) =>
      ended(start('child.ts', path, 'history')),
    );
    expect((await again)?.output).toBe((await intact)?.output);
  });

  /** A directory in which a process died, and the write-ahead log of one of its databases went. */
  async function diedWithout(step: Failpoint, database: string, passes: number): Promise<string> {
    const directory = join(root, `wal-${step}`);
    await ended(start('child.ts', directory, 'history', step, `${passes}`));
    const beside = files(directory, new RegExp(`^${database}-`));
    expect(beside).toContain(`${database}-wal`);
    for (const name of beside) rmSync(join(directory, name));
    return directory;
  }
});

describe('durability `process` and a power cut', () => {
  test('give what a run without it gives, or a refusal, never anything else', async () => {
    const input = makeReadings(150, 7);
    const work = async (machine: SimulatedMachine) => {
      const { platform } = machine.process();
      const options = { durability: 'process' } as const;
      const session = await machine.until(startSession(platform, '/data', input, options));
      return machine.until(finishSession(session), 1, 600_000);
    };
    const intact = await work(new SimulatedMachine());
    const outcomes = { same: 0, refused: 0 };
    for (let seed = 1; seed <= 40; seed++) {
      const machine = new SimulatedMachine({ seed });
      let left = 30 + seed * 20;
      const dying = machine.process();
      machine.files.beforeOperation = () => {
        if (--left === 0) dying.crash();
      };
      const options = { durability: 'process' } as const;
      const attempt = startSession(dying.platform, '/data', input, options).then(finishSession);
      attempt.catch(() => {});
      for (let ms = 0; ms < 5000 && dying.isAlive && left > 0; ms++) await machine.advance(1);
      machine.files.beforeOperation = () => {};
      const again = machine.powerCut(seededChoices(seed));
      try {
        expect(await work(again), `seed ${seed}`).toEqual(intact);
        outcomes.same++;
      } catch (error) {
        if (!isMillraceError(error)) throw error;
        expect(['DAMAGED', 'FILE_MISMATCH']).toContain(error.code);
        outcomes.refused++;
      }
    }
    expect(outcomes.refused).toBeGreaterThan(0);
    expect(outcomes.same).toBeGreaterThan(0);
  });
});

/**
 * Damage to every kind of file of a closed directory: flipped bits, zeros, truncation, older
 * copies, missing files. What is read afterwards is what was written, or the directory is refused
 * with the file named. Never anything else.
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
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openBroker } from '../../src/broker/index.ts';
import { isMillraceError, nodePlatform } from '../../src/platform/index.ts';
import { appendOf, readAll } from '../contracts/broker.ts';
import { seededChoices } from '../support/choices.ts';

const root = mkdtempSync(join(tmpdir(), 'millrace-damage-'));
const intact = join(root, 'intact');
const topics = [
  { topic: 'small', partition: 0 },
  { topic: 'small', partition: 1 },
  { topic: 'large', partition: 0 },
] as const;
const platform = nodePlatform(); // one for all: its background takes long to start
const log = {
  durability: 'process', // nothing here cuts the power
  journalFileBytes: 32 * 1024,
  largeBytes: 8 * 1024,
  recentBytesMax: 0,
} as const;
const refusals = ['DAMAGED', 'FILE_MISMATCH', 'DIRECTORY'];

let expected = '';

beforeAll(async () => {
  const broker = await openBroker(platform, intact, log);
  await broker.createTopic('small', { partitions: 2 });
  await broker.createTopic('large');
  for (let i = 0; i < 150; i++) {
    await broker.append([appendOf(topics[i % 2 === 0 ? 0 : 1], [`value ${i} ${'x'.repeat(400)}`])]);
    if (i % 40 === 0)
      await broker.append([appendOf(topics[2], [`large ${i} ${'y'.repeat(9000)}`])]);
  }
  await broker.close();
  expected = await contentOf(intact);
  expect(expected).toContain('value 149');
});

afterAll(async () => {
  await platform.background.close();
  rmSync(root, { recursive: true, force: true });
});

/** Everything that can be read, or the code and message of the refusal. */
async function contentOf(directory: string): Promise<string> {
  try {
    const broker = await openBroker(platform, directory, log);
    try {
      return JSON.stringify(topics.map((target) => readAll(broker, target)));
    } finally {
      await broker.close().catch(() => {}); // what is damaged can't be sealed
    }
  } catch (error) {
    if (isMillraceError(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
}

let copies = 0;

/** The content after `damage` was done to a copy. */
async function contentAfter(damage: (directory: string) => void): Promise<string> {
  const directory = join(root, `copy-${copies++}`);
  cpSync(intact, directory, { recursive: true });
  damage(directory);
  const content = await contentOf(directory);
  rmSync(directory, { recursive: true });
  return content;
}

function filesBelow(directory: string, pattern: RegExp): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => pattern.test(name) && statSync(join(directory, name)).isFile())
    .sort();
}

function isRefused(content: string): boolean {
  return refusals.some((code) => content.startsWith(`${code}: `));
}

const kinds = [
  ['the journal', /^journal\/\d+\.journal$/],
  ['the mark', /^journal\/mark$/],
  ['segments', /^topics\/.*\.log$/],
  ['the identity', /^millrace\.json$/],
] as const;

describe('a flipped bit in', () => {
  test.each(kinds)('%s is refused or harmless, never read', async (_, pattern) => {
    const choose = seededChoices(11);
    const outcomes = { same: 0, refused: 0 };
    const files = filesBelow(intact, pattern);
    for (let i = 0; i < 60; i++) {
      const name = files[choose(files.length)] ?? '';
      const used = usedBytes(join(intact, name));
      const at = choose(used);
      const content = await contentAfter((directory) => flip(join(directory, name), at, choose(8)));
      if (content === expected) outcomes.same++;
      else if (isRefused(content)) outcomes.refused++;
      else expect(content.slice(0, 300), `${name}, byte ${at}`).toBe('the same, or refused');
    }
    expect(outcomes.same + outcomes.refused).toBe(60);
    if (pattern.source.includes('topics')) expect(outcomes.refused).toBeGreaterThan(40);
  });
});

/** Bytes up to the last one that is not zero. */
function usedBytes(path: string): number {
  const bytes = readFileSync(path);
  let end = bytes.length;
  while (end > 1 && bytes[end - 1] === 0) end--;
  return end;
}

function flip(path: string, at: number, bit: number): void {
  const bytes = readFileSync(path);
  bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
  writeFileSync(path, bytes);
}

describe('each of the last three entries before the seal', () => {
  test('is refused when it is damaged, with file and byte', async () => {
    const [name = ''] = filesBelow(intact, /^journal\/\d+\.journal$/).slice(-1);
    for (const at of lastEntries(join(intact, name)).slice(-4, -1)) {
      const content = await contentAfter((directory) => flip(join(directory, name), at + 40, 3));
      expect(content).toMatch(/^DAMAGED: .*byte \d+/);
      expect(content).toContain(name);
    }
  });
});

/** Positions of the entries of a journal file. */
function lastEntries(path: string): number[] {
  const bytes = readFileSync(path);
  const positions: number[] = [];
  for (let at = 4096; bytes.readUInt32BE(at) > 0; at += bytes.readUInt32BE(at)) positions.push(at);
  return positions;
}

describe('bytes behind the committed end', () => {
  test('of the journal are ignored', async () => {
    const [name = ''] = filesBelow(intact, /^journal\/\d+\.journal$/).slice(-1);
    const content = await contentAfter((directory) => {
      const path = join(directory, name);
      const bytes = readFileSync(path);
      bytes.fill(0xab, usedBytes(path) + 1, usedBytes(path) + 300);
      writeFileSync(path, bytes);
    });
    expect(content).toBe(expected);
  });

  test('of a segment are ignored, though they are valid batches', async () => {
    const [name = ''] = filesBelow(intact, /large-\d+\.log$/);
    const content = await contentAfter((directory) => {
      const path = join(directory, name);
      const bytes = readFileSync(path);
      writeFileSync(path, Buffer.concat([bytes, bytes]));
    });
    expect(content).toBe(expected);
  });
});

describe('a missing file', () => {
  test('is named, or was not needed', async () => {
    const needed = filesBelow(intact, /\.(journal|log|json)$|catalogue\.db$/);
    for (const name of needed) {
      const content = await contentAfter((directory) => rmSync(join(directory, name)));
      if (content === expected) continue;
      expect(isRefused(content), `${name}: ${content.slice(0, 200)}`).toBe(true);
    }
    for (const name of filesBelow(intact, /^(lock|housekeeping)\.db$|mark$/)) {
      expect(await contentAfter((directory) => rmSync(join(directory, name)))).toBe(expected);
    }
  });

  test.each([/\.log$/, /^millrace\.json$/, /^catalogue\.db$/])('%s is refused', async (pattern) => {
    for (const name of filesBelow(intact, pattern)) {
      const content = await contentAfter((directory) => rmSync(join(directory, name)));
      expect(isRefused(content), `${name}: ${content.slice(0, 200)}`).toBe(true);
    }
  });
});

describe('a truncated file', () => {
  test.each([/\.log$/, /\d\.journal$/])('%s is refused or harmless', async (pattern) => {
    for (const name of filesBelow(intact, pattern)) {
      const content = await contentAfter((directory) => {
        const path = join(directory, name);
        writeFileSync(path, readFileSync(path).subarray(0, Math.floor(usedBytes(path) / 2)));
      });
      expect(content === expected || isRefused(content), `${name}: ${content.slice(0, 200)}`).toBe(
        true,
      );
    }
  });
});

describe('files of different ages', () => {
  test('are refused, or change nothing', async () => {
    const older = join(root, 'older');
    cpSync(intact, older, { recursive: true });
    const newer = join(root, 'newer');
    cpSync(intact, newer, { recursive: true });
    const broker = await openBroker(platform, newer, log);
    for (let i = 0; i < 120; i++)
      await broker.append([appendOf(topics[0], [`more ${'z'.repeat(400)}`])]);
    await broker.close();
    const content = await contentOf(newer);
    for (const name of filesBelow(older, /catalogue\.db$|\d\.journal$|mark$/)) {
      const mixed = join(root, 'mixed');
      cpSync(newer, mixed, { recursive: true });
      cpSync(join(older, name), join(mixed, name));
      const got = await contentOf(mixed);
      const where = relative(root, join(mixed, name));
      expect(got === content || isRefused(got), `${where}: ${got.slice(0, 200)}`).toBe(true);
      rmSync(mixed, { recursive: true });
    }
  });

  test('of another directory are refused', async () => {
    const other = join(root, 'other');
    await (await openBroker(platform, other, log)).close();
    for (const name of ['catalogue.db', 'millrace.json']) {
      const content = await contentAfter((directory) =>
        cpSync(join(other, name), join(directory, name)),
      );
      expect(content).toMatch(/^(FILE_MISMATCH|DAMAGED): /);
    }
  });

  test('a newer format is refused', async () => {
    const content = await contentAfter((directory) => {
      const path = join(directory, 'millrace.json');
      writeFileSync(path, readFileSync(path, 'utf8').replace('"format":1', '"format":2'));
    });
    expect(content).toMatch(/^DIRECTORY: .*format 2/);
  });
});

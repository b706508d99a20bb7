/** docs/file-formats.md says what the code writes: bytes, operations, tables, settings. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ByteWriter } from '../src/broker/bytes.ts';
import { encodeEntry, entryHeaderBytes } from '../src/broker/entry-codec.ts';
import { journalHeaderBytes } from '../src/broker/journal-file.ts';
import type { Operation } from '../src/broker/operation.ts';
import { batchHeaderBytes } from '../src/broker/record-batch.ts';
import { nodePlatform } from '../src/platform/index.ts';
import {
  type DropRecord,
  type EpochRecord,
  encodeEpochRecord,
} from '../src/runtime/epoch-record.ts';
import {
  allKey,
  encodeStoreRecord,
  itemKey,
  storeKey,
  timedKey,
  valueKey,
} from '../src/state/change.ts';
import { foldInSlices, StateFile, stateKeyOf } from '../src/state/index.ts';
import { placeOf } from '../src/state/key.ts';
import { makeExampleDirectory } from './support/example-directory.ts';
import { fencedBlocks, page, tableRows } from './support/pages.ts';
import { temporaryDirectory } from './support/temporary-directory.ts';

const text = page('docs/file-formats.md');
const platform = nodePlatform();

interface Shown {
  readonly start: number;
  readonly bytes: Uint8Array;
}

/** The bytes that a block shows; its lines must follow one another. */
function shownIn(code: string): Shown {
  let start = -1;
  const bytes: number[] = [];
  for (const line of code.trimEnd().split('\n')) {
    const [, at = '', hex = ''] = /^([0-9a-f]{4}) {2}((?:[0-9a-f]{2} ?)+)/.exec(line) ?? [];
    if (start < 0) start = Number.parseInt(at, 16);
    expect(Number.parseInt(at, 16), line).toBe(start + bytes.length);
    bytes.push(...Buffer.from(hex.replaceAll(' ', ''), 'hex'));
  }
  return { start, bytes: Uint8Array.from(bytes) };
}

const blocksOf = (kind: string) => fencedBlocks(text).filter((block) => block.kind === kind);
const shownOf = (about: string) =>
  blocksOf('bytes')
    .filter((block) => block.about === about)
    .map(({ code }) => shownIn(code));
const codeOf = (kind: string, about: string) =>
  blocksOf(kind)
    .find((block) => block.about === about)
    ?.code.trim();

/** Schemas without what white space says. */
const plainSql = (sql: string) => sql.replaceAll(/\s+/g, ' ').replaceAll(';', '').trim();

function schemaOf(path: string): string {
  const database = platform.openDatabase(path, { durable: true });
  const sql = database.prepare('SELECT sql FROM sqlite_master WHERE sql NOT NULL').pluck().all();
  database.close();
  return plainSql(sql.join(' '));
}

describe('a data directory', () => {
  test('has the journal, the mark and the identity that are shown, to the last byte', async () => {
    const directory = temporaryDirectory();
    const heartbeat = await makeExampleDirectory(directory);
    const shown = shownOf('journal/1.journal');
    const journal = readFileSync(`${directory}/journal/1.journal`);
    const [header, ...entries] = shown;
    const expected = Buffer.alloc(journal.length);
    for (const { start, bytes } of shown) expected.set(bytes, start);
    expect(journal.equals(expected), 'the shown bytes are all that is not zero').toBe(true);
    expect(header?.start).toBe(0);
    let position = journalHeaderBytes;
    for (const { start, bytes } of entries) {
      expect(start, 'entries stand back to back').toBe(position);
      position += bytes.length;
    }
    expect(position).toBe(
      JSON.parse(codeOf('json', 'catalogue.db meta.value') ?? '').tail.position,
    );
    const mark = readFileSync(`${directory}/journal/mark`);
    expect(shownOf('journal/mark')).toEqual([{ start: 0, bytes: new Uint8Array(mark) }]);
    const identity = readFileSync(`${directory}/millrace.json`, 'utf8');
    expect(`${codeOf('text', 'millrace.json')}\n`).toBe(identity);
    expect(`${codeOf('text', 'processes/18191a1b1c1d1e1f')}\n`).toBe(heartbeat);
  });

  test('has the catalogue that is shown', async () => {
    const directory = temporaryDirectory();
    await makeExampleDirectory(directory);
    const path = `${directory}/catalogue.db`;
    expect(schemaOf(path)).toBe(plainSql(codeOf('sql', 'catalogue.db') ?? ''));
    const database = platform.openDatabase(path, { durable: true });
    for (const column of ['meta.value', 'topics.definition', 'tasks.state']) {
      const [table, name] = column.split('.');
      const values = database.prepare(`SELECT ${name} FROM ${table}`).pluck().all();
      expect(values).toEqual([codeOf('json', `catalogue.db ${column}`)]);
    }
    database.close();
  });
});

test('headers have the sizes that the text names', () => {
  const sizeIn = (before: string) => {
    const words = before.replaceAll(' ', '\\s+');
    return Number(new RegExp(`${words}\\s+(\\d+)\\b`).exec(text)?.[1]);
  };
  expect(sizeIn('An entry is a header of')).toBe(entryHeaderBytes);
  expect(sizeIn('the header has')).toBe(batchHeaderBytes);
  expect(sizeIn('the first entry stands at byte')).toBe(journalHeaderBytes);
});

/** One of each kind; the compiler refuses a kind that is missing. */
const operations: { readonly [Kind in Operation['kind']]: Operation & { readonly kind: Kind } } = {
  seal: { kind: 'seal' },
  append: {
    kind: 'append',
    topic: 1,
    partition: 0,
    baseOffset: 0,
    recordCount: 1,
    maxTimestamp: 0,
    length: 61,
    place: { file: 29, position: 0 },
  },
  commit: {
    kind: 'commit',
    task: 't',
    incarnation: 1,
    epoch: 1,
    clockMs: 0,
    positions: [{ topic: 1, partition: 0, offset: 1 }],
  },
  produced: { kind: 'produced', producer: 'p', sequence: 0, appends: 1 },
  claim: {
    kind: 'claim',
    task: 't',
    incarnation: 1,
    holder: { instance: 'i', pid: 1, host: 'h' },
  },
  release: { kind: 'release', task: 't', incarnation: 1 },
  createTopic: {
    kind: 'createTopic',
    topic: 1,
    name: 'n',
    partitions: 1,
    internal: false,
    futureTimestampsMaxMs: 0,
  },
  deleteTopic: { kind: 'deleteTopic', topic: 1 },
  logStart: { kind: 'logStart', topic: 1, partition: 0, offset: 1 },
  sorted: {
    kind: 'sorted',
    journal: 1,
    partitions: [
      {
        topic: 1,
        partition: 0,
        ranges: [{ base: 0, end: 1, maxTimestamp: 0, file: 5, position: 0, length: 61 }],
      },
    ],
  },
  roll: { kind: 'roll', journal: 2, fileId: 'f' },
};

/** Bytes of the fields that a row names, with texts of one byte and lists of one item. */
function bytesNamed(fields: string): number {
  const sizes: Readonly<Record<string, number>> = { u8: 1, u32: 4, i64: 8, text: 5, list: 4 };
  let bytes = 0;
  for (const [word] of fields.matchAll(/\b(?:u8|u32|i64|text|list)\b/g)) bytes += sizes[word] ?? 0;
  return bytes;
}

test('operations have the kinds and the fields that the table names', () => {
  const rows = tableRows(text, 'byte', 'operation', 'fields');
  const written = Object.values(operations).map((operation) => {
    const writer = new ByteWriter();
    const place = { sequence: 1, previousChecksum: 0, journal: 1, position: 0 };
    encodeEntry(writer, { ...place, fileId: new Uint8Array(8) }, [operation]);
    const bytes = writer.view().subarray(entryHeaderBytes);
    return { kind: operation.kind, byte: bytes[0], fieldBytes: bytes.length - 1 };
  });
  const named = rows.map(([byte, kind, fields = '']) => {
    return { kind, byte: Number(byte), fieldBytes: bytesNamed(fields) };
  });
  expect(named).toEqual(written.sort((a, b) => (a.byte ?? 0) - (b.byte ?? 0)));
});

test('databases have the settings that the table names', () => {
  const rows = tableRows(text, 'durability', 'setting', 'value');
  expect(rows).toHaveLength(6);
  for (const [durability, setting, value] of rows) {
    const durable = durability === 'disk';
    const database = platform.openDatabase(`${temporaryDirectory()}/a.db`, { durable });
    expect(String(database.pragma(`${setting}`, { simple: true })), setting).toBe(value);
    database.close();
  }
});

/** Of a store that a migration makes. */
const record = {
  name: 'n',
  kind: 'value',
  keyCodec: 'string',
  keyText: true,
  itemCodec: '',
  itemText: true,
  valueCodec: 'json',
  valueText: true,
  shape: '',
  version: 1,
  keyVersion: 1,
  itemVersion: 1,
  replaces: 2,
} as const;

test('a state file has the tables and the meta keys that are named', () => {
  const path = `${temporaryDirectory()}/task.db`;
  const database = platform.openDatabase(path, { durable: true });
  const file = new StateFile(database, path, { directoryId: 'd', task: 't' });
  file.claim(1);
  const declared = { key: storeKey(1), value: encodeStoreRecord(record) };
  const fold = foldInSlices(file, [declared], { from: 0, through: 1, incarnation: 1 }, 1);
  while (fold.next().done !== true);
  const keys = database.prepare('SELECT key FROM meta').pluck().all();
  file.close();
  expect(schemaOf(path)).toBe(plainSql(codeOf('sql', 'state') ?? ''));
  expect(
    tableRows(text, 'key in meta', 'value')
      .map(([key]) => key)
      .sort(),
  ).toEqual(keys.sort());
});

test('records of epochs have the bytes that are shown', () => {
  const nothing: EpochRecord = {
    kind: 'epoch',
    ...{ isStart: false, opening: undefined, moved: [], waiting: undefined, idle: undefined },
    ...{ watermark: undefined, fired: 0, endsFiring: false, outputs: undefined, failed: undefined },
  };
  const inputs = [{ topic: 'cups', topicId: 1, partition: 0, offset: 0 }];
  const written: readonly [string, EpochRecord | DropRecord][] = [
    [
      'started',
      {
        ...nothing,
        isStart: true,
        opening: { format: 2, epoch: 1, inputs, newStates: ['task/time'] },
      },
    ],
    [
      'epoch',
      {
        ...nothing,
        moved: [
          { input: 0, records: 300 },
          { input: 2, records: 1 },
        ],
        waiting: [false, false, true],
        idle: [false, true, false],
        ...{ watermark: 1000, fired: 5, endsFiring: true, outputs: 0xdf8744ed },
      },
    ],
    [
      'failures',
      {
        ...nothing,
        moved: [{ input: 0, records: 9 }],
        outputs: 0xdf8744ed,
        failed: [
          {
            input: 0,
            place: 4,
            failure: {
              ...{ outcome: 'dead letter', step: 'to-big', kind: 'sink', code: 'ENCODE' },
              ...{ message: 'No', attempts: 1 },
            },
          },
        ],
      },
    ],
    ['dropped', { kind: 'drop', epoch: 9, states: ['sums/accumulator'] }],
  ];
  for (const [about, record] of written) {
    const bytes = encodeEpochRecord(record);
    expect(shownOf(`epochs ${about}`)).toEqual([{ start: 0, bytes }]);
  }
  const rows = tableRows(text, 'bits', 'with', 'fields');
  expect(rows.map(([bits]) => bits)).toEqual(['0, 1', '0, 1', '0, 1', '0, 1', ...'234567']);
});

test('changelog keys have the bytes that are shown', () => {
  const key = stateKeyOf(5, Buffer.from('ada'));
  const written = [
    ['declared', storeKey(1)],
    ['value', valueKey(1, key)],
    ['timed', timedKey(2, 1000, key)],
    ['list', itemKey(3, key, placeOf(7))],
    ['map', itemKey(4, key, 'x')],
    ['all', allKey(4, key)],
  ] as const;
  for (const [about, bytes] of written) {
    expect(shownOf(`changelog ${about}`)).toEqual([{ start: 0, bytes: new Uint8Array(bytes) }]);
  }
  const columns = /CREATE TABLE stores \(([^)]+)\)/.exec(text)?.[1]?.split(',') ?? [];
  expect(columns).toHaveLength(
    1 + Object.keys(JSON.parse(`${Buffer.from(encodeStoreRecord(record))}`)).length,
  );
});

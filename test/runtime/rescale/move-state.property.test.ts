/**
 * - State of all kinds of stores, split among n tasks and these merged into m, and all of them into
 *   one, is what it was.
 * - Each task has the rows of its own key groups, and no others.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nodePlatform } from '../../../src/platform/index.ts';
import { taskOfGroup } from '../../../src/runtime/operators/send.ts';
import { StateMove } from '../../../src/runtime/rescale/move-state.ts';
import { NewStateFile, type RawRow } from '../../../src/runtime/rescale/new-state-file.ts';
import { Overlay, StateFile, type StoreRecord } from '../../../src/state/index.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const platform = nodePlatform();
const directoryId = 'directory';

const kinds = ['value', 'timed', 'list', 'map'] as const;

function recordOf(kind: (typeof kinds)[number], text: boolean): StoreRecord {
  const codec = { version: 1, keyVersion: 1, itemVersion: 1, shape: '' };
  const names = { keyCodec: 'json', itemCodec: kind === 'list' ? 'index' : '', valueCodec: 'json' };
  const texts = { keyText: text, itemText: text, valueText: text };
  return { name: `step/${kind} ${text}`, kind, ...codec, ...names, ...texts };
}

const cell = (text: boolean) =>
  text
    ? fc.string({ unit: 'grapheme' }).map((of) => Buffer.from(of).toString())
    : fc.uint8Array({ maxLength: 12 }).map((of) => Buffer.from(of));

const stores = kinds.flatMap((kind) => [true, false].map((text) => ({ kind, text })));

const rowsOf = ({ kind, text }: (typeof stores)[number]) => {
  const time = fc.bigInt({ min: -(2n ** 50n), max: 2n ** 50n });
  const place = fc.bigInt({ min: 0n, max: 2n ** 53n });
  const item = kind === 'list' ? place : kind === 'map' ? cell(text) : fc.constant('');
  const group = fc.integer({ min: 0, max: 127 }).map(BigInt);
  const row = fc.tuple(
    kind === 'timed' ? time : fc.constant(0n),
    group,
    cell(text),
    item,
    cell(text),
  );
  return fc.uniqueArray(row, { maxLength: 30, selector: ([a, b, c, d]) => shown([a, b, c, d]) });
};

const states = fc.tuple(...stores.map(rowsOf));
const tasks = fc.constantFrom(1, 2, 3, 5, 8, 128);

function shown(of: unknown): string {
  return JSON.stringify(of, (_, value) => (typeof value === 'bigint' ? `${value}n` : value));
}

function openFiles(directory: string, name: string, count: number): NewStateFile[] {
  return Array.from({ length: count }, (_, index) => {
    return new NewStateFile(platform, { directory, directoryId, task: `${name}-${index}` }, 1);
  });
}

function complete(files: readonly NewStateFile[]): void {
  for (const file of files) file.complete();
  for (const file of files) file.putInPlace();
}

/** What is in the file of a task: rows by the names of their stores. */
function withFile<Result>(
  directory: string,
  task: string,
  use: (overlay: Overlay, database: StateFile['database']) => Result,
): Result {
  const path = `${directory}/${task}.db`;
  const database = platform.openDatabase(path, { durable: false });
  const file = new StateFile(database, path, { directoryId, task });
  return use(new Overlay(database, file.stores(), []), database);
}

function rowsIn(directory: string, task: string): RawRow[] {
  return withFile(directory, task, (overlay, database) => {
    const rows = [...overlay.stores].flatMap(([number, { name }]) =>
      (
        database
          .prepare(`SELECT * FROM (${overlay.rowsOf(number)})`)
          .safeIntegers()
          .raw()
          .all() as RawRow[]
      ).map((row) => [...row, name] as unknown as RawRow),
    );
    database.close();
    return rows;
  });
}

async function moveTo(directory: string, from: readonly string[], name: string, count: number) {
  const files = openFiles(directory, name, count);
  const placeOf = () => ({ stages: [0], by: 'key', isCall: false }) as const;
  const move = new StateMove({ platform, places: { placeOf }, files: [files], onRows: () => {} });
  for (const task of from) {
    await withFile(directory, task, async (overlay, database) => {
      await move.add({ database, overlay });
      database.close();
    });
  }
  complete(files);
  return files.map(({ task }) => task);
}

const sorted = (rows: readonly RawRow[]) => rows.map(shown).sort();

test('state that is split and merged is what it was', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(states, tasks, fc.constantFrom(1, 2, 3, 8), async (state, n, m) => {
      const directory = temporaryDirectory();
      const [source] = openFiles(directory, 'source', 1) as [NewStateFile];
      for (const [i, rows] of state.entries()) {
        const { kind, text } = stores[i] as (typeof stores)[number];
        const store = source.storeOf(recordOf(kind, text));
        for (const row of rows) source.put(store, row);
      }
      complete([source]);
      const split = await moveTo(directory, ['source-0'], 'split', n);
      for (const [index, task] of split.entries()) {
        const groups = rowsIn(directory, task).map(([, group]) => Number(group));
        expect(groups.every((group) => taskOfGroup(group, n) === index)).toBe(true);
      }
      const again = await moveTo(directory, split, 'again', m);
      await moveTo(directory, again, 'merged', 1);
      expect(sorted(rowsIn(directory, 'merged-0'))).toEqual(sorted(rowsIn(directory, 'source-0')));
    }),
    { numRuns: 15 },
  );
});

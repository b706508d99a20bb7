import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type CsvFileOptions,
  csvFile,
  csvSink,
  deliver,
  ingest,
} from '../../src/connectors/index.ts';
import { sinkContract } from '../contracts/sink.ts';
import { sourceContract } from '../contracts/source.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { type Cup, cups, makeCups, memoryLog, pricesIn, untilTaken, upTo } from './fixtures.ts';

const columns = { by: 'string', price: 'number' } as const;
const rowsOf = (values: readonly Cup[]) =>
  values.map(({ by, price }) => `${by},${price}\n`).join('');

type Options = Omit<CsvFileOptions<typeof columns>, 'columns'>;

async function take(log: ReturnType<typeof memoryLog>, path: string, options: Options = {}) {
  await (await ingest(csvFile(path, { columns, ...options }), cups, { data: log })).done;
}

sourceContract('a CSV file', () => {
  const path = `${temporaryDirectory()}/cups.csv`;
  return {
    source(values) {
      writeFileSync(path, `by,price\n${rowsOf(values)}`);
      return csvFile(path, { columns });
    },
  };
});

sinkContract('a CSV file', async () => {
  const path = `${temporaryDirectory()}/cups.csv`;
  const row = ({ value }: { readonly value: Cup | null }) => value ?? { by: '', price: -1 };
  return {
    guarantee: 'exactly once',
    sink: () => csvSink(path, { columns, row }),
    contents: async () => {
      const text = readFileSync(path, 'utf8');
      return parse<{ price: number }>(text, { columns: true, cast: true });
    },
  };
});

describe('a CSV file', () => {
  test('with a quote that is never closed is refused by the line, however much follows', async () => {
    const path = `${temporaryDirectory()}/cups.csv`;
    writeFileSync(path, `by,price\nada,1\n"bob,2\n${'eve,3\n'.repeat(1_000_000)}`);
    const log = memoryLog();
    await expect(take(log, path)).rejects.toMatchObject({
      code: 'DECODE',
      message: expect.stringContaining('cups.csv, line 3:'),
    });
    expect(await pricesIn(log)).toEqual([1]);
  });

  test('is read as csv-parse reads it', async () => {
    const text = fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r', 'é', '🫖', ' ') });
    await fc.assert(
      fc.asyncProperty(fc.array(text, { minLength: 1, maxLength: 20 }), async (texts) => {
        const path = `${temporaryDirectory()}/cups.csv`;
        const rows = texts.map((by, i) => `"${by.replaceAll('"', '""')}",${i}\r\n`);
        writeFileSync(path, `by,price\n${rows.join('')}`);
        const log = memoryLog();
        await take(log, path);
        const values: (Cup | null)[] = [];
        for await (const { value } of log.records(cups)) values.push(value);
        values.sort((a, b) => (a?.price ?? 0) - (b?.price ?? 0));
        const parsed = parse<Cup>(readFileSync(path), { columns: true, bom: true });
        expect(values).toEqual(parsed.map(({ by, price }) => ({ by, price: Number(price) })));
      }),
      { numRuns: 25 },
    );
  });

  test('may have its columns in any order, others beside them, and a byte order mark', async () => {
    const path = `${temporaryDirectory()}/cups.csv`;
    writeFileSync(path, '\ufeffprice;"on; which";by\n0;"a\nb";ada\n1;;bob\n');
    const log = memoryLog();
    await take(log, path, { delimiter: ';' });
    expect(await pricesIn(log)).toEqual([0, 1]);
    writeFileSync(path, 'ada,2\n');
    await expect(take(log, path)).rejects.toMatchObject({ code: 'INVALID' });
    const other = memoryLog();
    await take(other, path, { header: false });
    expect(await pricesIn(other)).toEqual([2]);
  });

  test('names the line of a row that does not fit, counting line ends in quotes', async () => {
    const path = `${temporaryDirectory()}/cups.csv`;
    writeFileSync(path, 'by,price\n"a\n\nb",0\nada,much\n');
    const log = memoryLog();
    await expect(take(log, path)).rejects.toThrow(
      `${path}, line 5: "ada,much" is no row of these columns (at "price": "much" is no number)`,
    );
    expect(await pricesIn(log)).toEqual([0]);
  });

  test('is followed while it grows, from before its first row on', async () => {
    const path = `${temporaryDirectory()}/cups.csv`;
    writeFileSync(path, 'by,pr');
    const log = memoryLog();
    const source = csvFile(path, { columns, follow: true });
    const handle = await ingest(source, cups, { data: log });
    appendFileSync(path, 'ice\n"ada\n');
    appendFileSync(path, '",0\nbob,1');
    await untilTaken(log, 1, handle);
    appendFileSync(path, '\n');
    await untilTaken(log, 2, handle);
    await handle.stop();
    expect(await pricesIn(log)).toEqual(upTo(2));
  });

  test('names the record whose row does not fit', async () => {
    const path = `${temporaryDirectory()}/cups.csv`;
    writeFileSync(path, `by,price\n${rowsOf(makeCups(1))}`);
    const log = memoryLog();
    await take(log, path);
    const row = () => ({ by: 'ada', price: Number.NaN });
    const handle = await deliver(cups, csvSink(path, { columns, row }), { data: log });
    await expect(handle.done).rejects.toThrow('record cups-0-0: ');
  });
});

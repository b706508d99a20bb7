/** Parquet files, as DuckDB writes them. */
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { DuckDBInstance } from '@duckdb/node-api';
import { beforeAll, describe, expect, test } from 'vitest';
import { ingest, parquetFile, type Source } from '../../src/connectors/index.ts';
import { nodePlatform } from '../../src/platform/index.ts';
import type { Log } from '../../src/runtime/index.ts';
import { suiteDirectory } from '../support/temporary-directory.ts';
import { type Cup, cups, makeCups, memoryLog, pricesIn, untilTaken, upTo } from './fixtures.ts';

const directory = suiteDirectory();
const many = 5000; // in three row groups

beforeAll(async () => {
  const connection = await (await DuckDBInstance.create()).connect();
  writeFileSync(`${directory}/cups.json`, JSON.stringify(makeCups(many)));
  for (const compression of ['snappy', 'zstd', 'uncompressed']) {
    await connection.run(
      `COPY (SELECT * FROM '${directory}/cups.json') TO '${directory}/${compression}.parquet' ` +
        `(COMPRESSION ${compression}, ROW_GROUP_SIZE 2048)`,
    );
  }
  connection.closeSync();
});

/** DuckDB takes the numbers of JSON for 64-bit integers. */
const cupOf = ({ price, ...rest }: { readonly price: bigint }): Cup =>
  ({ ...rest, price: Number(price) }) as Cup; // all that a cup has

const fileOf = (compression: string) => `${directory}/${compression}.parquet`;
const source = (compression: string) => parquetFile(fileOf(compression), { value: cupOf });

async function take(log: Log, of: Source<Cup>): Promise<void> {
  await (await ingest(of, cups, { data: log })).done;
}

describe('a Parquet file as a source', () => {
  test.each(['snappy', 'zstd', 'uncompressed'])('gives all rows: %s', async (compression) => {
    const log = memoryLog();
    await take(log, source(compression));
    expect(await pricesIn(log)).toEqual(upTo(many));
  });

  test('is read exactly once, however often the ingest is stopped', async () => {
    const log = memoryLog();
    for (let taken = 0; taken < many; ) {
      const handle = await ingest(source('snappy'), cups, { data: log });
      await untilTaken(log, Math.min(many, taken + 1), handle);
      await handle.stop();
      taken = (await pricesIn(log)).length;
    }
    expect(await pricesIn(log)).toEqual(upTo(many));
  });

  test('goes on behind any row', async () => {
    const stopped = new AbortController();
    const context = { signal: stopped.signal, platform: nodePlatform() };
    const positions: unknown[] = [];
    for await (const batch of source('zstd').read({ ...context, position: undefined })) {
      positions.push(...batch.map(({ position }) => position));
    }
    for (const rows of [1, 1024, 2047, 2048, 2049, 4999, 5000]) {
      const kept = JSON.parse(JSON.stringify(positions[rows - 1]));
      const rest: number[] = [];
      for await (const batch of source('zstd').read({ ...context, position: kept })) {
        rest.push(...batch.map(({ value }) => value.price));
      }
      expect(rest).toEqual(upTo(many).slice(rows));
    }
  });

  test('has only the columns that are asked for', async () => {
    const stopped = new AbortController();
    const context = { signal: stopped.signal, platform: nodePlatform(), position: undefined };
    for await (const [first] of parquetFile(fileOf('snappy'), { columns: ['price'] }).read(
      context,
    )) {
      expect(Object.keys(first?.value ?? {})).toEqual(['price']);
      break;
    }
  });

  test('a file that took the place of another one is refused', async () => {
    const path = `${directory}/replaced.parquet`;
    writeFileSync(path, readFileSync(fileOf('snappy')));
    const log = memoryLog();
    const replaced = () => parquetFile(path, { value: cupOf });
    await take(log, replaced());
    writeFileSync(path, readFileSync(fileOf('zstd')));
    await expect(take(log, replaced())).rejects.toMatchObject({ code: 'FILE_MISMATCH' });
  });

  test('a file that is none, or was cut, is refused by name', async () => {
    const path = `${directory}/cut.parquet`;
    writeFileSync(path, readFileSync(fileOf('snappy')));
    truncateSync(path, 3000);
    const failure = take(memoryLog(), parquetFile(path, { value: cupOf }));
    await expect(failure).rejects.toMatchObject({
      code: 'DECODE',
      message: expect.stringContaining("cut.parquet can't be read as Parquet"),
    });
    const missing = take(memoryLog(), parquetFile(`${directory}/none.parquet`, { value: cupOf }));
    await expect(missing).rejects.toMatchObject({ code: 'IO' });
  });
});

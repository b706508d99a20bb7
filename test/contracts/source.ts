/** What every `Source` keeps; each runs this suite. */
import { describe, expect, test } from 'vitest';
import { ingest, type Source, type SourceRecord } from '../../src/connectors/index.ts';
import { nodePlatform } from '../../src/platform/index.ts';
import {
  type Cup,
  cups,
  makeCups,
  memoryLog,
  pricesIn,
  untilTaken,
  upTo,
} from '../connectors/fixtures.ts';

export interface SourceHarness {
  /**
   * A source of these cups, as a program that is started again would make it. `taken`: how many of
   * them are in the topic, for sources that can't go on by themselves.
   */
  source(cups: readonly Cup[], taken: number): Source<Cup, unknown> | Promise<Source<Cup, unknown>>;
}

const platform = nodePlatform();

/** Reads until `count` records have come. */
async function read(
  source: Source<Cup, unknown>,
  position: unknown,
  count: number,
): Promise<SourceRecord<Cup>[]> {
  const stopped = new AbortController();
  const records: SourceRecord<Cup>[] = [];
  if (count === 0) return records;
  for await (const batch of source.read({ position, signal: stopped.signal, platform })) {
    records.push(...batch);
    if (records.length >= count) break;
  }
  stopped.abort();
  return records;
}

export function sourceContract(name: string, harness: () => SourceHarness): void {
  describe(`${name} as a source`, () => {
    test('gives all records, in their order', async () => {
      const records = await read(await harness().source(makeCups(700), 0), undefined, 700);
      expect(records.map(({ value }) => value)).toEqual(makeCups(700));
    });

    test('goes on behind any record that it has given a position for', async () => {
      const { source } = harness();
      const records = await read(await source(makeCups(25), 0), undefined, 25);
      for (const [i, { position }] of records.entries()) {
        if (position === undefined) continue;
        const kept: unknown = JSON.parse(JSON.stringify(position));
        const rest = await read(await source(makeCups(30), 0), kept, 29 - i);
        expect(rest.map(({ value }) => value.price)).toEqual(upTo(30).slice(i + 1));
      }
    });

    test('is read exactly once, however often the ingest is stopped', async () => {
      const { source } = harness();
      const log = memoryLog();
      for (const count of [0, 1, 300, 300, 301, 700]) {
        const taken = (await pricesIn(log)).length;
        const handle = await ingest(await source(makeCups(count), taken), cups, { data: log });
        await untilTaken(log, count, handle);
        await handle.stop();
        expect(await pricesIn(log)).toEqual(upTo(count));
      }
    });

    test('ends when the ingest is stopped at once', async () => {
      const handle = await ingest(await harness().source(makeCups(5), 0), cups, {
        data: memoryLog(),
      });
      await handle.stop();
      expect(handle.status().state).toBe('ended');
    });
  });
}

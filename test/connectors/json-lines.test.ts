import { appendFileSync, readFileSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { deliver, ingest, jsonLines, jsonLinesSink } from '../../src/connectors/index.ts';
import type { Log } from '../../src/runtime/index.ts';
import { sinkContract } from '../contracts/sink.ts';
import { sourceContract } from '../contracts/source.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import {
  type Cup,
  cups,
  makeCups,
  memoryLog,
  pricesIn,
  untilRunning,
  untilTaken,
  upTo,
} from './fixtures.ts';

function linesOf(values: readonly unknown[]): string {
  return values.map((value) => `${JSON.stringify(value)}\n`).join('');
}

async function take(log: Log, path: string): Promise<void> {
  await (await ingest(jsonLines<Cup>(path), cups, { data: log })).done;
}

sourceContract('a file of JSON lines', () => {
  const path = `${temporaryDirectory()}/cups.jsonl`;
  return {
    source(values) {
      writeFileSync(path, linesOf(values));
      return jsonLines(path);
    },
  };
});

sourceContract('a file of JSON lines that is followed', () => {
  const path = `${temporaryDirectory()}/cups.jsonl`;
  return {
    source(values) {
      writeFileSync(path, linesOf(values));
      return jsonLines(path, { follow: true });
    },
  };
});

sinkContract('a file of JSON lines', async () => {
  const path = `${temporaryDirectory()}/cups.jsonl`;
  return {
    guarantee: 'exactly once',
    sink: () => jsonLinesSink(path),
    contents: async () =>
      readFileSync(path, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line)),
  };
});

describe('a file that is read', () => {
  test('may grow by any bytes, torn inside of lines and characters', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 12 }),
        fc.boolean(),
        async (pieces, isLong) => {
          const path = `${temporaryDirectory()}/cups.jsonl`;
          const by = isLong ? '🫖é'.repeat(3000) : '🫖é';
          const values = makeCups(6).map((cup) => ({ ...cup, by }));
          const bytes = Buffer.from(linesOf(values).replaceAll('\n', '\r\n\n'));
          const log = memoryLog();
          let at = 0;
          for (const piece of [...pieces, bytes.length]) {
            const to = Math.min(bytes.length, at + (isLong ? piece * 991 : piece));
            appendFileSync(path, bytes.subarray(at, to));
            at = to;
            const handle = await ingest(jsonLines<Cup>(path, { follow: true }), cups, {
              data: log,
            });
            await untilRunning(handle);
            const ended = bytes.subarray(0, at).toString('latin1').split('\n\n').length - 1;
            await untilTaken(log, ended, handle);
            await handle.stop();
          }
          expect(await pricesIn(log)).toEqual(upTo(6));
        },
      ),
      { numRuns: Number(process.env.MILLRACE_SCRIPTS ?? 15) },
    );
  });

  test('is followed while it grows', async () => {
    const path = `${temporaryDirectory()}/cups.jsonl`;
    writeFileSync(path, '');
    const log = memoryLog();
    const handle = await ingest(jsonLines<Cup>(path, { follow: true }), cups, { data: log });
    for (const [i, cup] of makeCups(3).entries()) {
      const line = linesOf([cup]);
      appendFileSync(path, line.slice(0, 5));
      await new Promise(setImmediate);
      appendFileSync(path, line.slice(5));
      await untilTaken(log, i + 1, handle);
    }
    await handle.stop();
    expect(await pricesIn(log)).toEqual(upTo(3));
  });

  test('needs no line end behind its last line, but may not go on there', async () => {
    const path = `${temporaryDirectory()}/cups.jsonl`;
    writeFileSync(path, linesOf(makeCups(2)).trimEnd());
    const log = memoryLog();
    await take(log, path);
    expect(await pricesIn(log)).toEqual([0, 1]);
    appendFileSync(path, `\n${linesOf(makeCups(3).slice(2)).trimEnd()}`);
    await take(log, path);
    expect(await pricesIn(log)).toEqual([0, 1, 2]);
    appendFileSync(path, '5\n');
    await expect(take(log, path)).rejects.toThrow('line 3 went on after it was read');
  });

  test('is left at a line that is no JSON, and goes on there when it is corrected', async () => {
    const path = `${temporaryDirectory()}/cups.jsonl`;
    const log = memoryLog();
    writeFileSync(path, `${linesOf(makeCups(2))}\n{"by":"cy","price":\n${linesOf(makeCups(1))}`);
    await expect(take(log, path)).rejects.toThrow(`${path}, line 4 is no JSON. Correct the line`);
    expect(await pricesIn(log)).toEqual([0, 1]);
    writeFileSync(path, linesOf(makeCups(2)) + linesOf(makeCups(9).slice(2)));
    await take(log, path);
    expect(await pricesIn(log)).toEqual(upTo(9));
  });

  test('is refused where a character is torn', async () => {
    const path = `${temporaryDirectory()}/cups.jsonl`;
    const bytes = Buffer.from(linesOf([{ by: 'é', price: 1 }]));
    writeFileSync(path, bytes.subarray(0, bytes.indexOf(0xc3) + 1));
    await expect(take(memoryLog(), path)).rejects.toThrow(
      `${path}, line 1 is not UTF-8. It has no line end: if the file is still being written`,
    );
  });

  test('is refused where it is missing, was cut, or is another one', async () => {
    const path = `${temporaryDirectory()}/cups.jsonl`;
    const log = memoryLog();
    await expect(take(log, path)).rejects.toThrow(`There is no file ${path} to read.`);
    writeFileSync(path, linesOf(makeCups(900)));
    await take(log, path);
    truncateSync(path, 100);
    await expect(take(log, path)).rejects.toThrow('it has 100 bytes, of which');
    writeFileSync(path, linesOf(makeCups(950).toReversed()));
    await expect(take(log, path)).rejects.toThrow(
      /the bytes before byte \d+ \(line 901\) are others/,
    );
    expect(await pricesIn(log)).toEqual(upTo(900));
  });

  test('is refused where another takes its place while it is followed', async () => {
    const path = `${temporaryDirectory()}/cups.jsonl`;
    writeFileSync(path, linesOf(makeCups(3)));
    const log = memoryLog();
    const handle = await ingest(jsonLines<Cup>(path, { follow: true }), cups, { data: log });
    await untilTaken(log, 3, handle);
    writeFileSync(`${path}.new`, linesOf(makeCups(9).slice(4)));
    renameSync(`${path}.new`, path);
    await expect(handle.done).rejects.toMatchObject({ code: 'FILE_MISMATCH' });
  });
});

describe('a file that is written', () => {
  test('keeps what was in it, and loses what was never committed', async () => {
    const path = `${temporaryDirectory()}/cups.jsonl`;
    writeFileSync(path, 'a line before\n');
    const log = memoryLog();
    await (await ingest(jsonLinesSource(makeCups(4)), cups, { data: log })).done;
    const sink = jsonLinesSink<string, Cup>(path, { line: ({ value }) => value?.price });
    await (await deliver(cups, sink, { data: log })).stop({ drain: true });
    appendFileSync(path, '17');
    await (await deliver(cups, sink, { data: log })).stop({ drain: true });
    expect(readFileSync(path, 'utf8')).toBe('a line before\n0\n2\n1\n3\n');
  });

  test('is refused where it has become shorter, or JSON can not hold a line', async () => {
    const path = `${temporaryDirectory()}/cups.jsonl`;
    const log = memoryLog();
    await (await ingest(jsonLinesSource(makeCups(4)), cups, { data: log })).done;
    await (await deliver(cups, jsonLinesSink(path), { data: log })).stop({ drain: true });
    truncateSync(path, 3);
    const again = await deliver(cups, jsonLinesSink(path), { data: log });
    await expect(again.done).rejects.toThrow(`${path} has 3 bytes, but 91 were delivered`);
    const lineless = jsonLinesSink(`${path}.2`, { line: () => undefined });
    const other = await deliver(cups, lineless, { data: log, name: 'other' });
    await expect(other.done).rejects.toThrow('record cups-0-0: its line is undefined');
  });
});

function jsonLinesSource(values: readonly Cup[]) {
  const path = `${temporaryDirectory()}/in.jsonl`;
  writeFileSync(path, linesOf(values));
  return jsonLines<Cup>(path);
}

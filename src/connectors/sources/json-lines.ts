/** Files with a JSON value in each line. */
import { checkOptions, MillraceError } from '../../platform/index.ts';
import type { Source, SourceRecord } from '../source.ts';
import { type FileLine, fileLines, type LinePosition } from './file-lines.ts';

export interface FileOptions {
  /**
   * At the end of the file wait for more lines, until the ingest is stopped. A line is read when
   * its end is there. Default false: the source ends with the file, and a last line needs no end.
   */
  readonly follow?: boolean;
}

/**
 * A file of JSON lines: UTF-8, a value in each line. Lines that were read are never read again, so
 * each is in the topic exactly once; the file may grow, but what was read must stay. Empty lines
 * are passed over.
 *
 * The ingest fails with `DECODE` for a line that is no JSON, with its number; with `FILE_MISMATCH`
 * where the file was replaced or cut. What the lines hold is not checked here: the codec of the
 * topic does, `json(schema)` against a schema.
 *
 * @example
 * await ingest(jsonLines<Flight>('flights.jsonl', { follow: true }), flights, { data: './data' });
 */
export function jsonLines<Value>(
  path: string,
  options: FileOptions = {},
): Source<Value, LinePosition> {
  checkOptions('jsonLines()', options, ['follow']);
  const { follow = false } = options;
  return {
    name: path,
    async *read(context) {
      for await (const lines of fileLines({ path, follow, quotes: false }, context)) {
        // The codec of the topic checks the values.
        yield* recordsOf(path, lines, (line) => parsed(path, line) as Value);
      }
    },
  };
}

/** The records of some lines; before a line that can't be decoded, those in front of it. */
export function* recordsOf<Value>(
  path: string,
  lines: readonly FileLine[],
  decode: (line: FileLine) => Value,
): Generator<SourceRecord<Value, LinePosition>[], void, void> {
  const records: SourceRecord<Value, LinePosition>[] = [];
  for (const line of lines) {
    let value: Value;
    try {
      value = decode(line);
    } catch (error) {
      if (records.length > 0) yield records;
      throw error;
    }
    const place = `${path}, line ${line.line}`;
    records.push({
      value,
      place,
      get position() {
        return line.position;
      },
    });
  }
  yield records;
}

const decoder = new TextDecoder('utf-8', { fatal: true });

function parsed(path: string, line: FileLine): unknown {
  try {
    return JSON.parse(decoder.decode(line.bytes));
  } catch (cause) {
    const why = cause instanceof SyntaxError ? 'is no JSON' : 'is not UTF-8';
    throw new MillraceError('DECODE', `${path}, line ${line.line} ${why}. ${remedyFor(line)}`, {
      cause,
    });
  }
}

/** For a line that can't be decoded. */
export function remedyFor(line: FileLine): string {
  return line.isEnded
    ? 'Correct the line; the ingest goes on there.'
    : 'It has no line end: if the file is still being written, read it with { follow: true }.';
}

/**
 * Lines of a file, exactly once: the length of the file is committed with the positions, and what
 * was written beyond it by a process that died is cut off before anything more is written.
 *
 *   line 1 \n | line 2 \n | line 3 \n | lin          after a crash
 *                         ^ committed    ^ cut off, and written again
 *
 * So the file holds each record once whenever a delivery runs or has been stopped. Who reads it
 * meanwhile may see lines that are then cut off and written again.
 */
import { type CsvColumns, type CsvRowOf, csv } from '../../formats/index.ts';
import { checkOptions, type File, MillraceError, type Platform } from '../../platform/index.ts';
import { atPlace } from '../ingest-attempt.ts';
import type { DeliveredRecord, OpenSink, Sink } from '../sink.ts';

interface FileMark {
  readonly bytes: number;
}

export interface JsonLinesSinkOptions<Key, Value> {
  /** What is written of a record. Default: its value. */
  readonly line?: (record: DeliveredRecord<Key, Value>) => unknown;
}

/**
 * Appends each record as a line of JSON to a file, which is made where it is missing; what is in it
 * stays. The file holds each record once; nobody else may write to it.
 *
 * Fails with `ENCODE` for what is no JSON, with `FILE_MISMATCH` for a file that has become shorter.
 *
 * @example
 * deliver(delays, jsonLinesSink('delays.jsonl', {
 *   line: ({ key, value }) => ({ origin: key, ...value }),
 * }), { data: './data' });
 */
export function jsonLinesSink<Key, Value>(
  path: string,
  options: JsonLinesSinkOptions<Key, Value> = {},
): Sink<Key, Value> {
  checkOptions('jsonLinesSink()', options, ['line']);
  const { line = ({ value }) => value } = options;
  return fileSink(path, '', (record) => jsonOf(line(record), record.id));
}

export interface CsvSinkOptions<Columns extends CsvColumns, Key, Value> {
  /** Name and type of the columns; see `csv`. */
  readonly columns: Columns;
  /** The row that is written of a record. */
  readonly row: (record: DeliveredRecord<Key, Value>) => CsvRowOf<Columns>;
  /** One character. Default `','`. */
  readonly delimiter?: string;
}

/**
 * Appends each record as a row of CSV to a file, as `jsonLinesSink` does lines. An empty file gets
 * a first row with the names of the columns.
 *
 * @example
 * deliver(delays, csvSink('delays.csv', {
 *   columns: { origin: 'string?', flights: 'number?' },
 *   row: ({ key, value }) => ({ origin: key, flights: value?.flights ?? null }),
 * }), { data: './data' });
 */
export function csvSink<const Columns extends CsvColumns, Key, Value>(
  path: string,
  options: CsvSinkOptions<Columns, Key, Value>,
): Sink<Key, Value> {
  checkOptions('csvSink()', options, ['columns', 'row', 'delimiter']);
  const { columns, row, delimiter = ',' } = options;
  const codec = csv({ columns, delimiter });
  const names = Object.keys(columns).map((name) => [name, 'string'] as const);
  const header = csv({ columns: Object.fromEntries(names), delimiter });
  const titles = Object.fromEntries(names.map(([name]) => [name, name]));
  return fileSink(path, Buffer.from(header.encode(titles)).toString(), (record) => {
    try {
      return Buffer.from(codec.encode(row(record))).toString();
    } catch (error) {
      throw atPlace(error, `record ${record.id}`);
    }
  });
}

/** `header`: the first line of a file that is empty. */
function fileSink<Key, Value>(
  path: string,
  header: string,
  lineOf: (record: DeliveredRecord<Key, Value>) => string,
): Sink<Key, Value> {
  return {
    name: path,
    open({ platform, mark }) {
      const file = openFile(platform, path);
      try {
        const committed = mark as FileMark | undefined; // as `write` returned it
        return openFileSink(file, path, committed?.bytes, header, lineOf);
      } catch (error) {
        file.close();
        throw error;
      }
    },
  };
}

function openFileSink<Key, Value>(
  file: File,
  path: string,
  committed: number | undefined,
  header: string,
  lineOf: (record: DeliveredRecord<Key, Value>) => string,
): OpenSink<Key, Value> {
  const size = file.size();
  let bytes = committed ?? size;
  if (size < bytes) throw shorter(path, size, bytes);
  file.truncate(bytes);
  return {
    mark: { bytes } satisfies FileMark,
    write({ records }): FileMark {
      let text = bytes === 0 && header !== '' ? `${header}\n` : '';
      for (const record of records) text += `${lineOf(record)}\n`;
      const lines = Buffer.from(text);
      file.write(lines, bytes);
      file.sync();
      bytes += lines.length;
      return { bytes };
    },
    close: () => file.close(),
  };
}

/** Also durable by its name. */
function openFile(platform: Platform, path: string): File {
  const { files } = platform;
  const file = files.open(path, files.exists(path) ? 'write' : 'create');
  const at = path.lastIndexOf('/');
  files.syncDirectory(at < 0 ? '.' : path.slice(0, Math.max(1, at)));
  return file;
}

function jsonOf(value: unknown, id: string): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (cause) {
    throw new MillraceError('ENCODE', `record ${id}: JSON can't hold its line.`, { cause });
  }
  if (text !== undefined) return text;
  throw new MillraceError('ENCODE', `record ${id}: its line is ${typeof value}, which is no JSON.`);
}

function shorter(path: string, size: number, bytes: number): MillraceError {
  return new MillraceError(
    'FILE_MISMATCH',
    `${path} has ${size} bytes, but ${bytes} were delivered: it was cut or replaced. Put the ` +
      'file back, or deliver under another name.',
  );
}

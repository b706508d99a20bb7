/**
 * Files of Apache Parquet, read by the package hyparquet: a row group at a time, for such a file
 * keeps the values of a column together.
 *
 * A file of Parquet is written once and does not grow. A position says how many rows were taken, of
 * a file of this size with this end: what a row is, and how many there are, is said at the end.
 */
import { crc32 } from 'node:zlib';
import type { AsyncBuffer, Compressors, FileMetaData } from 'hyparquet';
import { checkOptions, type File, MillraceError, messageOf } from '../../platform/index.ts';
import type { Source, SourceContext, SourceRecord } from '../source.ts';
import { openFile, readBytes } from './file-lines.ts';

export interface ParquetPosition {
  /** Rows that were taken. */
  readonly rows: number;
  readonly fileBytes: number;
  /** CRC-32 of the end of the file, at most 4 KiB. */
  readonly end: number;
}

export interface ParquetFileOptions<Row, Value> {
  /** Only these columns are read. Default: all. */
  readonly columns?: readonly string[];
  /**
   * Makes a value of each row. Default: the row, an object. 64-bit integers are of type bigint,
   * times are Dates, and bytes a Uint8Array: JSON keeps none of them.
   */
  readonly value?: (row: Row) => Value;
}

const endBytesMax = 4096;

/** Rows in a batch. */
const batchRows = 1024;

/**
 * The rows of a Parquet file, each in the topic exactly once. It needs the package hyparquet, and
 * for other compressions than Snappy also hyparquet-compressors.
 *
 * The ingest fails with `INVALID` where a package is missing, with `DECODE` where the file can't be
 * read as Parquet, with `FILE_MISMATCH` where it was replaced.
 *
 * @example
 * const source = parquetFile('flights.parquet', {
 *   columns: ['time', 'origin', 'delay'],
 *   value: ({ time, origin, delay }: Row): Flight => ({ date: time.getTime(), origin, delay }),
 * });
 */
export function parquetFile<Row = Readonly<Record<string, unknown>>, Value = Row>(
  path: string,
  options: ParquetFileOptions<Row, Value> = {},
): Source<Value, ParquetPosition> {
  checkOptions('parquetFile()', options, ['columns', 'value']);
  return {
    name: path,
    async *read(context) {
      const file = openFile(context.platform, path);
      try {
        yield* rowsOf(path, file, options, context);
      } finally {
        file.close();
      }
    },
  };
}

async function* rowsOf<Row, Value>(
  path: string,
  file: File,
  { columns, value = (row) => row as unknown as Value }: ParquetFileOptions<Row, Value>,
  { position, signal }: SourceContext<ParquetPosition>,
): AsyncGenerator<SourceRecord<Value, ParquetPosition>[], void, void> {
  const { parquetMetadataAsync, parquetReadObjects } = await load(path);
  const compressors = await loadCompressors();
  const of = identityOf(file);
  requireSame(path, position, of);
  const buffer = bufferOf(file);
  const metadata = await decoding(path, () => parquetMetadataAsync(buffer));
  let first = 0;
  for (const { num_rows } of metadata.row_groups) {
    const end = first + Number(num_rows);
    const taken = Math.max(first, position?.rows ?? 0);
    first = end;
    if (taken >= end) continue;
    const rows = await decoding(path, () =>
      parquetReadObjects({
        ...{ file: buffer, metadata, compressors, rowStart: taken, rowEnd: end },
        ...(columns === undefined ? {} : { columns: [...columns] }),
      }),
    );
    for (let i = 0; i < rows.length && !signal.aborted; i += batchRows) {
      yield rows.slice(i, i + batchRows).map((row, j) => ({
        value: value(row as Row), // as the file says
        place: `${path}, row ${taken + i + j + 1}`,
        position: { ...of, rows: taken + i + j + 1 },
      }));
    }
  }
}

type Identity = Omit<ParquetPosition, 'rows'>;

function identityOf(file: File): Identity {
  const fileBytes = file.size();
  const end = readBytes(file, Math.max(0, fileBytes - endBytesMax), endBytesMax);
  return { fileBytes, end: crc32(end) };
}

function requireSame(path: string, before: ParquetPosition | undefined, now: Identity): void {
  if (before === undefined) return;
  if (before.fileBytes === now.fileBytes && before.end === now.end) return;
  throw new MillraceError(
    'FILE_MISMATCH',
    `${path} is not the file of which ${before.rows} rows were read before. Put that one back, ` +
      'or ingest this one under another name.',
  );
}

function bufferOf(file: File): AsyncBuffer {
  return {
    byteLength: file.size(),
    slice(start, end = file.size()) {
      const { buffer, byteLength } = readBytes(file, start, end - start);
      return byteLength === buffer.byteLength ? buffer : buffer.slice(0, byteLength);
    },
  };
}

async function decoding<Result>(path: string, decode: () => Promise<Result>): Promise<Result> {
  try {
    return await decode();
  } catch (cause) {
    const why = messageOf(cause);
    const remedy = why.includes('compression codec')
      ? 'npm install hyparquet-compressors'
      : 'Look at the file with another tool';
    throw new MillraceError('DECODE', `${path} can't be read as Parquet: ${why}. ${remedy}.`, {
      cause,
    });
  }
}

interface Hyparquet {
  parquetMetadataAsync(file: AsyncBuffer): Promise<FileMetaData>;
  parquetReadObjects(options: {
    readonly file: AsyncBuffer;
    readonly metadata: FileMetaData;
    readonly compressors: Compressors;
    readonly rowStart: number;
    readonly rowEnd: number;
    columns?: string[];
  }): Promise<readonly Record<string, unknown>[]>;
}

async function load(path: string): Promise<Hyparquet> {
  try {
    return await import('hyparquet');
  } catch (cause) {
    throw new MillraceError(
      'INVALID',
      `Reading ${path} needs the package hyparquet: npm install hyparquet`,
      { cause },
    );
  }
}

/** Snappy is known to hyparquet itself. */
async function loadCompressors(): Promise<Compressors> {
  try {
    return (await import('hyparquet-compressors')).compressors;
  } catch {
    return {};
  }
}

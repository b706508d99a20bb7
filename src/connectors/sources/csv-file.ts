/** CSV files: a row is a value, its fields have types. */
import {
  type CsvColumns,
  type CsvRowOf,
  type CsvType,
  csv,
  csvFields,
  type Decoder,
} from '../../formats/index.ts';
import { checkOptions, MillraceError, messageOf } from '../../platform/index.ts';
import type { Source, SourceContext } from '../source.ts';
import { type FileLine, fileLines, type LinePosition } from './file-lines.ts';
import { type FileOptions, recordsOf, remedyFor } from './json-lines.ts';

export interface CsvFileOptions<Columns extends CsvColumns> extends FileOptions {
  /** Name and type of the columns to read; see `csv`. */
  readonly columns: Columns;
  /** One character. Default `','`. */
  readonly delimiter?: string;
  /**
   * Whether the first row has the names of the columns: they may then stand in any order, and
   * others may be there, which are not read. Default true; without, the file has these columns,
   * in their order.
   */
  readonly header?: boolean;
}

/**
 * A CSV file, quoted as in RFC 4180, in UTF-8. Rows that were read are never read again, so each is
 * in the topic exactly once; the file may grow, but what was read must stay.
 *
 * The ingest fails with `DECODE` for a row that does not fit, with its line; with `FILE_MISMATCH`
 * where the file was replaced or cut; with `INVALID` where the header lacks a column.
 *
 * @example
 * const source = csvFile('flights.csv', { columns: { origin: 'string', delay: 'number?' } });
 * await ingest(source, flights, { data: './data' });
 */
export function csvFile<const Columns extends CsvColumns>(
  path: string,
  options: CsvFileOptions<Columns>,
): Source<CsvRowOf<Columns>, LinePosition> {
  checkOptions('csvFile()', options, ['columns', 'delimiter', 'header', 'follow']);
  const { columns, delimiter = ',', header = true, follow = false } = options;
  const plain = csv({ columns, delimiter }); // also checks them
  return {
    name: path,
    async *read(context) {
      const first = header ? await firstRow(path, follow, context) : undefined;
      const decoder =
        first === undefined
          ? plain
          : decoderFor(path, namesIn(first, delimiter), columns, delimiter);
      const decode = (line: FileLine): CsvRowOf<Columns> => {
        try {
          const row = decoder.decode(line.bytes, 0, line.bytes.length);
          return row as CsvRowOf<Columns>; // as the columns say
        } catch (cause) {
          const message = `${path}, line ${line.line}: ${messageOf(cause)} ${remedyFor(line)}`;
          throw new MillraceError('DECODE', message, { cause });
        }
      };
      for await (const lines of fileLines({ path, follow, quotes: true }, context)) {
        const rows = lines[0]?.line === first?.line ? lines.slice(1) : lines;
        yield* recordsOf(path, rows, decode);
      }
    },
  };
}

/** Undefined for an empty file. */
async function firstRow(
  path: string,
  follow: boolean,
  { signal, platform }: Omit<SourceContext<LinePosition>, 'position'>,
): Promise<FileLine | undefined> {
  const context = { position: undefined, signal, platform };
  for await (const [row] of fileLines({ path, follow, quotes: true }, context)) return row;
  return undefined;
}

function namesIn(row: FileLine, delimiter: string): string[] {
  return csvFields(new TextDecoder().decode(row.bytes), delimiter);
}

/** Other columns may hold anything. */
function decoderFor(
  path: string,
  names: readonly string[],
  columns: CsvColumns,
  delimiter: string,
): Decoder<unknown> {
  const wanted = Object.keys(columns);
  const missing = wanted.find((name) => names.filter((other) => other === name).length !== 1);
  if (missing !== undefined) {
    throw new MillraceError(
      'INVALID',
      `${path} has not one column "${missing}"; its first row names ${names.join(', ')}. Correct ` +
        'the columns of csvFile(), or say { header: false } where the first row is data.',
    );
  }
  const types = names.map((name, i): [string, CsvType] => {
    const type = Object.hasOwn(columns, name) ? columns[name] : undefined;
    return type === undefined ? [`_${i}`, 'string?'] : [name, type];
  });
  const codec = csv({ columns: Object.fromEntries(types), delimiter });
  return codec.select?.(wanted) ?? codec; // the columns of a header come in its order
}

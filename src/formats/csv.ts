/**
 * CSV: a value is a row, its fields are columns with types. Quoting is that of RFC 4180: a field
 * with a delimiter, a quote, or a line end in it stands in quotes, and quotes in it are doubled.
 */
import { checkOptions, MillraceError } from '../platform/index.ts';
import {
  type Check,
  checkBoolean,
  checkRecord,
  checkText,
  checkThat,
  checkValue,
} from './checks.ts';
import type { Codec, Decoder } from './codec.ts';
import { CsvRow } from './csv-row.ts';
import { shorten, utf8Of } from './utf8.ts';

/** With a question mark, a field may be empty, and its value is null. */
export type CsvType = 'string' | 'number' | 'boolean' | 'string?' | 'number?' | 'boolean?';

/** Name and type of each column, in their order. */
export type CsvColumns = Readonly<Record<string, CsvType>>;

/** The value of a row with these columns. */
export type CsvRowOf<Columns extends CsvColumns> = {
  [Name in keyof Columns]: ValueOf<Columns[Name]>;
};

type ValueOf<Type extends CsvType> = Type extends `${infer Base}?`
  ? BaseValue<Base> | null
  : BaseValue<Type>;

type BaseValue<Base extends string> = Base extends 'string'
  ? string
  : Base extends 'number'
    ? number
    : boolean;

export interface CsvOptions<Columns extends CsvColumns> {
  readonly columns: Columns;
  /** One character. Default `','`. */
  readonly delimiter?: string;
}

/**
 * A row of CSV, without a line end and without a header. Text that is null is an empty field, and
 * empty text is `""`; a column that can't be null has its empty text as an empty field.
 *
 * @example
 * const bids = topic('bids', {
 *   key: string(),
 *   value: csv({ columns: { auction: 'number', price: 'number', channel: 'string?' } }),
 * });
 */
export function csv<const Columns extends CsvColumns>(
  options: CsvOptions<Columns>,
): Codec<CsvRowOf<Columns>> {
  checkOptions('csv()', options, ['columns', 'delimiter']);
  const { delimiter = ',' } = options;
  if (delimiter.length !== 1 || '"\r\n'.includes(delimiter)) {
    throw invalid(
      `delimiter can't be ${JSON.stringify(delimiter)}: it is one character, no quote.`,
    );
  }
  const columns = columnsOf(options.columns);
  return codecOf(columns, delimiter) as Codec<CsvRowOf<Columns>>; // as the columns say
}

interface Column {
  readonly name: string;
  readonly type: CsvType;
  readonly check: Check;
  /** Fails where the text is not of the type. */
  readonly parse: (row: CsvRow) => unknown;
}

function columnsOf(columns: CsvColumns): readonly Column[] {
  const entries = Object.entries(columns);
  if (entries.length === 0) throw invalid('a row has at least one column.');
  return entries.map(([name, type]) => {
    if (/^\d+$/.test(name)) {
      throw invalid(`column "${name}": JavaScript moves such a name to the front; use another.`);
    }
    if (name === '__proto__') throw invalid(`JavaScript keeps the name ${name} for itself.`);
    const base = bases[type.replace('?', '')];
    if (base === undefined) {
      throw invalid(`column "${name}" can't be ${JSON.stringify(type)}: use ${typesText}.`);
    }
    return { name, type, ...(type.endsWith('?') ? nullable(base) : base) };
  });
}

interface Base {
  readonly check: Check;
  readonly parse: (row: CsvRow) => unknown;
}

/** As JavaScript writes them; zeros and a plus before them come from other programs. */
const numberForm = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

const bases: Readonly<Record<string, Base>> = {
  string: { check: checkText, parse: (row) => row.text() },
  number: {
    check: checkThat(
      'a finite number other than -0',
      (value) => Number.isFinite(value) && !Object.is(value, -0),
    ),
    parse(row) {
      const text = row.text();
      if (!numberForm.test(text)) throw new Error(`${shorten(text)} is no number`);
      return Number(text) + 0; // no -0
    },
  },
  boolean: {
    check: checkBoolean,
    parse(row) {
      const text = row.text();
      if (text !== 'true' && text !== 'false') throw new Error(`${shorten(text)} is no boolean`);
      return text === 'true';
    },
  },
};

const typesText = "'string', 'number' or 'boolean', or one of them with a question mark";

function nullable({ check, parse }: Base): Base {
  return {
    check: (value, depth) => (value === null ? undefined : check(value, depth)),
    parse: (row) => (row.isEmpty ? null : parse(row)),
  };
}

function codecOf(columns: readonly Column[], delimiter: string): Codec<unknown> {
  const check = checkRecord('the columns', fieldsOf(columns));
  const form: Form = { special: new RegExp(`[${escaped(delimiter)}"\r\n]`), delimiter };
  return {
    name: nameOf(columns, delimiter),
    text: true,
    encode(value) {
      checkValue('CSV', check, value);
      return Buffer.from(rowOf(value as Members, columns, form), 'utf8'); // a record, as checked
    },
    check: (value) => checkValue('CSV', check, value),
    decode: readerOf(columns, columns, delimiter).decode,
    select(names) {
      const missing = names.find((name) => !columns.some((column) => column.name === name));
      if (missing !== undefined) throw invalid(`select(): there is no column "${missing}".`);
      const chosen = columns.filter(({ name }) => names.includes(name));
      return readerOf(columns, chosen, delimiter);
    },
  };
}

function fieldsOf(columns: readonly Column[]) {
  return columns.map(({ name, check }) => ({ name, check, optional: false }));
}

/** State must notice other columns: nothing in a row tells of them. */
function nameOf(columns: readonly Column[], delimiter: string): string {
  const shown = columns.map(({ name, type }) => `${name}:${type}`);
  return `csv ${shown.join(delimiter)}`;
}

type Members = Readonly<Record<string, unknown>>;

interface Form {
  readonly delimiter: string;
  /** What must stand in quotes. */
  readonly special: RegExp;
}

function rowOf(value: Members, columns: readonly Column[], { delimiter, special }: Form): string {
  let row = '';
  for (const [i, { name, type }] of columns.entries()) {
    if (i > 0) row += delimiter;
    const field = value[name];
    if (field === null) continue;
    const text = String(field);
    const isQuoted = special.test(text) || (text === '' && type === 'string?');
    row += isQuoted ? `"${text.replaceAll('"', '""')}"` : text;
  }
  return row;
}

function readerOf(
  columns: readonly Column[],
  chosen: readonly Column[],
  delimiter: string,
): Decoder<unknown> {
  return {
    name: nameOf(chosen, delimiter),
    decode(bytes, start, end) {
      const row = new CsvRow(utf8Of(bytes, start, end), delimiter);
      const value: Record<string, unknown> = {};
      let at = '';
      try {
        for (const column of columns) {
          at = column.name;
          row.next();
          if (chosen.includes(column)) value[at] = column.parse(row);
        }
        row.end(columns.length);
      } catch (cause) {
        throw undecodable(row, at, cause as Error); // errors of a row, all of them
      }
      return value;
    },
  };
}

function undecodable({ source }: CsvRow, column: string, cause: Error): MillraceError {
  return new MillraceError(
    'DECODE',
    `${shorten(source)} is no row of these columns (at "${column}": ${cause.message}). Correct ` +
      'the columns of csv(), or whoever writes it.',
  );
}

function escaped(character: string): string {
  return character.replace(/[\\\]^-]/, '\\$&');
}

function invalid(what: string): MillraceError {
  return new MillraceError('INVALID', `csv(): ${what}`);
}

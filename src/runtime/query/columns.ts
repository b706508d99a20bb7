/**
 * The columns of a store's view: keys and values as SQL values, and one column for each field of
 * keys and values that are JSON objects.
 */
import type { StoreRecord } from '../../state/index.ts';
import {
  accumulatorPlace,
  fieldsOfShape,
  identifier,
  literal,
  memberPath,
  resultOfShape,
  windowShapeOf,
} from './shapes.ts';

export interface Column {
  readonly name: string;
  /** Made of the columns of `Overlay.rowsOf`. */
  readonly sql: string;
}

/** Some rows of a store, to see which fields there are. */
export interface SampleRow {
  readonly key: unknown;
  readonly item: unknown;
  readonly value: unknown;
}

/** More fields than this are not made columns. */
const fieldsMax = 100;

/** What they write is JSON. */
const jsonCodecs: ReadonlySet<string> = new Set(['json', 'key-json', 'accumulator']);

/** The key as SQL; `number_of` is a function that whoever runs the query defines. */
export function keySql({ keyCodec, keyText }: StoreRecord): string {
  return scalarSql('key', keyCodec, keyText);
}

export function columnsOf(
  record: StoreRecord,
  sample: readonly SampleRow[],
  ttl: readonly Column[],
): Column[] {
  const isJsonKey = isJson(record.keyCodec, record.keyText);
  const keyFields = isJsonKey ? fieldsIn(sample.map(({ key }) => key)) : [];
  const columns = new Columns();
  columns.add({ name: 'key', sql: keySql(record) });
  for (const { name, path } of keyFields) {
    columns.add({ name: `key_${name}`, sql: `key ->> ${literal(path)}` });
  }
  for (const column of placeColumns(record)) columns.add(column);
  const value = valueColumns(record, sample);
  for (const { name } of [...ttl, ...value.whole]) columns.reserve(name);
  for (const column of value.fields) columns.add(column, 'value_');
  return [...columns.all, ...ttl, ...value.whole];
}

function placeColumns(record: StoreRecord): Column[] {
  const { kind, itemCodec, itemText, shape } = record;
  const window = windowShapeOf(shape);
  if (window !== undefined) {
    return [
      { name: `${window.piece}_start`, sql: window.start },
      { name: `${window.piece}_end`, sql: window.end },
    ];
  }
  if (kind === 'list') return [{ name: 'item', sql: 'item' }];
  if (kind === 'map') return [{ name: 'item', sql: scalarSql('item', itemCodec, itemText) }];
  return kind === 'value' ? [] : [{ name: 'time', sql: 'time' }];
}

interface ValueColumns {
  readonly fields: readonly Column[];
  /** The column `value`; none for what has no value. */
  readonly whole: readonly Column[];
}

function valueColumns(record: StoreRecord, sample: readonly SampleRow[]): ValueColumns {
  const { valueCodec, valueText, shape } = record;
  const whole = (sql: string): Column[] => [{ name: 'value', sql }];
  if (valueCodec === 'none') return { fields: [], whole: [] };
  const { root = '$', of = shape } = windowShapeOf(shape) ?? {};
  if (valueCodec === 'accumulator') {
    const ofAggregates = aggregateColumns(of, root);
    if (ofAggregates !== undefined) return ofAggregates;
  }
  const isOfJson = isJson(valueCodec, valueText);
  const fields = isOfJson
    ? fieldsIn(
        sample.map(({ value }) => value),
        root,
      )
    : [];
  return {
    fields: fields.map(({ name, path }) => ({ name, sql: `value ->> ${literal(path)}` })),
    whole: whole(
      isOfJson ? `value ->> ${literal(root)}` : scalarSql('value', valueCodec, valueText),
    ),
  };
}

function aggregateColumns(shape: string, root: string): ValueColumns | undefined {
  const single = resultOfShape(shape);
  if (single !== undefined) {
    return { fields: [], whole: [{ name: 'value', sql: single.value(root) }] };
  }
  const fields = fieldsOfShape(shape);
  if (fields === undefined) return undefined;
  const members = [...fields].map(
    ([name, result]) => `${literal(name)}, ${result.json(memberPath(name, root))}`,
  );
  return {
    fields: [...fields].map(([name, result]) => {
      return { name, sql: result.value(memberPath(name, root)) };
    }),
    whole: [{ name: 'value', sql: `json_object(${members.join(', ')})` }],
  };
}

/** Of JSON: a string as text, a number as number, true as 1, objects and arrays as JSON. */
function scalarSql(column: string, codec: string, text: boolean): string {
  if (isJson(codec, text)) return `${column} ->> '$'`;
  return codec === 'number' && !text ? `number_of(${column})` : column;
}

function isJson(codec: string, text: boolean): boolean {
  return text && jsonCodecs.has(codec);
}

interface Field {
  readonly name: string;
  readonly path: string;
}

/** Members of the objects at `root` of some JSON texts. */
function fieldsIn(texts: readonly unknown[], root = '$'): Field[] {
  const names = new Set<string>();
  for (const text of texts) for (const name of membersOf(String(text), root)) names.add(name);
  return [...names].slice(0, fieldsMax).map((name) => ({ name, path: memberPath(name, root) }));
}

function membersOf(text: string, root: string): string[] {
  try {
    const whole: unknown = JSON.parse(text);
    const parsed: unknown = root === '$' ? whole : Object(whole)[accumulatorPlace];
    return isObject(parsed) ? Object.keys(parsed) : [];
  } catch {
    return []; // a codec of somebody else's has the name of one of ours
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Columns with different names; SQL does not tell upper case from lower case. */
class Columns {
  readonly all: Column[] = [];
  readonly #taken = new Set<string>();

  reserve(name: string): void {
    this.#taken.add(name.toLowerCase());
  }

  /** A name that is taken gets `prefix`, then a number. */
  add({ name, sql }: Column, prefix = ''): void {
    const wanted = this.#taken.has(name.toLowerCase()) ? prefix + name : name;
    const free = freeName(wanted, this.#taken);
    this.all.push({ name: free, sql });
  }
}

/** `name`, or `name_2`, ...; marks it as taken. */
export function freeName(name: string, taken: Set<string>): string {
  let free = name;
  for (let n = 2; taken.has(free.toLowerCase()); n++) free = `${name}_${n}`;
  taken.add(free.toLowerCase());
  return free;
}

/** `a AS "x", b AS "y"` */
export function selectList(columns: readonly Column[]): string {
  return columns.map(({ name, sql }) => `${sql} AS ${identifier(name)}`).join(', ');
}

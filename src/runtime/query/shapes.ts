/**
 * What the recorded shape of a store says about its rows: the windows, and how an
 * aggregate's accumulator becomes a result.
 *
 * Aggregates are known here by the names that they record, with what their accumulators are (see
 * src/dsl/aggregates); a name that is not known shows its accumulator as it is.
 */
import { hoppingSliceMs } from '../windows.ts';

/** What a store of windows is made of: pieces of time, and the shape of what is kept for each. */
export interface WindowShape {
  /** `window`, or `slice` where windows share what is kept. */
  readonly piece: 'window' | 'slice';
  /** SQL of the piece's first millisecond, and of the one after its last. */
  readonly start: string;
  readonly end: string;
  readonly of: string;
}

/** Undefined for what is no window. An entry lies at its piece's last millisecond. */
export function windowShapeOf(shape: string): WindowShape | undefined {
  const [, tumbling, ofTumbling] = /^tumbling (\d+) ms, offset \d+ ms, (.*)$/s.exec(shape) ?? [];
  if (tumbling !== undefined && ofTumbling !== undefined) {
    return { piece: 'window', ...piece(Number(tumbling)), of: ofTumbling };
  }
  const ofAssigned = /^(?:session(?: \d+ ms)?|custom [^,]*), (.*)$/s.exec(shape)?.[1];
  if (ofAssigned !== undefined) return { piece: 'window', ...assigned, of: ofAssigned };
  const [, kind, size, every, of] =
    /^(hopping|cumulating) (\d+) ms every (\d+) ms, offset \d+ ms, (.*)$/s.exec(shape) ?? [];
  if (kind === undefined || of === undefined) return undefined;
  const [sizeMs, everyMs] = [Number(size), Number(every)];
  const sliceMs = kind === 'hopping' ? hoppingSliceMs({ sizeMs, everyMs }) : everyMs;
  return { piece: 'slice', ...piece(sliceMs), of };
}

function piece(ms: number): Pick<WindowShape, 'start' | 'end'> {
  return { start: `time + 1 - ${ms}`, end: 'time + 1' };
}

/** Where the window is the item. */
const assigned = { start: "item ->> '$[0]'", end: "item ->> '$[1]'" } as const;

/** The SQL of a result, as a value or as part of a JSON object, from an accumulator's path. */
export interface ResultSql {
  value(path: string): string;
  json(path: string): string;
}

/** The aggregates of `{records: count, worst: max}`, by field; undefined for another shape. */
export function fieldsOfShape(shape: string): ReadonlyMap<string, ResultSql> | undefined {
  const inside = /^\{(.*)\}$/s.exec(shape)?.[1];
  if (inside === undefined) return undefined;
  const fields = [...inside.matchAll(/(.+?): ([^:,{} ]+)(?:, |$)/gs)];
  if (fields.map(([text]) => text).join('') !== inside) return undefined;
  return new Map(fields.map(([, name = '', aggregate = '']) => [name, resultOf(aggregate)]));
}

/** Of a single aggregate, such as `mean`; undefined where it is none that is known. */
export function resultOfShape(shape: string): ResultSql | undefined {
  return results.get(shape);
}

function resultOf(aggregate: string): ResultSql {
  return results.get(aggregate) ?? asItIs;
}

const at = (path: string) => `value ->> ${literal(path)}`;
const plain = (value: (path: string) => string): ResultSql => ({ value, json: value });
const sumAt = (path: string) => `(${at(`${path}[0]`)}) + (${at(`${path}[1]`)})`;

const asItIs: ResultSql = { value: at, json: (path) => `value -> ${literal(path)}` };
const kept: ResultSql = {
  value: (path) => at(`${path}[0]`),
  json: (path) => `value -> ${literal(`${path}[0]`)}`,
};

const results: ReadonlyMap<string, ResultSql> = new Map([
  ['count', plain(at)],
  ['min', plain(at)],
  ['max', plain(at)],
  ['sum', plain(sumAt)],
  ['mean', plain((path) => `CAST(${sumAt(path)} AS REAL) / (${at(`${path}[2]`)})`)],
  ['share', plain((path) => `CAST(${at(`${path}[0]`)} AS REAL) / (${at(`${path}[1]`)})`)],
  ['first', kept],
  ['last', kept],
]);

/** A text in SQL. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** A name in SQL. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** The path of a member of a JSON object, whatever its name. */
export function memberPath(name: string): string {
  return `$.${JSON.stringify(name)}`;
}

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
  /** Where in the value the accumulator is, as a path of JSON. */
  readonly root: string;
  readonly of: string;
}

/** Undefined for what is no window. An entry lies at its piece's last millisecond. */
export function windowShapeOf(shape: string): WindowShape | undefined {
  const [, tumbling, ofTumbling] = /^tumbling (\d+) ms, offset \d+ ms, (.*)$/s.exec(shape) ?? [];
  if (tumbling !== undefined && ofTumbling !== undefined) {
    return { piece: 'window', ...piece(Number(tumbling)), of: ofTumbling };
  }
  const calendar = /^calendar (day|week|month)(?: from (\w+))? in ([^ ,]+), (.*)$/s.exec(shape);
  if (calendar !== null) {
    const [, unit = '', from = 'monday', zone = '', of = ''] = calendar;
    const start = `calendar_start(${[unit, from, zone].map(literal).join(', ')}, time)`;
    return { piece: 'window', start, end: 'time + 1', root: '$', of };
  }
  const ofSession = /^session(?: \d+ ms)? by begin, (.*)$/s.exec(shape)?.[1];
  if (ofSession !== undefined) return { piece: 'window', ...session, of: ofSession };
  const ofAssigned = /^(?:custom [^,]*, |panes of [^;]*; )(.*)$/s.exec(shape)?.[1];
  if (ofAssigned !== undefined) return { piece: 'window', ...assigned, of: ofAssigned };
  const [, kind, size, every, of] =
    /^(hopping|cumulating) (\d+) ms every (\d+) ms, offset \d+ ms, (.*)$/s.exec(shape) ?? [];
  if (kind === undefined || of === undefined) return undefined;
  const [sizeMs, everyMs] = [Number(size), Number(every)];
  const sliceMs = kind === 'hopping' ? hoppingSliceMs({ sizeMs, everyMs }) : everyMs;
  return { piece: 'slice', ...piece(sliceMs), of };
}

type Bounds = Pick<WindowShape, 'start' | 'end' | 'root'>;

function piece(ms: number): Bounds {
  return { start: `time + 1 - ${ms}`, end: 'time + 1', root: '$' };
}

/** Where the window is the item. */
const assigned: Bounds = { start: "item ->> '$[0]'", end: "item ->> '$[1]'", root: '$' };

/** Of what is kept for a session: `[begin, end, due, accumulator]`. */
export const accumulatorPlace = 3;

/** Where the value begins with the window. */
const session: Bounds = {
  start: "value ->> '$[0]'",
  end: "value ->> '$[1]'",
  root: `$[${accumulatorPlace}]`,
};

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
  const [, name = '', argument = ''] = /^(\w+)(?:\((.*)\))?$/s.exec(shape) ?? [];
  return results.get(name)?.(argument);
}

function resultOf(aggregate: string): ResultSql {
  return resultOfShape(aggregate) ?? asItIs;
}

const at = (path: string) => `value ->> ${literal(path)}`;
const real = (path: string) => `CAST(${at(path)} AS REAL)`;
const number = (value: (path: string) => string): ResultSql => ({ value, json: value });

/** Of more than two parts the first is nearest to the sum (src/dsl/aggregates/canonical-sum.ts). */
const sumAt = (path: string) => {
  const [first, second, third] = [0, 1, 3].map((place) => at(`${path}[${place}]`));
  return `iif(${third} IS NULL, (${first}) + (${second}), ${first})`;
};

const asItIs: ResultSql = { value: at, json: (path) => `value -> ${literal(path)}` };

/** The accumulator is an array with what was selected in one place. */
const itemAt = (i: number): ResultSql => ({
  value: (path) => at(`${path}[${i}]`),
  json: (path) => `value -> ${literal(`${path}[${i}]`)}`,
});

/** Division by zero is NULL. */
const varianceAt = (path: string, argument: string) => {
  const count = at(`${path}[0]`);
  return `${real(`${path}[2]`)} / (${argument === 'sample' ? `(${count}) - 1` : count})`;
};

/**
 * The estimate of a HyperLogLog, from the number of registers that hold each rank (see
 * src/dsl/aggregates/hyper-log-log.ts): its sigma is a series whose terms beyond the 24th are 0.
 */
function estimateAt(path: string, indexBits: number): string {
  const registers = 2 ** indexBits;
  const empty = `${real(`${path}[0][0]`)} / ${registers}`;
  const heldAtRank = `value ->> (${literal(`${path}[0][`)} || i || ']')`;
  const held = sumOver(64 - indexBits + 1, `coalesce(${heldAtRank}, 0) / pow(2, i)`);
  const sigma = sumOver(24, `pow(${empty}, pow(2, i)) * pow(2, i - 1)`);
  const z = `${held} + ${registers} * (${empty} + ${sigma})`;
  return `CAST(round(${registers ** 2 / (2 * Math.LN2)} / (${z})) AS INTEGER)`;
}

/** Over `i` from 1 to `last`; `value` stays that of the row. */
function sumOver(last: number, term: string): string {
  const all = JSON.stringify(Array.from({ length: last }, (_, i) => i + 1));
  return `(SELECT sum(${term}) FROM (SELECT each.value AS i FROM json_each('${all}') each))`;
}

type ResultOfArgument = (argument: string) => ResultSql;

/** By name; what stands in brackets behind it is the argument. Others show their accumulator. */
const results: ReadonlyMap<string, ResultOfArgument> = new Map<string, ResultOfArgument>([
  ['count', () => number(at)],
  ['min', () => number(at)],
  ['max', () => number(at)],
  ['sum', () => number(sumAt)],
  ['mean', () => number((path) => `CAST(${sumAt(path)} AS REAL) / (${at(`${path}[2]`)})`)],
  ['share', () => number((path) => `${real(`${path}[0]`)} / (${at(`${path}[1]`)})`)],
  ['variance', (of) => number((path) => varianceAt(path, of))],
  ['standardDeviation', (of) => number((path) => `sqrt(${varianceAt(path, of)})`)],
  ['histogram', () => asItIs],
  ['first', () => itemAt(0)],
  ['last', () => itemAt(0)],
  ['earliest', () => itemAt(1)],
  ['latest', () => itemAt(1)],
  ['argMin', () => itemAt(2)],
  ['argMax', () => itemAt(2)],
  ['topK', () => itemAt(2)],
  ['collect', () => itemAt(1)],
  ['countDistinct', () => itemAt(0)],
  ['approximateCountDistinct', (bits) => number((path) => estimateAt(path, Number(bits)))],
]);

/** A text in SQL. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** A name in SQL. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** The path of a member of the JSON object at `root`, whatever its name. */
export function memberPath(name: string, root = '$'): string {
  return `${root}.${JSON.stringify(name)}`;
}

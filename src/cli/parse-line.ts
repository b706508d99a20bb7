/** What a line of input says of a record. */
import type { Header } from '../broker/index.ts';
import { MillraceError } from '../platform/index.ts';
import { nearest } from '../runtime/index.ts';
import { toBytes } from './format.ts';

/** At most one of them; without any, a line is a value. */
export interface LineForm {
  /** A key, a tab, and a value. */
  readonly keys?: boolean;
  /** A value that is JSON, and has this field as its key. */
  readonly keyField?: string;
  /** An object as `consume --json` prints it. */
  readonly json?: boolean;
}

export interface ParsedLine {
  readonly key: unknown;
  readonly value: unknown;
  readonly headers: readonly Header[];
  /** ms since the epoch. */
  readonly timestamp?: number;
}

type Members = Readonly<Record<string, unknown>>;

const tab = 0x09;
const decoder = new TextDecoder('utf-8', { fatal: true });

/** Fails with `INVALID`, saying what is wrong with the line. */
export function parseLine(line: Uint8Array, form: LineForm): ParsedLine {
  if (form.json === true) return parseRecord(objectOf(line));
  if (form.keyField !== undefined) return keyedByField(line, form.keyField);
  if (form.keys !== true) return { key: null, value: line, headers: [] };
  const at = line.indexOf(tab);
  if (at < 0) throw invalid('there is no tab between key and value.');
  return { key: line.subarray(0, at), value: line.subarray(at + 1), headers: [] };
}

function keyedByField(line: Uint8Array, field: string): ParsedLine {
  const value = objectOf(line);
  if (!Object.hasOwn(value, field)) {
    const likely = nearest(field, Object.keys(value));
    const hint = likely === undefined ? 'Name one that all values have.' : `Is it "${likely}"?`;
    throw invalid(`the value has no field "${field}" to be its key. ${hint}`);
  }
  return { key: value[field], value: line, headers: [] };
}

/** `topic`, `partition` and `offset` are allowed, so that what was consumed can be produced. */
const members = ['topic', 'partition', 'offset', 'timestamp', 'key', 'value', 'headers'];

function parseRecord(record: Members): ParsedLine {
  for (const name of Object.keys(record)) {
    if (!members.includes(name)) {
      throw invalid(`a record has no "${name}"; it has ${members.join(', ')}.`);
    }
  }
  if (!('value' in record)) throw invalid('there is no "value". null stands for none.');
  const { key = null, value } = record;
  const parsed = { key, value, headers: headersOf(record) };
  return record.timestamp === undefined
    ? parsed
    : { ...parsed, timestamp: timestampOf(record.timestamp) };
}

function timestampOf(timestamp: unknown): number {
  if (typeof timestamp === 'number' && Number.isInteger(timestamp)) return timestamp;
  throw invalid(`"timestamp" is ${JSON.stringify(timestamp)}, not whole ms since the epoch.`);
}

function headersOf({ headers = {} }: Members): Header[] {
  if (!isObject(headers)) throw invalid('"headers" must be an object: {"name":"value"}.');
  return Object.entries(headers).map(([key, value]) => ({ key, value: toBytes(value) }));
}

function objectOf(line: Uint8Array): Members {
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(line));
  } catch (cause) {
    throw invalid('it is not JSON.', cause);
  }
  if (isObject(value)) return value;
  throw invalid('it is JSON, but not an object.');
}

function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function invalid(what: string, cause?: unknown): MillraceError {
  return new MillraceError('INVALID', what, { cause });
}

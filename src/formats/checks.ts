/**
 * Checks of values against a schema, as functions that are put together once: a number here, a
 * record of such fields there. The schema of a format (avro-checks.ts, protobuf-values.ts) says
 * what its bytes hold; here is what that means for values, and how a refusal reads.
 *
 * They answer for values that come back equal: a value is refused where a field is missing that
 * would come back with a default, where it has one that would be lost, or where a number would be
 * rounded.
 */
import { MillraceError } from '../platform/index.ts';
import { depthMax, isPlainContainer, kindOf, step } from './plain.ts';

/** What is wrong with a value, and where in it. */
export interface Fault {
  /** `.bids[2].price`; empty for the value itself. */
  readonly path: string;
  /** `is a string, not a number`. */
  readonly what: string;
}

/** Undefined for a value that comes back equal. `depth` counts the values around it. */
export type Check = (value: unknown, depth: number) => Fault | undefined;

/** Fails with `ENCODE`; `format` as in `Avro would not give this value back`. */
export function checkValue(format: string, check: Check, value: unknown): void {
  const fault = check(value, 0);
  if (fault !== undefined) throw wouldChange(format, fault);
}

export function wouldChange(format: string, { path, what }: Fault): MillraceError {
  return new MillraceError('ENCODE', `${format} would not give this value back: $${path} ${what}.`);
}

/**
 * `wanted` says what `accepts` takes: `a number`. What is checked often is written out below, with
 * a call less.
 */
export function checkThat(wanted: string, accepts: (value: unknown) => boolean): Check {
  return (value) => (accepts(value) ? undefined : notWanted(value, wanted));
}

function notWanted(value: unknown, wanted: string): Fault {
  return { path: '', what: `is ${shownOf(value)}, not ${wanted}` };
}

/** Numbers are shown themselves, since it is their size that is wrong. */
function shownOf(value: unknown): string {
  return typeof value === 'number' ? (Object.is(value, -0) ? '-0' : String(value)) : kindOf(value);
}

/** Whole numbers of a type with so many values; -0 is none, since it would come back as 0. */
export function checkWhole(type: string, min: number, max: number): Check {
  const wanted = `a whole number from ${min} to ${max} (${type})`;
  return (value) => {
    const isWhole = typeof value === 'number' && Math.floor(value) === value;
    if (isWhole && value >= min && value <= max && !Object.is(value, -0)) return undefined;
    return notWanted(value, wanted);
  };
}

export const checkBoolean: Check = (value) =>
  typeof value === 'boolean' ? undefined : notWanted(value, 'a boolean');

export const checkNull: Check = checkThat('null', (value) => value === null);

/** NaN and -0 come back from 64 bits as they were. */
export const checkDouble: Check = (value) =>
  typeof value === 'number' ? undefined : notWanted(value, 'a number');

export const checkFloat: Check = checkThat(
  'a number of 32 bits: use double in the schema, or round it with Math.fround()',
  (value) => typeof value === 'number' && Object.is(Math.fround(value), value),
);

export const checkText: Check = (value) => {
  if (typeof value === 'string' && value.isWellFormed()) return undefined;
  return notWanted(value, 'text (a string without half of a surrogate pair)');
};

/** Bytes come back as a Buffer. */
export const checkBuffer: Check = checkThat('a Buffer: use Buffer.from()', (value) =>
  Buffer.isBuffer(value),
);

export function checkBufferOf(size: number): Check {
  return checkThat(
    `a Buffer of ${size} bytes`,
    (value) => Buffer.isBuffer(value) && value.length === size,
  );
}

export function checkOneOf(values: readonly unknown[], name: string): Check {
  const known = new Set(values);
  return (value) => {
    if (known.has(value)) return undefined;
    const shown = typeof value === 'object' ? kindOf(value) : JSON.stringify(value);
    return { path: '', what: `is ${shown}, none of the values of ${name}` };
  };
}

export interface FieldCheck {
  readonly name: string;
  readonly check: Check;
  /** Whether a value may lack it. */
  readonly optional: boolean;
}

/** Plain objects with these fields and no others. */
export function checkRecord(
  type: string,
  fields: readonly FieldCheck[],
  levelsMax: number = depthMax,
): Check {
  return (value, depth) => {
    if (!isObject(value)) return notWanted(value, type);
    if (depth > levelsMax) return tooDeep(levelsMax);
    let others = membersOf(value);
    for (const field of fields) {
      const member = value[field.name];
      if (member === undefined && isLeftOut(field, value)) continue;
      const fault = checkField(field, member, depth);
      if (fault !== undefined) return fault;
      others--;
    }
    return others === 0 ? undefined : unknownField(value, type, fields);
  };
}

function membersOf(value: object): number {
  let count = 0;
  for (const _ in value) count++; // without making an array
  return count;
}

function isLeftOut({ optional, name }: FieldCheck, value: object): boolean {
  return optional && !Object.hasOwn(value, name);
}

function checkField(field: FieldCheck, member: unknown, depth: number): Fault | undefined {
  const { name, check, optional } = field;
  if (member === undefined) {
    const what = optional ? 'is undefined: leave it out' : 'is missing: give it a value';
    return { path: step(name), what };
  }
  const fault = check(member, depth + 1);
  return fault === undefined ? undefined : within(step(name), fault);
}

function unknownField(value: object, type: string, fields: readonly FieldCheck[]): Fault {
  const isKnown = (name: string) => fields.some((field) => field.name === name);
  const name = Object.keys(value).find((each) => !isKnown(each)) ?? '';
  return { path: step(name), what: `is no field of ${type}, and would be lost: leave it out` };
}

export function checkList(items: Check): Check {
  return (value, depth) => {
    if (!Array.isArray(value) || !isPlainContainer(value)) {
      return notWanted(value, 'an array');
    }
    if (depth > depthMax) return tooDeep(depthMax);
    for (let i = 0; i < value.length; i++) {
      const fault = items(value[i], depth + 1);
      if (fault !== undefined) return within(`[${i}]`, fault);
    }
    return undefined;
  };
}

/** Plain objects with any names; `names` may refuse some. */
export function checkMap(values: Check, names: Check = checkText): Check {
  return (value, depth) => {
    if (!isObject(value)) return notWanted(value, 'an object');
    if (depth > depthMax) return tooDeep(depthMax);
    for (const name of Object.keys(value)) {
      const fault = name === '__proto__' ? reservedName : names(name, 0);
      if (fault !== undefined) return { path: step(name), what: `has a name that ${fault.what}` };
      const member = values(value[name], depth + 1);
      if (member !== undefined) return within(step(name), member);
    }
    return undefined;
  };
}

const reservedName: Fault = { path: '', what: 'JavaScript keeps for itself: use another' };

function tooDeep(levelsMax: number): Fault {
  const what = `nests deeper than ${levelsMax} levels, or contains itself`;
  return { path: '', what: `${what}: store the parts by an id` };
}

export function within(path: string, { path: rest, what }: Fault): Fault {
  return { path: path + rest, what };
}

type Members = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Members {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && isPlainContainer(value)
  );
}

/**
 * Several aggregates as one: its accumulator is an object of theirs, so SQL over the state shows
 * them by name.
 */
import { MillraceError } from '../../platform/index.ts';
import type { Aggregation } from '../../runtime/index.ts';
import { type Aggregate, aggregateNames } from './aggregate.ts';
import { type Accumulators, codecOfFields, type Field } from './composite-codec.ts';

/** Aggregates by the name of the field that their result gets. */
export type Aggregates<Value> = Readonly<Record<string, Aggregate<Value, unknown>>>;

/** What an object of aggregates results in, and the fields of `More`. */
export type ResultsOf<Fields, More = unknown> = Shown<
  {
    readonly [Name in keyof Fields]: Fields[Name] extends Aggregate<never, infer Result>
      ? Result
      : never;
  } & More
>;

/** The same type, which editors and error messages show as its fields, not as how it was made. */
export type Shown<Fields> = Fields extends infer Of
  ? { readonly [Name in keyof Of]: Of[Name] }
  : never;

/** Fails with `INVALID` for what is not an aggregate, and for field names in `reserved`. */
export function composite(
  fields: Readonly<Record<string, unknown>>,
  where: string,
  reserved: readonly string[],
): Aggregation {
  const entries: readonly Field[] = Object.entries(fields).map(([name, field]) => {
    if (reserved.includes(name) || name === '__proto__') throw reservedField(name, where);
    if (!isAggregate(field)) throw notAnAggregate(name, where);
    if (field.codec.versions !== undefined) throw oneOfSeveral(name, where);
    return { name, aggregate: field };
  });
  if (entries.length === 0) {
    throw new MillraceError(
      'INVALID',
      `${where} needs at least one aggregate, for example { records: count() }.`,
    );
  }
  return {
    name: `{${entries.map(({ name, aggregate }) => `${name}: ${aggregate.name}`).join(', ')}}`,
    isOrderFree: entries.every(({ aggregate }) => aggregate.isOrderFree === true),
    create() {
      const state: Accumulators = {};
      for (const { name, aggregate } of entries) state[name] = aggregate.create();
      return state;
    },
    add(accumulator, value, timestamp) {
      const state = accumulator as Accumulators; // what create made
      // By index, without an iterator: this runs for every record.
      for (let i = 0; i < entries.length; i++) {
        const { name, aggregate } = entries[i] as Field; // below the length
        state[name] = aggregate.add(state[name], value, timestamp);
      }
      return state;
    },
    merge(left, right) {
      const [a, b] = [left as Accumulators, right as Accumulators]; // what create made
      for (const { name, aggregate } of entries) a[name] = aggregate.merge(a[name], b[name]);
      return a;
    },
    result(accumulator) {
      const state = accumulator as Accumulators; // what create made
      const results: Record<string, unknown> = {};
      for (const { name, aggregate } of entries) results[name] = aggregate.result(state[name]);
      return results;
    },
    codec: codecOfFields(entries),
  };
}

export function isAggregate(field: unknown): field is Aggregation {
  return (
    typeof field === 'object' &&
    field !== null &&
    'create' in field &&
    'add' in field &&
    'result' in field
  );
}

function reservedField(name: string, where: string): MillraceError {
  return new MillraceError(
    'INVALID',
    `${where}: a field can't be named "${name}", because every result has one of its own. ` +
      `Choose another name.`,
  );
}

function notAnAggregate(name: string, where: string): MillraceError {
  const calls = aggregateNames.map((known) => `${known}(...)`).join(', ');
  return new MillraceError(
    'INVALID',
    `${where}: "${name}" is not an aggregate. Call one: ${calls}, or make one with ` +
      'aggregate({ ... }).',
  );
}

function oneOfSeveral(name: string, where: string): MillraceError {
  return new MillraceError(
    'INVALID',
    `${where}: the codec of "${name}" has versions, which one of several aggregates can't have. ` +
      'Keep it alone, in aggregating() state of a process step.',
  );
}

/**
 * Aggregates that can take a value away again, exactly: for tables, whose rows change and go. They
 * keep other accumulators there than over streams, whose records stay.
 */
import { MillraceError } from '../../platform/index.ts';
import type { Aggregate } from './aggregate.ts';

/** How it is computed of rows that come and go. Accumulators are plain JSON. */
export interface Retracting<Value, Result> {
  create(): unknown;
  /** A property, not a method, so that the type of the value counts. */
  readonly add: (accumulator: unknown, value: Value) => unknown;
  /** Takes away what was added. */
  readonly remove: (accumulator: unknown, value: Value) => unknown;
  result(accumulator: unknown): Result;
}

/** An aggregate that tables can use as well. */
export interface RetractableAggregate<Value, Result> extends Aggregate<Value, Result> {
  readonly retracting: Retracting<Value, Result>;
}

/** Aggregates by the name of the field that their result gets. */
export type RetractableAggregates<Value> = Readonly<
  Record<string, RetractableAggregate<Value, unknown>>
>;

/** Several as one. Fails with `INVALID` for one that can't take values away. */
export function retractingOf<Value>(
  fields: RetractableAggregates<Value>,
  where: string,
): Retracting<Value, unknown> {
  const entries = Object.entries(fields).map(([name, field]) => {
    return [name, checkRetracting(field, name, where)] as const;
  });
  type Each = (retracting: Retracting<Value, unknown>, accumulator: unknown) => unknown;
  const each = (accumulators: unknown, of: Each) => {
    const before = accumulators as Readonly<Record<string, unknown>>; // what create made
    return Object.fromEntries(
      entries.map(([name, retracting]) => [name, of(retracting, before[name])]),
    );
  };
  return {
    create: () => each({}, ({ create }) => create()),
    add: (accumulators, value) => each(accumulators, ({ add }, of) => add(of, value)),
    remove: (accumulators, value) => each(accumulators, ({ remove }, of) => remove(of, value)),
    result: (accumulators) => each(accumulators, ({ result }, of) => result(of)),
  };
}

function checkRetracting<Value>(
  field: Partial<RetractableAggregate<Value, unknown>>,
  name: string,
  where: string,
): Retracting<Value, unknown> {
  if (field.retracting !== undefined) return field.retracting;
  throw new MillraceError(
    'INVALID',
    `${where}: "${name}" can't take away a row that has changed or gone. count(), sum(), ` +
      'mean(), share() and countDistinct() can; for the greatest or smallest use topN().',
  );
}

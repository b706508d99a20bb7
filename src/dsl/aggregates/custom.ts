/** aggregate: one of your own. */
import { type Codec, json } from '../../formats/index.ts';
import { MillraceError } from '../../platform/index.ts';
import { checkOptions } from '../../runtime/index.ts';
import { type Aggregate, aggregateNames } from './aggregate.ts';

/**
 * Four functions, which depend on nothing but what they are given. Accumulators are theirs: they
 * may be changed in place. Records are not.
 */
export interface AggregateDefinition<Value, Accumulator, Result> {
  /**
   * Recorded with the state: a letter, then letters, digits, underscores or hyphens, 100 in all at
   * most. Change it where accumulators come to mean something else.
   */
  readonly name: string;
  /** The accumulator of no records. */
  readonly create: () => Accumulator;
  /** The accumulator with one more record, whose event time is `timestamp` (ms since the epoch). */
  readonly add: (accumulator: Accumulator, value: Value, timestamp: number) => Accumulator;
  /**
   * The accumulator of the records of both: it may be `left`, changed; `right` must stay as it is,
   * and share nothing with it that `add` or `merge` changes. Merging with what `create` makes
   * changes nothing.
   */
  readonly merge: (left: Accumulator, right: Accumulator) => Accumulator;
  /** What is emitted. Copied (structured clone), so it may be the accumulator or a part of it. */
  readonly result: (accumulator: Accumulator) => Result;
  /** Of accumulators. Default: plain JSON, checked whenever a record was added. */
  readonly codec?: Codec<Accumulator>;
  /**
   * Says that `add` and `merge` come to the same accumulator, encoded alike, in whatever order and
   * groups records are added and merged: as a sum does, and a list does not. A job with several
   * tasks then aggregates the records of a window before it sends them. Default false.
   */
  readonly isOrderFree?: boolean;
}

/**
 * An aggregate of your own, to be used beside the built-in ones: in windows, as a running one, and
 * in `aggregating` state.
 * @example
 * const product = (select: (item: Item) => number) =>
 *   aggregate({
 *     name: 'product',
 *     create: () => 1,
 *     add: (product, item: Item) => product * select(item),
 *     merge: (left, right) => left * right,
 *     result: (product) => product,
 *   });
 */
export function aggregate<Value, Accumulator, Result>(
  definition: AggregateDefinition<Value, Accumulator, Result>,
): Aggregate<Value, Result> {
  checkDefinition(definition);
  const { name, codec = json<Accumulator>() } = definition;
  const shape = codec === plain ? name : `${name}(${codec.name})`;
  const whole = (accumulator: unknown, by: string) => {
    if (accumulator === undefined) throw returnedNothing(name, by);
    return accumulator;
  };
  // Accumulators are what the functions made themselves, or what the codec made of that.
  return {
    name: shape,
    create: () => whole(definition.create(), 'create'),
    add: (accumulator, value, timestamp) =>
      whole(definition.add(accumulator as Accumulator, value, timestamp), 'add'),
    merge: (left, right) =>
      whole(definition.merge(left as Accumulator, right as Accumulator), 'merge'),
    result: (accumulator) => cloneOf(definition.result(accumulator as Accumulator)),
    codec: codec as Codec<unknown>,
    isOrderFree: definition.isOrderFree ?? false,
  };
}

/** Results may be anything that structured clone knows, and contain themselves. */
function cloneOf<Result>(result: Result): Result {
  return typeof result === 'object' && result !== null ? structuredClone(result) : result;
}

const plain: Codec<unknown> = json<unknown>();

const functions = ['create', 'add', 'merge', 'result'] as const;

type Checked = 'name' | (typeof functions)[number];

function checkDefinition(definition: { readonly [Name in Checked]: unknown }): void {
  const { name } = definition;
  checkOptions('aggregate({ ... })', definition, ['name', ...functions, 'codec', 'isOrderFree']);
  if (typeof name !== 'string' || !/^[a-zA-Z][\w-]{0,99}$/.test(name)) {
    throw new MillraceError(
      'INVALID',
      `An aggregate can't be named ${JSON.stringify(name)}: use a letter, then letters, digits, ` +
        'underscores or hyphens, 100 in all at most.',
    );
  }
  if (aggregateNames.some((known) => known === name)) {
    throw new MillraceError(
      'INVALID',
      `An aggregate of your own can't be named "${name}": there is ${name}() already, and ` +
        'queries would take its state for that. Choose another name.',
    );
  }
  for (const each of functions) {
    if (typeof definition[each] === 'function') continue;
    throw new MillraceError(
      'INVALID',
      `aggregate({ name: "${name}" }) needs the function ${each}: it takes ` +
        `${functions.join(', ')}.`,
    );
  }
}

function returnedNothing(name: string, by: string): MillraceError {
  return new MillraceError(
    'USER_FUNCTION',
    `${by} of the aggregate "${name}" returned undefined; it must return the accumulator`,
  );
}

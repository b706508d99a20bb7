/** countDistinct: how many different values, exactly. */
import { canonicalJson } from '../../formats/index.ts';
import { MillraceError } from '../../platform/index.ts';
import { checkOptions } from '../../runtime/index.ts';
import { accumulatorCodec, checkWhole } from './aggregate.ts';
import type { RetractableAggregate, Retracting } from './retracting.ts';

export interface CountDistinctOptions {
  /** How many different values there may be: 1 to 10,000,000. Default 100,000. */
  readonly max?: number;
}

/**
 * Canonical JSON as names of members: JSON, and found at once. No text of a value is the name of
 * something that every object has, such as `constructor`: strings have quotes.
 */
type Seen = [count: number, texts: Record<string, 1>];

/**
 * How many different values `select` returns, exactly. They are told apart as keys are, by their
 * canonical JSON: `1` differs from `'1'`, and the order of members does not count.
 *
 * All of them are kept, as text: a commit writes them anew where there is a new one. More than
 * `max` fail with `USER_FUNCTION`; where there may be many, `approximateCountDistinct` takes less.
 * @example .aggregate({ visitors: countDistinct((click) => click.user) })
 */
export function countDistinct<Value>(
  select: (value: Value) => unknown,
  options: CountDistinctOptions = {},
): RetractableAggregate<Value, number> {
  checkOptions('countDistinct()', options, ['max']);
  const { max = 100_000 } = options;
  checkWhole('The max of countDistinct()', max, 1, 10_000_000);
  return {
    name: 'countDistinct',
    create: (): Seen => [0, {}],
    add(accumulator, value) {
      const seen = accumulator as Seen; // what create made
      see(seen, canonicalJson(select(value)), max);
      return seen;
    },
    merge(left, right) {
      const [seen, [, texts]] = [left as Seen, right as Seen]; // what create made
      for (const text in texts) see(seen, text, max);
      return seen;
    },
    result: (accumulator) => (accumulator as Seen)[0], // what create made
    codec: accumulatorCodec,
    retracting: countingEach(select, max),
  };
}

/** How many there are of each: the last one that goes takes its value along. */
function countingEach<Value>(
  select: (value: Value) => unknown,
  max: number,
): Retracting<Value, number> {
  type Counts = [count: number, of: Record<string, number>];
  return {
    create: (): Counts => [0, {}],
    add(accumulator, value) {
      const counts = accumulator as Counts; // what create made
      const text = canonicalJson(select(value));
      const before = counts[1][text] ?? 0;
      if (before === 0 && counts[0] === max) throw tooMany(max);
      counts[1][text] = before + 1;
      if (before === 0) counts[0]++;
      return counts;
    },
    remove(accumulator, value) {
      const counts = accumulator as Counts; // what create made
      const text = canonicalJson(select(value));
      const left = (counts[1][text] ?? 0) - 1;
      if (left > 0) counts[1][text] = left;
      else delete counts[1][text];
      if (left === 0) counts[0]--;
      return counts;
    },
    result: (accumulator) => (accumulator as Counts)[0], // what create made
  };
}

function see(seen: Seen, text: string, max: number): void {
  const [count, texts] = seen;
  if (texts[text] === 1) return;
  if (count === max) throw tooMany(max);
  texts[text] = 1;
  seen[0] = count + 1;
}

function tooMany(max: number): MillraceError {
  return new MillraceError(
    'USER_FUNCTION',
    `countDistinct() has met more than ${max} different values. Give it a greater max, or use ` +
      'approximateCountDistinct()',
  );
}

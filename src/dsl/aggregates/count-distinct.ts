/** countDistinct: how many different values, exactly. */
import { canonicalJson } from '../../formats/index.ts';
import { MillraceError } from '../../platform/index.ts';
import { checkOptions } from '../../runtime/index.ts';
import { type Aggregate, accumulatorCodec, checkWhole } from './aggregate.ts';

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
): Aggregate<Value, number> {
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
  };
}

function see(seen: Seen, text: string, max: number): void {
  const [count, texts] = seen;
  if (texts[text] === 1) return;
  if (count === max) {
    throw new MillraceError(
      'USER_FUNCTION',
      `countDistinct() has met more than ${max} different values. Give it a greater max, or use ` +
        'approximateCountDistinct()',
    );
  }
  texts[text] = 1;
  seen[0] = count + 1;
}

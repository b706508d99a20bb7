/** collect: all values, in the order of event time. */
import { copyOf } from '../../formats/index.ts';
import { MillraceError } from '../../platform/index.ts';
import { checkOptions } from '../../runtime/index.ts';
import { type Aggregate, accumulatorCodec, checkWhole, keep, partOf } from './aggregate.ts';

export interface CollectOptions {
  /** How many values are kept at most: 1 to 1,000,000. Default 10,000. */
  readonly max?: number;
  /**
   * What becomes of more than `max`. `'all'`, the default: the job fails with `USER_FUNCTION`.
   * `'earliest'` and `'latest'`: those are kept, by event time, then arrival.
   */
  readonly keep?: 'all' | 'earliest' | 'latest';
}

/** In the order of time, then of arrival. */
type Collected = [times: number[], values: unknown[]];

/**
 * All records, or what `select` returns for them, which must be plain JSON (else `ENCODE`), in the
 * order of event time, then of arrival.
 *
 * The whole list is one accumulator: a commit writes it anew where it grew, and a running aggregate
 * emits it for each record. Where it may grow long, `list` state of a process step is cheaper.
 * @example .aggregate({ path: collect((event) => event.page, { max: 50, keep: 'latest' }) })
 */
export function collect<Value, Result = Value>(
  select?: (value: Value) => Result,
  options: CollectOptions = {},
): Aggregate<Value, readonly NoInfer<Result>[]> {
  checkOptions('collect()', options, ['max', 'keep']);
  const { max = 10_000, keep: kept = 'all' } = options;
  checkWhole('The max of collect()', max, 1, 1_000_000);
  checkKept(kept);
  const part = partOf(select);
  return {
    // With 'all' a greater max finds everything that it needs; otherwise some is gone.
    name: kept === 'all' ? 'collect' : `collect(${kept};${max})`,
    create: (): Collected => [[], []],
    add(accumulator, value, timestamp) {
      const collected = accumulator as Collected; // what create made
      if (isBeyond(collected, max, kept, timestamp)) return collected;
      insert(collected, timestamp, keep(part(value)));
      return limited(collected, max, kept);
    },
    merge(left, right) {
      const collected = left as Collected; // what create made
      const [times, values] = right as Collected; // the same
      for (let i = 0; i < times.length; i++) insert(collected, times[i] as number, values[i]);
      return limited(collected, max, kept);
    },
    result: (accumulator) => copyOf((accumulator as Collected)[1]) as Result[], // as selected
    codec: accumulatorCodec,
  };
}

type Kept = NonNullable<CollectOptions['keep']>;

function checkKept(kept: string): void {
  if (kept === 'all' || kept === 'earliest' || kept === 'latest') return;
  throw new MillraceError(
    'INVALID',
    `keep in collect() can't be ${JSON.stringify(kept)}: say 'all', 'earliest' or 'latest'.`,
  );
}

/** Whether what comes at `time` would be dropped again at once. */
function isBeyond([times]: Collected, max: number, kept: Kept, time: number): boolean {
  if (kept === 'all' || times.length < max) return false;
  return kept === 'earliest' ? time >= (times[max - 1] as number) : time < (times[0] as number);
}

function insert([times, values]: Collected, time: number, value: unknown): void {
  let i = times.length;
  while (i > 0 && (times[i - 1] as number) > time) i--; // records come nearly in order
  if (i === times.length) {
    times.push(time);
    values.push(value);
  } else {
    times.splice(i, 0, time);
    values.splice(i, 0, value);
  }
}

function limited(collected: Collected, max: number, kept: Kept): Collected {
  const [times, values] = collected;
  const extra = times.length - max;
  if (extra <= 0) return collected;
  if (kept === 'all') {
    throw new MillraceError(
      'USER_FUNCTION',
      `collect() has more than ${max} values. Give it a greater max, or say which ones are to be ` +
        "kept: { max, keep: 'latest' }",
    );
  }
  if (kept === 'earliest') {
    times.length = max;
    values.length = max;
  } else if (extra === 1) {
    times.shift(); // for each record, so without the array that splice makes
    values.shift();
  } else {
    times.splice(0, extra);
    values.splice(0, extra);
  }
  return collected;
}

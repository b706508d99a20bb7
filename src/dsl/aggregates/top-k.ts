/** topK: the records where something is largest. */
import { canonicalJson, copyOf } from '../../formats/index.ts';
import { type Aggregate, accumulatorCodec, checkWhole, finite, keep, partOf } from './aggregate.ts';

/** The best one first; side by side, so that a query shows the values as they are. */
type Best = [ranks: number[], times: number[], values: unknown[]];

/** Each record that is kept is compared with the others. */
const kMax = 1000;

/**
 * The `k` records (1 to 1,000) for which `by` is largest, or what `select` returns for them, which
 * must be plain JSON (else `ENCODE`); the largest first, fewer where there are fewer. `by` must
 * return finite numbers (else `USER_FUNCTION`). Equal ones stand in the order of event time, then
 * of their JSON: so the result depends on the records alone, in whatever order they come.
 *
 * For the smallest: `topK((offer) => -offer.price, 3)`.
 * @example .aggregate({ worst: topK((flight) => flight.delay, 3, (flight) => flight.number) })
 */
export function topK<Value, Result = Value>(
  by: (value: Value) => number,
  k: number,
  select?: (value: Value) => Result,
): Aggregate<Value, readonly NoInfer<Result>[]> {
  checkWhole('The k of topK()', k, 1, kMax);
  const part = partOf(select);
  return {
    name: `topK(${k})`,
    isOrderFree: true,
    create: (): Best => [[], [], []],
    add(accumulator, value, timestamp) {
      const best = accumulator as Best; // what create made
      const rank = finite(by(value), 'topK');
      if (mayEnter(best, k, rank, timestamp)) insert(best, k, rank, timestamp, keep(part(value)));
      return best;
    },
    merge(left, right) {
      const best = left as Best; // what create made
      const [ranks, times, values] = right as Best; // the same
      for (let i = 0; i < ranks.length; i++) {
        const [rank, time] = [ranks[i] as number, times[i] as number]; // below the length
        if (mayEnter(best, k, rank, time)) insert(best, k, rank, time, values[i]);
      }
      return best;
    },
    result: (accumulator) => copyOf((accumulator as Best)[2]) as Result[], // as selected
    codec: accumulatorCodec,
  };
}

/** Whether it comes before the last one that is kept, or may do so by its text. */
function mayEnter([ranks, times]: Best, k: number, rank: number, time: number): boolean {
  if (ranks.length < k) return true;
  const lastRank = ranks[k - 1] as number; // k are kept
  return rank > lastRank || (rank === lastRank && time <= (times[k - 1] as number)); // the same
}

function insert(best: Best, k: number, rank: number, time: number, value: unknown): void {
  const [ranks, times, values] = best;
  let i = ranks.length;
  while (i > 0 && precedes(best, i - 1, rank, time, value)) i--;
  ranks.splice(i, 0, rank);
  times.splice(i, 0, time);
  values.splice(i, 0, value);
  if (ranks.length <= k) return;
  ranks.pop();
  times.pop();
  values.pop();
}

/** Whether a record comes before the one at `i`. */
function precedes(
  [ranks, times, values]: Best,
  i: number,
  rank: number,
  time: number,
  value: unknown,
): boolean {
  const [rankThere, timeThere] = [ranks[i] as number, times[i] as number]; // below the length
  if (rank !== rankThere) return rank > rankThere;
  if (time !== timeThere) return time < timeThere;
  const [text, textThere] = [canonicalJson(value), canonicalJson(values[i])];
  if (text !== textThere) return text < textThere;
  return JSON.stringify(value) < JSON.stringify(values[i]); // they differ in the order of members
}

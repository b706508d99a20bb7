/**
 * The first and the last of the times that have entries, while times come and go for ever.
 *
 * Two heaps, which forget late: a time that is gone leaves a heap once it comes to the top. In one
 * of them it may never come there (the latest timer keeps all that fired below it), so heaps that
 * hold too much of what is gone are made anew: a cost of O(log n) for each time that was added.
 */
import FlatQueue from 'flatqueue';

/** The times that are there. */
interface Times {
  has(time: number): boolean;
  keys(): Iterable<number>;
  size(): number;
}

/** Times that a heap holds at most, besides twice as many as are there. */
const spareTimes = 1024;

export class TimeRange {
  readonly #times: Times;
  readonly #earliest = new FlatQueue<number>();
  readonly #latest = new FlatQueue<number>();

  constructor(times: Times) {
    this.#times = times;
  }

  /** Takes a time that has just come. */
  add(time: number): void {
    this.#earliest.push(time, time);
    this.#latest.push(time, -time);
    const most = 2 * this.#times.size() + spareTimes;
    if (this.#earliest.length > most) this.#makeAnew(this.#earliest, 1);
    if (this.#latest.length > most) this.#makeAnew(this.#latest, -1);
  }

  /** Infinity where there is none. */
  first(): number {
    return this.#top(this.#earliest) ?? Number.POSITIVE_INFINITY;
  }

  /** -Infinity where there is none. */
  last(): number {
    return this.#top(this.#latest) ?? Number.NEGATIVE_INFINITY;
  }

  #top(heap: FlatQueue<number>): number | undefined {
    for (;;) {
      const time = heap.peek();
      if (time === undefined || this.#times.has(time)) return time;
      heap.pop();
    }
  }

  #makeAnew(heap: FlatQueue<number>, sign: 1 | -1): void {
    heap.clear();
    for (const time of this.#times.keys()) heap.push(time, sign * time);
  }
}

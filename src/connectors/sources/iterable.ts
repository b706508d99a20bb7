/** What a program has or makes: iterables and async iterables, streams of Node.js among them. */
import type { Source, SourceRecord } from '../source.ts';

/** Values in a batch, where all are there at once. */
const batchRecords = 256;

/**
 * The values of an array, a Set, or anything else that can be iterated again. The position is the
 * number of values that were taken, so a restarted program must give the same values, or more of
 * them. A generator is read once: its values have no position, and it is taken from where it is.
 *
 * @example
 * await ingest(iterable(await loadFlights()), flights, { data: './data' });
 */
export function iterable<Value>(values: Iterable<Value>): Source<Value, number> {
  const once = Object.is(values[Symbol.iterator](), values);
  return {
    name: 'an iterable',
    once,
    async *read({ position = 0 }) {
      let index = 0;
      let batch: SourceRecord<Value, number>[] = [];
      for (const value of values) {
        index++;
        if (!once && index <= position) continue;
        const place = `value ${index}`;
        batch.push(once ? { value, place } : { value, place, position: index });
        if (batch.length < batchRecords) continue;
        yield batch;
        batch = [];
      }
      if (batch.length > 0) yield batch;
    },
  };
}

/**
 * The values of an async iterable, such as a stream of Node.js (`objectMode`) or the rows of a
 * query; each is committed as soon as it comes. It is read once, and its values have no position:
 * what has been taken from it and is not committed when the process dies is lost.
 *
 * Given a function, the values can be read again: it is called with the number of values that are
 * in the topic, and returns those behind them. Each is then in the topic exactly once.
 *
 * @example
 * asyncIterable((taken) => rowsFrom('SELECT * FROM orders ORDER BY id OFFSET ?', taken))
 */
export function asyncIterable<Value>(
  values: AsyncIterable<Value> | ((taken: number) => AsyncIterable<Value>),
): Source<Value, number> {
  const isFunction = typeof values === 'function';
  return {
    name: isFunction ? 'an async iterable, read again' : 'an async iterable',
    once: !isFunction,
    async *read({ position = 0 }) {
      let index = isFunction ? position : 0;
      for await (const value of isFunction ? values(position) : values) {
        index++;
        const place = `value ${index}`;
        yield [isFunction ? { value, place, position: index } : { value, place }];
      }
    },
  };
}

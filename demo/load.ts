/** Puts flights into the topic, in large batches: the fast way to load history. */
import { type Log, partitionOf, RecordBatchBuilder } from 'millrace';
import { type Flight, flights } from '../examples/flight-delays.ts';
import { knownAt } from './flights.ts';

export const partitions = 4;

/** Records in one append. */
const portion = 20_000;

/** Appends flights in their order; a record's timestamp is when its delay became known. */
export async function load(
  log: Log,
  history: readonly Flight[],
  onProgress: (share: number) => void,
): Promise<void> {
  for (let from = 0; from < history.length; from += portion) {
    await append(log, history.slice(from, from + portion));
    onProgress(Math.min((from + portion) / history.length, 1));
  }
}

/** One append: durable and visible at once. */
export async function append(log: Log, some: readonly Flight[]): Promise<void> {
  const builders = Array.from({ length: partitions }, () => new RecordBatchBuilder());
  for (const flight of some) {
    const key = flights.key.encode(flight.origin);
    const builder = builders[partitionOf(key, partitions)];
    builder?.append(knownAt(flight), key, flights.value.encode(flight));
  }
  const appends = builders.flatMap((builder, partition) => {
    const { recordCount, maxTimestamp } = builder;
    if (recordCount === 0) return [];
    return [
      { topic: flights.name, partition, recordCount, maxTimestamp, batches: builder.build() },
    ];
  });
  if (appends.length > 0) await log.broker.append(appends);
}

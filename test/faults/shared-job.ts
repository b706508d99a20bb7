/**
 * A job that several processes share: four tasks read trips, four count them by group. Groups are
 * on all partitions, so every trip goes from one task to another.
 */
import { writeFileSync } from 'node:fs';
import { count, job, topic, tumbling, value } from '../../src/dsl/index.ts';
import { json, string } from '../../src/formats/index.ts';

export const partitions = 4;

/** How the thread that reads a trip dies. */
export type Death = 'exit' | 'throw' | 'memory';

export interface Trip {
  /** The partition that it is on, and its number there. */
  readonly source: number;
  readonly n: number;
  readonly group: string;
  /** Whoever is first to make the file dies: once, although the trip is read again. */
  readonly death?: { readonly how: Death; readonly once: string };
}

export interface Result {
  /** The trips of the group so far. */
  readonly count: number;
  readonly source: number;
  readonly n: number;
}

export const trips = topic('trips', { key: string(), value: json<Trip>(), partitions });
export const results = topic('results', { key: string(), value: json<Result>(), partitions });
export const windows = topic('windows', {
  key: string(),
  value: json<{ n: number; windowStart: number; windowEnd: number }>(),
  partitions,
});

export const shared = job(
  'shared',
  ({ from }) => {
    const byGroup = from(trips, { quietAfter: 'off' })
      .map(
        (trip) => {
          if (trip.death !== undefined && isFirst(trip.death.once)) die(trip.death.how);
          return trip;
        },
        { name: 'obey' },
      )
      .keyBy((trip) => trip.group, { key: string() });
    byGroup
      .process({
        state: { count: value<number>() },
        onRecord: ({ source, n }, { state }) => {
          const counted = (state.count.get() ?? 0) + 1;
          state.count.set(counted);
          return [{ count: counted, source, n }];
        },
      })
      .to(results);
    byGroup.window(tumbling('1s')).aggregate({ n: count() }).to(windows);
  },
  { parallelism: partitions },
);

export default shared;

function isFirst(file: string): boolean {
  try {
    writeFileSync(file, '', { flag: 'wx' });
    return true;
  } catch {
    return false;
  }
}

function die(how: Death): void {
  const hoard: number[][] = [];
  if (how === 'exit') process.exit(3);
  // Not within the task, whose failure that would be.
  if (how === 'throw') setImmediate(() => fail());
  while (how === 'memory') hoard.push(new Array(10_000).fill(0));
}

function fail(): never {
  throw new Error('as it was told');
}

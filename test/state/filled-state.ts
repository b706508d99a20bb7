/**
 * A process that fills state with entries of one shape until they count as so many bytes, and says
 * what it took of memory for them: `filled-state.ts SHAPE BYTES`, with --expose-gc.
 */
import { stateKeyOf } from '../../src/state/key.ts';
import { Changelog, openStores, type Stores } from './changelog.ts';

export interface Filled {
  readonly entries: number;
  /** As `TaskState.bytes` says. */
  readonly counted: number;
  /** What JavaScript holds, after a garbage collection. */
  readonly live: number;
  /** What the process has grown by. */
  readonly rss: number;
}

const text = (bytes: number) => 'x'.repeat(bytes);
const key = (i: number, pad = '') => stateKeyOf(i % 128, Buffer.from(`key-${i}${pad}`));
const hour = 3_600_000;

/** Each puts its i-th entry. */
const shapes = {
  'small values': ({ keyed }, i) => keyed.put(key(i), i),
  'values of 300 bytes': ({ keyed }, i) => keyed.put(key(i), { n: i, pad: text(280) }),
  'values of 100 KB': ({ keyed }, i) => keyed.put(key(i), text(100_000)),
  'long keys': ({ keyed }, i) => keyed.put(key(i, text(500)), i),
  'a window of many keys': ({ timed }, i) => timed.put(hour, key(i), { n: 1, sum: i }),
  'windows of one key': ({ timed }, i) => timed.put(i * hour, key(1), { n: 1, sum: i }),
  'windows of ten keys': ({ timed }, i) =>
    timed.put(Math.floor(i / 10) * hour, key(i % 10), { n: 1, sum: i }),
  'long lists': ({ list }, i) => list.add(key(i % 50), i),
  'lists of one element': ({ list }, i) => list.add(key(i), i),
  'maps of ten elements': ({ map }, i) => map.put(key(Math.floor(i / 10)), `item-${i % 10}`, i),
  'values that shrink and grow': ({ keyed }, i) => {
    for (const each of [i, i >>> 1, i >>> 2]) keyed.put(key(each), text((each * 37 + i) % 700));
  },
} satisfies Record<string, (stores: Stores, i: number) => void>;

export type Shape = keyof typeof shapes;

export const shapeNames = Object.keys(shapes) as Shape[]; // just these

function fill(shape: Shape, bytes: number): Filled {
  const changelog = new Changelog();
  const stores = openStores(changelog, undefined);
  const { state } = stores;
  const before = memory();
  let i = 0;
  while (state.bytes < bytes) {
    for (const end = i + 500; i < end; i++) shapes[shape](stores, i);
    state.takeChanges(() => {});
    state.committed(i);
    state.tend();
  }
  const after = memory();
  return {
    entries: state.size,
    counted: state.bytes,
    live: after.live - before.live,
    rss: after.rss - before.rss,
  };
}

function memory(): { readonly live: number; readonly rss: number } {
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, external, rss } = process.memoryUsage();
  return { live: heapUsed + external, rss };
}

const [shape, bytes] = process.argv.slice(2);
if (shape !== undefined && shape in shapes) {
  process.stdout.write(JSON.stringify(fill(shape as Shape, Number(bytes)))); // as just checked
}

/** What has been counted: the results of the shared job, checked while they come. */
import assert from 'node:assert/strict';
import { type Broker, RecordCursor } from '../../src/broker/index.ts';
import type { Log } from '../../src/runtime/index.ts';
import { partitions, type Result, results, windows } from './shared-job.ts';

const readBytes = 4 * 1024 * 1024;

export class Counted {
  readonly #broker: Broker;
  /** Where the next look at each partition begins. */
  readonly #positions = Array.from({ length: partitions }, () => 0);
  /** The count of each group in its last result. */
  readonly #counts = new Map<string, number>();
  /** The last trip of each group and source. */
  readonly #last = new Map<string, number>();
  #sum = 0;

  constructor(broker: Broker) {
    this.#broker = broker;
  }

  /**
   * Reads on: how many trips are counted. Fails where one is counted twice, or a group's results
   * are not 1, 2, 3, ... with the trips of each source in their order. So when as many are counted
   * as were sent, each is counted once.
   */
  look(): number {
    for (const partition of this.#positions.keys()) this.#read(partition);
    return this.#sum;
  }

  #read(partition: number): void {
    const place = { topic: results.name, partition };
    const end = this.#broker.endOf(place);
    for (let from = this.#positions[partition] ?? 0; from < end; ) {
      const batches = this.#broker.read(place, from, readBytes);
      if (batches === undefined) return;
      const cursor = new RecordCursor();
      cursor.reset(batches.bytes, batches.placeOf);
      while (cursor.next()) {
        if (cursor.offset < from) continue;
        this.#add(textOf(cursor, 'key'), JSON.parse(textOf(cursor, 'value')));
        from = cursor.offset + 1;
        this.#positions[partition] = from;
      }
    }
  }

  #add(group: string, { count, source, n }: Result): void {
    const before = this.#counts.get(group) ?? 0;
    const stream = `${group} from ${source}`;
    const last = this.#last.get(stream) ?? -1;
    assert.equal(count, before + 1, `the count of ${group}, with trip ${n} from ${source}`);
    assert.ok(n > last, `trip ${n} of ${stream} after ${last}`);
    this.#counts.set(group, count);
    this.#last.set(stream, n);
    this.#sum++;
  }
}

function textOf(cursor: RecordCursor, part: 'key' | 'value'): string {
  const { bytes, keyStart, keyEnd, valueStart, valueEnd } = cursor;
  const [start, end] = part === 'key' ? [keyStart, keyEnd] : [valueStart, valueEnd];
  return Buffer.from(bytes.subarray(start, end)).toString();
}

/** What came of all windows: how many trips, and which windows came twice. */
export async function sumOfWindows(log: Log): Promise<{ trips: number; twice: string[] }> {
  const seen = new Set<string>();
  const twice: string[] = [];
  let sum = 0;
  for await (const { key, value } of log.records(windows)) {
    const window = `${key} ${value?.windowStart}`;
    if (seen.has(window)) twice.push(window);
    seen.add(window);
    sum += value?.n ?? 0;
  }
  return { trips: sum, twice };
}

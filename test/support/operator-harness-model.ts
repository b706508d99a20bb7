/**
 * What the naive models of operators share: in which order a task meets the records of a script,
 * and how far event time is when it meets them. The whole history at once, nothing incremental; no
 * silence, so no clock.
 */
import { positiveHash } from '../../src/broker/index.ts';
import { keyJson } from '../../src/formats/index.ts';
import { keyGroups, stateKeyOf } from '../../src/state/index.ts';
import type { ScriptRecord, ScriptStep } from './operator-harness.ts';

export interface Met<Value> {
  readonly value: Value;
  readonly partition: number;
  readonly at: number;
  /** Nothing at or before this time was expected any more when the record came. */
  readonly watermark: number;
}

export interface History<Value> {
  readonly met: readonly Met<Value>[];
  /** The watermark behind the last record. */
  readonly watermark: number;
}

/**
 * Of the partitions' next records the earliest comes first, and the watermark follows the slowest
 * partition: the highest of its times, that of its next record included.
 */
export function historyOf<Value extends { readonly at: number }>(
  script: readonly ScriptStep[],
  outOfOrdernessMs: number,
): History<Value> {
  const met: Met<Value>[] = [];
  let watermark = Number.NEGATIVE_INFINITY;
  for (const step of script) {
    const queues = queuesOf<Value>('records' in step ? step.records : []);
    for (let done = false; !done; ) {
      const heads = queues.flatMap((queue) => queue[0] ?? []);
      watermark = Math.max(watermark, slowestOf([...met, ...heads]) - outOfOrdernessMs - 1);
      const [first] = heads.toSorted((a, b) => a.at - b.at || a.partition - b.partition);
      queues.find((queue) => queue[0] === first)?.shift();
      if (first !== undefined) met.push({ ...first, watermark });
      done = first === undefined;
    }
  }
  return { met, watermark };
}

/** The smallest of the partitions' highest times. */
function slowestOf(records: readonly Omit<Met<unknown>, 'watermark'>[]): number {
  const partitions = Object.values(Object.groupBy(records, ({ partition }) => partition));
  const highest = partitions.map((of = []) => Math.max(...of.map(({ at }) => at)));
  return highest.length === 0 ? Number.NEGATIVE_INFINITY : Math.min(...highest);
}

/** In the order in which stores walk over keys. */
export function compareKeys(a: unknown, b: unknown): number {
  const [left, right] = [stateKey(a), stateKey(b)];
  return left < right ? -1 : left > right ? 1 : 0;
}

/** In the order in which stores walk over what has a key and something else: shorter keys first. */
export function compareKeysOfPlaces(a: unknown, b: unknown): number {
  const [left, right] = [stateKey(a), stateKey(b)];
  const group = left.charCodeAt(0) - right.charCodeAt(0);
  return group !== 0 ? group : left.length - right.length || compareKeys(a, b);
}

function stateKey(key: unknown): string {
  const bytes = keyJson<unknown>().encode(key);
  return stateKeyOf(positiveHash(bytes) % keyGroups, bytes);
}

function queuesOf<Value extends { readonly at: number }>(
  records: readonly ScriptRecord[],
): Omit<Met<Value>, 'watermark'>[][] {
  const queues = new Map<number, Omit<Met<Value>, 'watermark'>[]>();
  for (const { value, partition = 0 } of records) {
    const queue = queues.get(partition) ?? [];
    queues.set(partition, queue);
    const given = value as Value; // as the test wrote it
    queue.push({ value: given, partition, at: given.at });
  }
  return [...queues.values()];
}

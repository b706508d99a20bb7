/** What the processes that die read, and what must come of it when it came while they ran. */
import { makeReadings, type Reading } from '../golden/pipeline.ts';

export const readings: readonly Reading[] = makeReadings(400, 7);

const chunkRecords = 8;

/** The readings come in chunks where they come live. */
export function liveChunk(index: number): readonly Reading[] {
  return readings.slice(index * chunkRecords, (index + 1) * chunkRecords);
}

/** The chunk to go on with when so many records have arrived. */
export function nextChunk(arrived: number): number {
  return arrived / chunkRecords;
}

type Outputs = Readonly<Record<string, readonly string[]>>;

/** What must be right whenever the records came. */
export interface Summary {
  /** Results of the running step, by sensor, in their order. */
  readonly running: Record<string, unknown[]>;
  /** Of each sensor and window, what was counted and what came too late, together. */
  readonly windows: Record<string, { n: number; total: number }>;
}

export function summaryOf(outputs: Outputs): Summary {
  const summary: Summary = { running: {}, windows: {} };
  for (const { key, value } of recordsIn(outputs, 'running')) addResult(summary, key, value);
  for (const { key, value } of recordsIn(outputs, 'by-window')) {
    addToWindow(summary, key, value.windowStart, value.n, value.total);
  }
  for (const { key, value } of recordsIn(outputs, 'late')) {
    addToWindow(summary, key, value.at, 1, value.value);
  }
  return summary;
}

/** The summary that is right, computed without the engine. */
export function rightSummary(): Summary {
  const summary: Summary = { running: {}, windows: {} };
  const last: Record<string, { n: number; highest: number }> = {};
  for (const { sensor, at, value } of readings) {
    const { n, highest } = last[sensor] ?? { n: 0, highest: value };
    last[sensor] = { n: n + 1, highest: Math.max(highest, value) };
    addResult(summary, sensor, last[sensor]);
    addToWindow(summary, sensor, at, 1, value);
  }
  return summary;
}

function addResult({ running }: Summary, sensor: string, result: unknown): void {
  running[sensor] = [...(running[sensor] ?? []), result];
}

function addToWindow({ windows }: Summary, sensor: string, at: number, n: number, total: number) {
  const window = `${sensor} ${at - (at % 10_000)}`;
  const before = windows[window] ?? { n: 0, total: 0 };
  windows[window] = { n: before.n + n, total: before.total + total };
}

/** Fields of the values of all topics. */
type Fields = Readonly<Record<'windowStart' | 'n' | 'total' | 'at' | 'value', number>>;

/** The records of a topic, each written as key, JSON, timestamp and headers. */
function* recordsIn(outputs: Outputs, topic: string): Generator<{ key: string; value: Fields }> {
  for (const [partition, records] of Object.entries(outputs)) {
    if (!partition.startsWith(`${topic}/`)) continue;
    for (const record of records) {
      const [, key = '', value = ''] = /^(\S+) (\{.*\}) -?\d+ \[/.exec(record) ?? [];
      yield { key: key.replaceAll('"', ''), value: JSON.parse(value) };
    }
  }
}

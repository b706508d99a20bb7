/**
 * The golden pipeline: two jobs over one input, with windows, timers, running state and late
 * records, writing four topics. Its output is compared between a run without faults and runs that
 * crash.
 */
import {
  type Append,
  type Broker,
  type Durability,
  openBroker,
  partitionOf,
  RecordBatchBuilder,
  RecordCursor,
} from '../../src/broker/index.ts';
import { count, job, max, sum, topic, tumbling, value } from '../../src/dsl/index.ts';
import { json, string } from '../../src/formats/index.ts';
import type { Platform } from '../../src/platform/index.ts';
import { type Job, type JobHandle, type RunOptions, run } from '../../src/runtime/index.ts';
import { seededChoices } from '../support/choices.ts';

export interface Reading {
  readonly sensor: string;
  readonly at: number;
  readonly value: number;
}

export const inputTopic = 'readings';
export const inputPartitions = 3;
export const outputTopics = ['by-window', 'late', 'running', 'silent'] as const;

export const readings = topic(inputTopic, { key: string(), value: json<Reading>() });

const byWindow = topic('by-window', {
  key: string(),
  value: json<{ n: number; total: number; windowStart: number; windowEnd: number }>(),
});
const late = topic('late', { key: string(), value: json<Reading>() });
const running = topic('running', { key: string(), value: json<{ n: number; highest: number }>() });
const silent = topic('silent', { key: string(), value: json<{ sensor: string; since: number }>() });

const windows: Job = job('windows', ({ from }) => {
  const windowed = from(readings, {
    eventTime: (r) => r.at,
    outOfOrderness: '5s',
    quietAfter: 'off',
  })
    .keyBy((r) => r.sensor)
    .window(tumbling('10s'))
    .aggregate({ n: count(), total: sum((r) => r.value) });
  windowed.to(byWindow);
  windowed.late.to(late);
});

/**
 * Running aggregates, and an event-time timer that tells of a sensor that fell silent for two
 * minutes.
 */
const sensors: Job = job('sensors', ({ from }) => {
  const bySensor = from(readings, {
    eventTime: (r) => r.at,
    outOfOrderness: '5s',
    quietAfter: 'off',
  }).keyBy((r) => r.sensor);
  bySensor.aggregate({ n: count(), highest: max((r) => r.value) }).to(running);
  bySensor
    .process({
      state: { last: value<number>() },
      onRecord(reading, { state, timers }) {
        const last = state.last.get();
        if (last !== undefined) timers.event.delete(last + 30_000);
        const newest = Math.max(last ?? 0, reading.at);
        state.last.set(newest);
        timers.event.set(newest + 30_000);
      },
      onTimer: (_timer, { key, state }) => [{ sensor: key, since: state.last.get() ?? 0 }],
    })
    .to(silent);
});

export const jobs: readonly Job[] = [windows, sensors];

/**
 * Readings of some sensors, out of order by up to 20 s, some of them falling silent; the same for
 * the same seed.
 */
export function makeReadings(total: number, seed: number): Reading[] {
  const choose = seededChoices(seed);
  const start = Date.UTC(2026, 0, 1);
  return Array.from({ length: total }, (_, i) => ({
    sensor: `sensor-${choose(i < total / 2 ? 9 : 4)}`,
    at: start + i * 1000 - choose(20_000),
    value: choose(100),
  }));
}

/** One batch for each partition. */
export function appendsOf(input: readonly Reading[]): Append[] {
  const builders = Array.from({ length: inputPartitions }, () => new RecordBatchBuilder());
  for (const reading of input) {
    const key = Buffer.from(reading.sensor);
    const builder = builders[partitionOf(key, inputPartitions)];
    builder?.append(reading.at, key, Buffer.from(JSON.stringify(reading)));
  }
  return builders.flatMap((builder, partition) => {
    const { recordCount, maxTimestamp } = builder;
    if (recordCount === 0) return [];
    return [{ topic: inputTopic, partition, recordCount, maxTimestamp, batches: builder.build() }];
  });
}

/** Small files and epochs, so that a short run rolls, sorts, folds and saves many times. */
export const smallLog = {
  journalFileBytes: 24 * 1024,
  largeBytes: 4 * 1024,
  sealAfterMs: 5,
  pollMs: 20,
} as const;

export const smallEpochs: Partial<RunOptions> = {
  epoch: { epochRecords: 5 },
  foldIntervalMs: 3,
  unfoldedBytesMax: 8 * 1024, // folds at half of it, without waiting
};

export interface Session {
  readonly broker: Broker;
  readonly handles: readonly JobHandle[];
}

export interface SessionOptions {
  /** Default: those of the golden pipeline. */
  readonly jobs?: readonly Job[];
  /** Fence off whoever runs the jobs. */
  readonly takeOver?: boolean;
  /** The input was acknowledged in an earlier session: it must be there. */
  readonly acknowledged?: boolean;
  /** Default `disk`. */
  readonly durability?: Durability;
  /** Rebuild state where its file is refused. */
  readonly rebuildState?: boolean;
  /** Sees what the directory holds before anything is added. */
  readonly onOpen?: (broker: Broker) => void;
}

/** Opens the directory and starts the jobs, feeding the input first if it is not there. */
export async function startSession(
  platform: Platform,
  directory: string,
  input: readonly Reading[],
  options: SessionOptions = {},
): Promise<Session> {
  const { takeOver = false, acknowledged = false, durability = 'disk', onOpen } = options;
  const broker = await openBroker(platform, directory, { ...smallLog, durability });
  onOpen?.(broker);
  if (broker.describeTopic(inputTopic) === undefined) {
    await broker.createTopic(inputTopic, { partitions: inputPartitions });
  }
  if (broker.endOf({ topic: inputTopic, partition: 0 }) === 0) {
    if (acknowledged) throw new Error('acknowledged input is gone');
    await broker.append(appendsOf(input), { id: 'feeder', sequence: 0 });
  }
  const runOptions: RunOptions = {
    ...smallEpochs,
    broker,
    durability,
    stateDirectory: directory,
    platform,
    takeOver,
    rebuildState: options.rebuildState ?? false,
  };
  const handles = await Promise.all((options.jobs ?? jobs).map((each) => run(each, runOptions)));
  return { broker, handles };
}

/** Reads everything, lets event time run to its end, closes. */
export async function finishSession(
  { broker, handles }: Session,
  topics: readonly string[] = outputTopics,
): Promise<Record<string, string[]>> {
  await Promise.all(handles.map((handle) => handle.stop({ drain: true })));
  const outputs = outputsOf(broker, topics);
  await broker.close();
  return outputs;
}

/** The records of each output partition in order, as text: key, value, timestamp, headers. */
export function outputsOf(
  broker: Broker,
  topics: readonly string[] = outputTopics,
): Record<string, string[]> {
  const outputs: Record<string, string[]> = {};
  for (const name of topics) {
    for (const { partition } of broker.describeTopic(name)?.partitions ?? []) {
      outputs[`${name}/${partition}`] = recordsOf(broker, name, partition);
    }
  }
  return outputs;
}

export function recordsOf(broker: Broker, name: string, partition: number): string[] {
  const cursor = new RecordCursor();
  const records: string[] = [];
  const text = (start: number, end: number) =>
    start < 0 ? 'null' : Buffer.from(cursor.bytes.subarray(start, end)).toString('utf8');
  for (let offset = 0; ; offset = cursor.endOffset()) {
    const batches = broker.read({ topic: name, partition }, offset, 64 * 1024);
    if (batches === undefined) return records;
    cursor.reset(batches.bytes);
    while (cursor.next()) {
      if (cursor.offset < offset) continue;
      const { keyStart, keyEnd, valueStart, valueEnd, timestamp } = cursor;
      const headers = JSON.stringify(cursor.headers());
      records.push(
        `${text(keyStart, keyEnd)} ${text(valueStart, valueEnd)} ${timestamp} ${headers}`,
      );
    }
  }
}

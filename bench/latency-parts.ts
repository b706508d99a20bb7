/**
 * The parts of the latency benchmarks: a producer at a constant rate, a job that counts per key, a
 * consumer.
 */
import { type Broker, type Job, job, json, type Log, RecordCursor, string, topic } from 'millrace';

export const input = topic('in', { key: string(), value: json<Event>(), partitions: 4 });
export const output = topic('out', { key: string(), value: json<{ n: number; sent: number }>() });

/** Before latencies count: three processes start, and the compiler learns what is hot. */
export const warmUpSeconds = 5;

const keys = 100_000;
/** Fills an event to 200 bytes of JSON. */
const padding = 'x'.repeat(140);

export interface Event {
  readonly key: string;
  /** When it should have been sent, ms since the epoch with fractions. */
  readonly sent: number;
  readonly padding: string;
}

/** A running count per key: one result for each record. It carries the send time through. */
export function countingBy(parallelism: number): Job {
  return job(
    'counting',
    ({ from }) => {
      from(input)
        .keyBy((event) => event.key)
        .process({
          state: { n: numberState() },
          onRecord({ sent }, { state }) {
            const n = (state.n.get() ?? 0) + 1;
            state.n.set(n);
            return [{ n, sent }];
          },
        })
        .to(output);
    },
    { parallelism },
  );
}

export const counting = countingBy(1);

function numberState(): {
  readonly kind: 'value';
  readonly codec: ReturnType<typeof json<number>>;
} {
  return { kind: 'value', codec: json<number>() };
}

/** The same clock in all processes. */
export function now(): number {
  return performance.timeOrigin + performance.now();
}

/**
 * Sends `rate` records a second for `seconds`, in an open loop; resolves when all are acknowledged.
 */
export async function produce(log: Log, rate: number, seconds: number): Promise<void> {
  const began = now();
  const total = rate * seconds;
  const answers: Promise<unknown>[] = [];
  for (let sent = 0; sent < total; ) {
    const due = Math.min(total, Math.floor(((now() - began) / 1000) * rate));
    for (; sent < due; sent++) {
      const key = `key-${Math.floor(Math.random() * keys)}`;
      const event = { key, sent: began + (sent / rate) * 1000, padding };
      const answer = log.send(input, { key, value: event });
      if (sent % 1000 === 0) answers.push(answer);
      else answer.catch(fail);
    }
    await nextTurn(sent, rate, began);
  }
  await Promise.all(answers);
}

function fail(error: unknown): never {
  throw error;
}

/** Sleeps while the next record is more than a millisecond away; else gives others a turn. */
function nextTurn(sent: number, rate: number, began: number): Promise<void> {
  const waitMs = began + (sent / rate) * 1000 - now();
  return new Promise((resolve) => {
    if (waitMs > 1.2) setTimeout(resolve, 1);
    else setImmediate(resolve);
  });
}

/** Reads the output and notes each record's latency until `total` have come. */
export async function consume(broker: Broker, total: number): Promise<Float64Array> {
  const latencies = new Latencies(total);
  while (broker.describeTopic(output.name) === undefined) await changed(broker);
  const positions = [0, 0, 0, 0];
  const cursor = new RecordCursor();
  await new Promise<void>((resolve) => {
    const read = () => {
      for (const [partition, position] of positions.entries()) {
        positions[partition] = readSome(broker, cursor, partition, position, latencies);
      }
      if (latencies.count < total) return;
      subscription.close();
      resolve();
    };
    const subscription = broker.subscribe(read);
    read();
  });
  return latencies.all;
}

/** Room for all from the start, so that noting one costs nothing. */
class Latencies {
  readonly all: Float64Array;
  count = 0;

  constructor(total: number) {
    this.all = new Float64Array(total);
  }

  add(latency: number): void {
    this.all[this.count++] = latency;
  }
}

function changed(broker: Broker): Promise<void> {
  return new Promise((resolve) => {
    const subscription = broker.subscribe(() => {
      subscription.close();
      resolve();
    });
  });
}

function readSome(
  broker: Broker,
  cursor: RecordCursor,
  partition: number,
  from: number,
  latencies: Latencies,
): number {
  const target = { topic: output.name, partition };
  let position = from;
  for (;;) {
    if (position >= broker.endOf(target)) return position;
    const batches = broker.read(target, position, 256 * 1024);
    if (batches === undefined) return position;
    cursor.reset(batches.bytes);
    while (cursor.next()) {
      if (cursor.offset < position) continue;
      const { sent } = output.value.decode(cursor.bytes, cursor.valueStart, cursor.valueEnd);
      latencies.add(now() - sent);
      position = cursor.offset + 1;
    }
  }
}

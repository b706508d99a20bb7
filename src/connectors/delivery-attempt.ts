/**
 * Delivers a topic from where the sink, or the log, says that it is.
 *
 *   topic ──read──> decode ──> sink.write ──> positions: with the rows, or committed here
 *
 * A batch is read when the one before is known to be delivered, so nothing piles up: what waits,
 * waits in the log.
 */
import { type Broker, RecordCursor, type TopicDescription } from '../broker/index.ts';
import { MillraceError, type Platform } from '../platform/index.ts';
import { recordAt, type SourceSpec, untilChanged } from '../runtime/index.ts';
import type { AttemptControl } from './connector.ts';
import { ConnectorTask } from './connector-task.ts';
import { atPlace } from './ingest-attempt.ts';
import type { DeliveredRecord, OpenSink, Sink } from './sink.ts';

/** Read at once, of each partition, in bytes. */
const readBytes = 256 * 1024;

export interface DeliveryOf<Key, Value> {
  readonly topic: SourceSpec<Key, Value>;
  readonly sink: Sink<Key, Value>;
  readonly name: string;
  readonly from: 'earliest' | 'latest';
  readonly broker: Broker;
  readonly platform: Platform;
  readonly control: AttemptControl;
  /** Told how far it is. */
  moved(positions: readonly number[]): void;
}

/** What the log keeps for a sink. */
interface DeliveryRecord {
  readonly mark: unknown;
}

export class DeliveryAttempt<Key, Value> {
  readonly #of: DeliveryOf<Key, Value>;
  #positions: number[] = [];

  constructor(of: DeliveryOf<Key, Value>) {
    this.#of = of;
  }

  async run(): Promise<void> {
    const { broker, platform, name, control, topic } = this.#of;
    const task = await ConnectorTask.claim<DeliveryRecord>(broker, platform.clock, 'deliver', name);
    try {
      const described = requireTopic(broker, topic.name);
      const sink = await this.#open(task, described);
      try {
        this.#positions = this.#startOf(task, described, sink);
        this.#of.moved(this.#positions);
        if (task.record === undefined && sink.mark !== undefined) {
          await task.commit({ record: { mark: sink.mark } });
        }
        control.running();
        await this.#deliver(task, sink);
      } finally {
        await sink.close();
      }
    } finally {
      await task.release().catch(() => {}); // a member that is fenced off has nothing to release
    }
  }

  async #open(task: ConnectorTask<DeliveryRecord>, described: TopicDescription) {
    const { sink, name, broker, platform, control } = this.#of;
    return sink.open({
      delivery: name,
      topic: { name: described.name, id: described.id, log: broker.id },
      mark: task.record?.mark,
      signal: control.stopped,
      platform,
    });
  }

  #startOf(
    task: ConnectorTask<DeliveryRecord>,
    { name, partitions }: TopicDescription,
    sink: OpenSink<Key, Value>,
  ): number[] {
    const kept = new Map(sink.positions?.entries() ?? []);
    for (const { topic, partition, offset } of task.positions) {
      if (topic === name && sink.positions === undefined) kept.set(partition, offset);
    }
    return partitions.map(({ partition, start, end }) => {
      const known = kept.get(partition);
      if (known === undefined) return this.#of.from === 'latest' ? end : start;
      if (known > end) throw beyondEnd(this.#of, partition, known, end);
      return known;
    });
  }

  async #deliver(task: ConnectorTask<DeliveryRecord>, sink: OpenSink<Key, Value>): Promise<void> {
    const { control, broker } = this.#of;
    let ends: number[] | undefined;
    while (!control.stopped.aborted) {
      if (control.ending.aborted) ends ??= this.#ends();
      const records = this.#read(ends ?? this.#ends());
      if (records.length > 0) await this.#write(records, task, sink);
      else if (ends !== undefined) return;
      else await untilChanged(broker, control.ending);
    }
  }

  async #write(
    records: readonly DeliveredRecord<Key, Value>[],
    task: ConnectorTask<DeliveryRecord>,
    sink: OpenSink<Key, Value>,
  ): Promise<void> {
    const { control, topic, sink: of } = this.#of;
    const max = of.batchRecordsMax ?? records.length;
    for (let at = 0; at < records.length && !control.stopped.aborted; at += max) {
      const part = records.slice(at, at + max);
      const from = this.#positions;
      const to = [...from];
      for (const { partition, offset } of part) to[partition] = offset + 1;
      const mark = await sink.write({ records: part, from, to });
      if (sink.positions === undefined) {
        const positions = to.flatMap((offset, partition) =>
          offset === from[partition] ? [] : [{ topic: topic.name, partition, offset }],
        );
        await task.commit({ record: mark === undefined ? undefined : { mark }, positions });
      }
      this.#positions = to;
      this.#of.moved(to);
      control.committed(part.length);
    }
  }

  #read(ends: readonly number[]): DeliveredRecord<Key, Value>[] {
    const records: DeliveredRecord<Key, Value>[] = [];
    for (const [partition, position] of this.#positions.entries()) {
      const end = ends[partition] ?? 0;
      if (position < end) this.#readPartition(partition, position, end, records);
    }
    return records;
  }

  #readPartition(
    partition: number,
    position: number,
    end: number,
    into: DeliveredRecord<Key, Value>[],
  ): void {
    const { topic, broker } = this.#of;
    const { name } = topic;
    const batches = broker.read({ topic: name, partition }, position, readBytes);
    if (batches === undefined) return;
    const before = into.length;
    const cursor = new RecordCursor();
    cursor.reset(batches.bytes, batches.placeOf);
    while (cursor.next()) {
      const { offset } = cursor;
      if (offset < position) continue;
      if (offset >= end) return;
      const id = `${name}-${partition}-${offset}`;
      try {
        into.push({ topic: name, id, ...recordAt(cursor, topic, partition) });
      } catch (error) {
        if (into.length > before) return; // those before it first
        throw atPlace(error, `topic ${name}, partition ${partition}, offset ${offset}`);
      }
    }
  }

  #ends(): number[] {
    const { broker, topic } = this.#of;
    return requireTopic(broker, topic.name).partitions.map(({ end }) => end);
  }
}

/** Records that are not delivered yet. */
export function lagOf(
  broker: Broker,
  topic: string,
  positions: readonly number[] | undefined,
): number {
  const partitions = broker.describeTopic(topic)?.partitions ?? [];
  return partitions.reduce(
    (lag, { start, end }, i) => lag + Math.max(0, end - Math.max(start, positions?.[i] ?? start)),
    0,
  );
}

/** Fails with `TOPIC_MISSING`. */
function requireTopic(broker: Broker, name: string): TopicDescription {
  const described = broker.describeTopic(name);
  if (described !== undefined) return described;
  const message = `There is no topic "${name}" to deliver. Make it, or run the job that writes it.`;
  throw new MillraceError('TOPIC_MISSING', message);
}

function beyondEnd(
  { topic, sink }: { readonly topic: { readonly name: string }; readonly sink: { name: string } },
  partition: number,
  known: number,
  end: number,
): MillraceError {
  return new MillraceError(
    'FILE_MISMATCH',
    `${sink.name} has the records of topic "${topic.name}", partition ${partition}, up to offset ` +
      `${known}, but the topic ends at ${end}: the log is older than the sink. Put the right one ` +
      'back, or deliver under another name.',
  );
}

/**
 * Reads a source from its last commit on. Records gather while a commit is under way, as in a
 * producer: batches grow with load, and without load a record is committed at once.
 *
 *   source ──read──> encode ──> gathered ──commit──> topic, with the position behind them
 *              ^                   │
 *              └── waits where more is gathered than fits into a commit
 */
import { type Broker, partitionOf } from '../broker/index.ts';
import { isMillraceError, MillraceError, messageOf, type Platform } from '../platform/index.ts';
import { TopicOutput, type TopicSpec } from '../runtime/index.ts';
import type { AttemptControl } from './connector.ts';
import { ConnectorTask } from './connector-task.ts';
import type { Sender, Source, SourceRecord } from './source.ts';

/** Gathered for the next commit before reading waits, in bytes. */
const gatheredBytesMax = 256 * 1024;

/** How far the topic has come. */
interface IngestRecord<Position> {
  /** All that were ever appended; those without a key go round the partitions by it. */
  readonly records: number;
  readonly position?: Position | undefined;
}

export interface IngestOf<Key, Value, Position> {
  readonly source: Source<Value, Position>;
  readonly topic: TopicSpec<Key, Value>;
  readonly name: string;
  readonly options: {
    readonly key?: (value: Value) => Key | null;
    readonly timestamp?: (value: Value) => number;
  };
  readonly broker: Broker;
  readonly platform: Platform;
  readonly partitions: number;
  readonly control: AttemptControl;
}

export class IngestAttempt<Key, Value, Position> {
  readonly #of: IngestOf<Key, Value, Position>;
  readonly #output: TopicOutput;
  #records = 0;
  #committedRecords = 0;
  /** The last record that was gathered since the last commit began. */
  #last: SourceRecord<Value, Position> | undefined;
  #position: Position | undefined;
  /** Of what is gathered, ... */
  #senders = new Set<Sender>();
  /** ... and of what is under way. */
  #committing: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;
  /** Ends the wait for the source. */
  #interrupt: () => void = () => {};

  constructor(of: IngestOf<Key, Value, Position>) {
    this.#of = of;
    this.#output = new TopicOutput(of.topic.name, of.partitions);
  }

  async run(): Promise<void> {
    const { broker, platform, name, control } = this.#of;
    const task = await ConnectorTask.claim<IngestRecord<Position>>(
      broker,
      platform.clock,
      'ingest',
      name,
    );
    const interrupt = () => this.#interrupt();
    control.ending.addEventListener('abort', interrupt);
    try {
      this.#records = task.record?.records ?? 0;
      this.#committedRecords = this.#records;
      this.#position = task.record?.position;
      control.running();
      await this.#read(task);
      await this.#flush(task);
    } catch (error) {
      await this.#committing;
      for (const sender of this.#senders) sender.refused(error);
      throw error;
    } finally {
      control.ending.removeEventListener('abort', interrupt);
      await task.release().catch(() => {}); // a member that is fenced off has nothing to release
    }
  }

  async #read(task: ConnectorTask<IngestRecord<Position>>): Promise<void> {
    const { source, platform, control } = this.#of;
    const ended = new AbortController();
    const signal = AbortSignal.any([control.ending, ended.signal]);
    const context = { position: this.#position, signal, platform };
    const iterator = source.read(context)[Symbol.asyncIterator]();
    try {
      for (;;) {
        const batch = await this.#next(iterator);
        if (batch === undefined) return;
        await this.#gatherAll(batch, task);
        this.#commitSoon(task);
        if (this.#output.bytes >= gatheredBytesMax) await this.#flush(task);
      }
    } finally {
      ended.abort();
      // Not awaited: one that waits for something else would keep the ingest from its end.
      Promise.resolve(iterator.return?.()).catch(() => {});
    }
  }

  /** Undefined at the end of the source, or when the ingest is to end. */
  #next(
    iterator: AsyncIterator<readonly SourceRecord<Value, Position>[]>,
  ): Promise<readonly SourceRecord<Value, Position>[] | undefined> {
    return new Promise((resolve, reject) => {
      this.#interrupt = () => {
        if (this.#failure !== undefined) reject(this.#failure.error);
        else if (this.#isOver) resolve(undefined);
      };
      this.#interrupt();
      iterator.next().then(({ done, value }) => {
        if (done === true) resolve(undefined);
        else if (this.#isOver) for (const { sender } of value) sender?.refused(endedBefore());
        else resolve(value);
      }, reject);
    });
  }

  /** Whether nothing more is taken. */
  get #isOver(): boolean {
    const { source, control } = this.#of;
    const isStopped = control.ending.aborted && source.endsItself !== true;
    return this.#failure !== undefined || isStopped;
  }

  /** All of the batch, or nothing; what was gathered before is committed either way. */
  async #gatherAll(
    batch: readonly SourceRecord<Value, Position>[],
    task: ConnectorTask<IngestRecord<Position>>,
  ): Promise<void> {
    const [records, last] = [this.#records, this.#last];
    this.#output.begin();
    try {
      for (const record of batch) this.#gather(record);
      this.#output.keep();
      for (const { sender } of batch) if (sender !== undefined) this.#senders.add(sender);
    } catch (error) {
      this.#output.undo();
      this.#records = records;
      this.#last = last;
      if (this.#refuse(batch, error)) return;
      await this.#flush(task);
      throw error;
    }
  }

  /** False where somebody has to be told who is no sender. */
  #refuse(batch: readonly SourceRecord<Value, Position>[], error: unknown): boolean {
    const senders = new Set(batch.map(({ sender }) => sender));
    for (const sender of senders) sender?.refused(error);
    if (senders.has(undefined)) return false;
    this.#of.control.refused(batch.length);
    return true;
  }

  #gather(record: SourceRecord<Value, Position>): void {
    try {
      this.#append(record);
    } catch (error) {
      throw atPlace(error, record.place ?? this.#of.source.name);
    }
    this.#last = record;
    this.#records++;
  }

  #append(record: SourceRecord<Value, Position>): void {
    const { topic, options, platform, partitions } = this.#of;
    const { value, headers } = record;
    const key = options.key === undefined ? record.key : options.key(value);
    const timestamp = options.timestamp?.(value) ?? record.timestamp ?? platform.clock.now();
    if (!Number.isFinite(timestamp)) throw noTimestamp(timestamp);
    // A key of the source is of the topic's type, or the codec refuses it.
    const keyBytes = key === undefined || key === null ? null : topic.key.encode(key as Key);
    const valueBytes = topic.value.encode(value);
    const partition =
      keyBytes === null ? this.#records % partitions : partitionOf(keyBytes, partitions);
    this.#output.append(partition, timestamp, keyBytes, valueBytes, headers);
  }

  /** After what the event loop has to do: a source may have more. */
  #commitSoon(task: ConnectorTask<IngestRecord<Position>>): void {
    if (this.#committing !== undefined || this.#last === undefined) return;
    this.#committing = new Promise<void>((resolve) => {
      this.#of.platform.clock.soon(resolve);
    }).then(() => this.#commit(task));
  }

  /** Never rejects: the failure is met by whoever waits next. */
  async #commit(task: ConnectorTask<IngestRecord<Position>>): Promise<void> {
    const senders = this.#senders;
    const records = this.#records;
    this.#senders = new Set();
    this.#position = this.#last?.position;
    this.#last = undefined;
    try {
      const record = { records, position: this.#position };
      await task.commit({ record, appends: this.#output.takeAppends() });
      this.#of.control.committed(records - this.#committedRecords);
      this.#committedRecords = records;
      for (const sender of senders) sender.committed();
    } catch (error) {
      this.#failure = { error };
      for (const sender of senders) sender.refused(error);
    }
    this.#committing = undefined;
    if (this.#failure === undefined) this.#commitSoon(task);
    else this.#interrupt();
  }

  /** Until everything that was gathered is durable. */
  async #flush(task: ConnectorTask<IngestRecord<Position>>): Promise<void> {
    do {
      this.#commitSoon(task);
      await this.#committing;
      if (this.#failure !== undefined) throw this.#failure.error;
    } while (this.#committing !== undefined || this.#last !== undefined);
  }
}

/** The error, with where the record stands that it is about. */
export function atPlace(error: unknown, place: string): MillraceError {
  const message = `${place}: ${messageOf(error)}`;
  if (!isMillraceError(error)) return new MillraceError('USER_FUNCTION', message, { cause: error });
  return new MillraceError(error.code, message, { cause: error, retryable: error.retryable });
}

function endedBefore(): MillraceError {
  return new MillraceError('CLOSED', 'The ingest has ended; the record was not taken.', {
    retryable: true,
  });
}

function noTimestamp(timestamp: unknown): MillraceError {
  return new MillraceError(
    'INVALID',
    `its timestamp is ${String(timestamp)}, which is no number of ms since the epoch.`,
  );
}

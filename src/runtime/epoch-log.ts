/**
 * The commits of a task, recorded: one small record with each, in a topic of its own. State that is
 * lost is rebuilt from them (replay/rebuild.ts).
 *
 *   __<task>-epochs    | opening, start | epoch 2 | epoch 3 | opening, epoch 4 | drop 5 | ...
 *
 * Commits that bring state to another version are not recorded: whoever repeats what the job did
 * has the new version from the start. So numbers may be missing, but only while a task is not open.
 */
import {
  type Append,
  type Broker,
  type Position,
  RecordBatchBuilder,
  RecordCursor,
  type TopicPartition,
} from '../broker/index.ts';
import {
  type DropRecord,
  decodeEpochRecord,
  type EpochRecord,
  encodeEpochRecord,
  epochFormat,
  type FailedRecord,
  type Failure,
  type Moved,
  type OpenedInput,
  type Opening,
} from './epoch-record.ts';
import type { PartitionInput } from './partition-input.ts';
import type { TaskTime } from './time/task-time.ts';

export function epochsOf(task: string): string {
  return `__${task}-epochs`;
}

/** How an epoch went, as far as neither its positions nor its outputs say so. */
export interface EpochCourse
  extends Pick<EpochRecord, 'idle' | 'watermark' | 'fired' | 'endsFiring'> {
  /** Records that were left out, as they came. */
  readonly failed: readonly LeftOut[];
}

/** A record that failed and was left out. */
export interface LeftOut extends Position {
  readonly failure: Failure;
}

export interface CommittedEpoch {
  readonly epoch: number;
  readonly clockMs: number;
  readonly moved: readonly Moved[];
  /** Undefined: only start positions are made durable. */
  readonly course: EpochCourse | undefined;
  readonly outputs: readonly Append[];
}

export interface EpochRecorderOptions {
  readonly task: string;
  readonly inputs: readonly PartitionInput[];
  readonly time: TaskTime;
  /** State that the task had not kept before. */
  readonly newStates: readonly string[];
  topicIdOf(topic: string): number;
}

export class EpochRecorder {
  readonly #options: EpochRecorderOptions;
  /** Idleness as of the last commit. */
  #idle: readonly boolean[];
  #isOpening = true;

  constructor(options: EpochRecorderOptions) {
    this.#options = options;
    this.#idle = idlenessOf(options.time);
  }

  /**
   * Once an epoch has begun: which inputs are idle; undefined where that follows from the last
   * commit and from who has a record.
   */
  idleness(): readonly boolean[] | undefined {
    const { inputs, time } = this.#options;
    for (const [i, input] of inputs.entries()) {
      const follows = this.#idle[i] === true && !input.hasNext;
      if (time.partitions[i]?.idle !== follows) return idlenessOf(time);
    }
    return undefined;
  }

  /** The record of an epoch that is to be committed. */
  take({ epoch, clockMs, moved, course, outputs }: CommittedEpoch): Append {
    const { task, inputs } = this.#options;
    const isWaiting = inputs.some(({ hasNext }) => hasNext);
    return appendOf(task, clockMs, {
      kind: 'epoch',
      opening: this.#isOpening ? this.#opening(epoch, moved) : undefined,
      isStart: course === undefined,
      moved,
      waiting: isWaiting ? inputs.map(({ hasNext }) => hasNext) : undefined,
      idle: course?.idle,
      watermark: course?.watermark,
      fired: course?.fired ?? 0,
      endsFiring: course?.endsFiring ?? false,
      outputs: outputs.length === 0 ? undefined : checksumOf(outputs),
      failed: this.#placesOf(course?.failed ?? [], moved),
    });
  }

  committed(): void {
    this.#isOpening = false;
    this.#idle = idlenessOf(this.#options.time);
  }

  #opening(epoch: number, moved: readonly Moved[]): Opening {
    const { newStates } = this.#options;
    return { format: epochFormat, epoch, inputs: this.#startsOf(moved), newStates };
  }

  #placesOf(failed: readonly LeftOut[], moved: readonly Moved[]): FailedRecord[] | undefined {
    if (failed.length === 0) return undefined;
    const starts = this.#startsOf(moved);
    return failed.map(({ topic, partition, offset, failure }) => {
      const input = starts.findIndex((of) => of.topic === topic && of.partition === partition);
      return { input, place: offset - (starts[input]?.offset ?? 0), failure };
    });
  }

  /** Where the inputs stood before they moved. */
  #startsOf(moved: readonly Moved[]): OpenedInput[] {
    const { inputs, topicIdOf } = this.#options;
    return inputs.map(({ topic, partition, position }, input) => {
      const records = moved.find((of) => of.input === input)?.records ?? 0;
      return { topic, topicId: topicIdOf(topic), partition, offset: position - records };
    });
  }
}

/** The record of a commit that drops state. */
export function dropAppend(task: string, clockMs: number, drop: Omit<DropRecord, 'kind'>): Append {
  return appendOf(task, clockMs, { kind: 'drop', ...drop });
}

function appendOf(task: string, clockMs: number, record: EpochRecord | DropRecord): Append {
  const builder = new RecordBatchBuilder(128);
  builder.append(clockMs, null, encodeEpochRecord(record));
  const batches = builder.build();
  const topic = epochsOf(task);
  return { topic, partition: 0, batches, recordCount: 1, maxTimestamp: clockMs };
}

/** A record, with the commit that it tells of. */
export interface Recorded<Record = EpochRecord | DropRecord> {
  readonly record: Record;
  readonly epoch: number;
  readonly clockMs: number;
  readonly format: number;
  /** As it lies in the log. */
  readonly bytes: Uint8Array;
}

/** The recorded commits of a task, from the first one that is there to before offset `end`. */
export function* readEpochs(
  broker: Pick<Broker, 'startOf' | 'read'>,
  task: string,
  end: number = Number.POSITIVE_INFINITY,
): Generator<Recorded, void, void> {
  let inputs = 0;
  let epoch = 0;
  let format = 1;
  for (const cursor of recordsOf(broker, { topic: epochsOf(task), partition: 0 })) {
    if (cursor.offset >= end) return;
    const bytes = cursor.bytes.subarray(cursor.valueStart, cursor.valueEnd);
    const record = decodeEpochRecord(bytes, inputs);
    if (record.kind === 'epoch') inputs = record.opening?.inputs.length ?? inputs;
    if (record.kind === 'epoch') format = record.opening?.format ?? format;
    epoch = epochIn(record) ?? epoch + 1;
    yield { record, epoch, format, clockMs: cursor.timestamp, bytes };
  }
}

/** The cursor stands at one record after another. */
function* recordsOf(
  broker: Pick<Broker, 'startOf' | 'read'>,
  partition: TopicPartition,
): Generator<RecordCursor, void, void> {
  const cursor = new RecordCursor();
  for (let offset = broker.startOf(partition); ; offset = cursor.endOffset()) {
    const batches = broker.read(partition, offset, 256 * 1024);
    if (batches === undefined) return;
    cursor.reset(batches.bytes, batches.placeOf);
    while (cursor.next()) if (cursor.offset >= offset) yield cursor;
  }
}

function epochIn(record: EpochRecord | DropRecord): number | undefined {
  return record.kind === 'drop' ? record.epoch : record.opening?.epoch;
}

function idlenessOf(time: TaskTime): readonly boolean[] {
  return time.partitions.map(({ idle }) => idle);
}

/** Where the length and the checksum of a record batch stand (Kafka's format v2). */
const batchLengthAt = 8;
const batchLengthEnd = 12;
const batchChecksumAt = 17;

/** Made of the checksums that the batches carry. */
function checksumOf(outputs: readonly Append[]): number {
  let checksum = 0;
  for (const { batches } of outputs) {
    const view = new DataView(batches.buffer, batches.byteOffset, batches.length);
    for (let at = 0; at < batches.length; ) {
      checksum = (Math.imul(checksum, 31) + view.getUint32(at + batchChecksumAt)) >>> 0;
      at += batchLengthEnd + view.getUint32(at + batchLengthAt);
    }
  }
  return checksum;
}

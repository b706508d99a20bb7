/**
 * The epochs of a task, recorded: one small record with each commit, in a topic of its own. State
 * that is lost is rebuilt from them (rebuild.ts).
 *
 *   __<task>-epochs    | opening, start | epoch 2 | epoch 3 | opening, epoch 4 | ...
 */
import { type Append, type Broker, RecordBatchBuilder, RecordCursor } from '../broker/index.ts';
import {
  decodeEpochRecord,
  type EpochRecord,
  encodeEpochRecord,
  type Moved,
} from './epoch-record.ts';
import type { PartitionInput } from './partition-input.ts';
import type { TaskTime } from './time/task-time.ts';

export function epochsOf(task: string): string {
  return `__${task}-epochs`;
}

/** How an epoch went, as far as neither its positions nor its outputs say so. */
export type EpochCourse = Pick<EpochRecord, 'idle' | 'watermark' | 'fired' | 'endsFiring'>;

export interface CommittedEpoch {
  readonly epoch: number;
  readonly clockMs: number;
  readonly moved: readonly Moved[];
  /** Undefined: only start positions are made durable. */
  readonly course: EpochCourse | undefined;
  readonly outputs: readonly Append[];
}

export class EpochRecorder {
  readonly #topic: string;
  readonly #inputs: readonly PartitionInput[];
  readonly #time: TaskTime;
  readonly #builder = new RecordBatchBuilder(128);
  /** Idleness as of the last commit. */
  #idle: readonly boolean[];
  #isOpening = true;

  constructor(task: string, inputs: readonly PartitionInput[], time: TaskTime) {
    this.#topic = epochsOf(task);
    this.#inputs = inputs;
    this.#time = time;
    this.#idle = idlenessOf(time);
  }

  /**
   * Once an epoch has begun: which inputs are idle; undefined where that follows from the last
   * commit and from who has a record.
   */
  idleness(): readonly boolean[] | undefined {
    const { partitions } = this.#time;
    for (const [i, input] of this.#inputs.entries()) {
      const follows = this.#idle[i] === true && !input.hasNext;
      if (partitions[i]?.idle !== follows) return idlenessOf(this.#time);
    }
    return undefined;
  }

  /** The record of an epoch that is to be committed. */
  take({ epoch, clockMs, moved, course, outputs }: CommittedEpoch): Append {
    const inputs = this.#inputs;
    const opening = this.#isOpening ? { epoch, inputs: startsOf(inputs, moved) } : undefined;
    const isWaiting = inputs.some(({ hasNext }) => hasNext);
    const bytes = encodeEpochRecord({
      opening,
      isStart: course === undefined,
      moved,
      waiting: isWaiting ? inputs.map(({ hasNext }) => hasNext) : undefined,
      idle: course?.idle,
      watermark: course?.watermark,
      fired: course?.fired ?? 0,
      endsFiring: course?.endsFiring ?? false,
      outputs: outputs.length === 0 ? undefined : checksumOf(outputs),
    });
    this.#builder.append(clockMs, null, bytes);
    const batches = this.#builder.build();
    return { topic: this.#topic, partition: 0, batches, recordCount: 1, maxTimestamp: clockMs };
  }

  committed(): void {
    this.#isOpening = false;
    this.#idle = idlenessOf(this.#time);
  }
}

/** A record, and the clock reading of its epoch. */
export interface RecordedEpoch {
  readonly record: EpochRecord;
  readonly clockMs: number;
  /** As it lies in the log. */
  readonly bytes: Uint8Array;
}

/** The epochs of a task that are recorded, from the first one that is still there. */
export function* readEpochs(broker: Broker, task: string): Generator<RecordedEpoch, void, void> {
  const partition = { topic: epochsOf(task), partition: 0 };
  const cursor = new RecordCursor();
  let inputs = 0;
  for (let offset = broker.startOf(partition); ; offset = cursor.endOffset()) {
    const batches = broker.read(partition, offset, 256 * 1024);
    if (batches === undefined) return;
    cursor.reset(batches.bytes, batches.placeOf);
    while (cursor.next()) {
      if (cursor.offset < offset) continue;
      const bytes = cursor.bytes.subarray(cursor.valueStart, cursor.valueEnd);
      const record = decodeEpochRecord(bytes, inputs);
      inputs = record.opening?.inputs.length ?? inputs;
      yield { record, clockMs: cursor.timestamp, bytes };
    }
  }
}

/** Where the inputs stood before they moved. */
function startsOf(inputs: readonly PartitionInput[], moved: readonly Moved[]) {
  return inputs.map(({ topic, partition, position }, input) => {
    const records = moved.find((of) => of.input === input)?.records ?? 0;
    return { topic, partition, offset: position - records };
  });
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

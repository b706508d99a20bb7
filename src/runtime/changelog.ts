/** What changed in a task's state, as an append to its changelog, and as it is read from there. */
import { type Append, RecordBatchBuilder, type RecordCursor } from '../broker/index.ts';
import type { Change, TaskState } from '../state/index.ts';

/** A batch is closed at this size, in bytes. */
const batchBytes = 512 * 1024;

export class ChangelogWriter {
  readonly #topic: string;
  readonly #builder = new RecordBatchBuilder(16 * 1024);

  constructor(topic: string) {
    this.#topic = topic;
  }

  /** Takes all changes of `state`; undefined where there are none. */
  take(state: TaskState, timestamp: number): Append | undefined {
    const closed: Uint8Array[] = [];
    const recordCount = state.takeChanges((key, value) => {
      this.#builder.append(timestamp, key, value);
      if (this.#builder.byteLength >= batchBytes) closed.push(this.#builder.build());
    });
    if (recordCount === 0) return undefined;
    if (this.#builder.recordCount > 0) closed.push(this.#builder.build());
    const batches =
      closed.length === 1 && closed[0] !== undefined ? closed[0] : Buffer.concat(closed);
    return { topic: this.#topic, partition: 0, batches, recordCount, maxTimestamp: timestamp };
  }
}

/** The change that a cursor stands at. */
export function changeOf(cursor: RecordCursor): Change {
  const { bytes, keyStart, keyEnd, valueStart, valueEnd } = cursor;
  return {
    key: bytes.subarray(keyStart, keyEnd),
    value: valueStart < 0 ? null : bytes.subarray(valueStart, valueEnd),
  };
}

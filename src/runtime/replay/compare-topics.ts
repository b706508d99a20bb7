/** Whether two topics hold the same records, each partition in its order. */
import { type Broker, type Header, RecordCursor, type TopicPartition } from '../../broker/index.ts';
import type { Turns } from './turns.ts';

/** The first record of a partition in which two topics differ. */
export interface Difference {
  readonly partition: number;
  /** Where it lies in the job's own topic; its end where that has no such record. */
  readonly offset: number;
  /** Where it lies in the replay's topic. */
  readonly replayOffset: number;
  readonly differs:
    | 'key'
    | 'value'
    | 'timestamp'
    | 'headers'
    | 'missing from the replay'
    | 'only in the replay';
}

export interface TopicComparison {
  readonly topic: string;
  readonly replay: string;
  /** Records that are the same, before the first difference of each partition. */
  readonly same: number;
  /** At most one for each partition; empty: the topics hold the same. */
  readonly differences: readonly Difference[];
}

/** Compares what is there when it is called. `topic` exists no more: nothing is the same. */
export async function compareTopics(
  broker: Broker,
  topic: string,
  replay: string,
  turns: Turns,
): Promise<TopicComparison> {
  let same = 0;
  const differences: Difference[] = [];
  const counts = [topic, replay].map((of) => broker.describeTopic(of)?.partitions.length ?? 0);
  for (let partition = 0; partition < Math.max(...counts); partition++) {
    const live = new Reader(broker, { topic, partition });
    const again = new Reader(broker, { topic: replay, partition });
    while (advance(live, again) === 'same') {
      same++;
      if (turns.isOver) await turns.next();
    }
    const differs = differenceOf(live, again);
    if (differs === undefined) continue;
    differences.push({ partition, offset: live.offset, replayOffset: again.offset, differs });
  }
  return { topic, replay, same, differences };
}

/** Whether both have another record, and that is the same. */
function advance(a: Reader, b: Reader): 'same' | 'otherwise' {
  const has = [a.next(), b.next()];
  return !has.includes(false) && differenceOf(a, b) === undefined ? 'same' : 'otherwise';
}

/** Of the records that they stand at; undefined where these are the same, or both at the end. */
function differenceOf(a: Reader, b: Reader): Difference['differs'] | undefined {
  if (a.isAtEnd !== b.isAtEnd) return a.isAtEnd ? 'only in the replay' : 'missing from the replay';
  if (a.isAtEnd) return undefined;
  if (!isSame(a.key, b.key)) return 'key';
  if (!isSame(a.value, b.value)) return 'value';
  if (a.cursor.timestamp !== b.cursor.timestamp) return 'timestamp';
  return isSameHeaders(a.cursor.headers(), b.cursor.headers()) ? undefined : 'headers';
}

function isSameHeaders(a: readonly Header[], b: readonly Header[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ key, value }, i) => key === b[i]?.key && isSame(value, b[i]?.value ?? null))
  );
}

function isSame(a: Uint8Array | null, b: Uint8Array | null): boolean {
  return a === null || b === null ? a === b : Buffer.compare(a, b) === 0;
}

const readBytes = 256 * 1024;

/** The records of a partition, one after another. */
class Reader {
  readonly cursor = new RecordCursor();
  offset: number;
  isAtEnd = false;
  readonly #broker: Broker;
  readonly #partition: TopicPartition;
  readonly #end: number;
  #next: number;

  constructor(broker: Broker, partition: TopicPartition) {
    this.#broker = broker;
    this.#partition = partition;
    const described = broker.describeTopic(partition.topic)?.partitions[partition.partition];
    this.#next = described?.start ?? 0;
    this.#end = described?.end ?? 0;
    this.offset = this.#next;
  }

  get key(): Uint8Array | null {
    const { bytes, keyStart, keyEnd } = this.cursor;
    return keyStart < 0 ? null : bytes.subarray(keyStart, keyEnd);
  }

  get value(): Uint8Array | null {
    const { bytes, valueStart, valueEnd } = this.cursor;
    return valueStart < 0 ? null : bytes.subarray(valueStart, valueEnd);
  }

  /** Goes on to the next record; false where there is none. */
  next(): boolean {
    this.offset = this.#next;
    this.isAtEnd = this.#next >= this.#end;
    while (!this.isAtEnd) {
      if (this.cursor.next()) {
        if (this.cursor.offset < this.#next) continue;
        this.#next++;
        return true;
      }
      const batches = this.#broker.read(this.#partition, this.#next, readBytes);
      if (batches === undefined) this.isAtEnd = true;
      else this.cursor.reset(batches.bytes, batches.placeOf);
    }
    return false;
  }
}

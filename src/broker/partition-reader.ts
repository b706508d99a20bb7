/**
 * Reads whole batches of a partition from wherever its ranges lie.
 *
 * A read begins with the batch that holds the offset and never goes beyond the committed end: only
 * bytes that a range names are looked at, because leftovers behind them have valid checksums too.
 * Batches that lie behind one another are read in one go; small ones from several places are copied
 * together.
 *
 * Most readers go on where they stopped. Where the last read of a partition ended inside a range is
 * remembered, so that the batch headers before it need not be walked again.
 */
import { MillraceError } from '../platform/index.ts';
import type { Batches } from './broker.ts';
import type { PartitionState, TopicState } from './catalogue.ts';
import type { EntryStore } from './entry-store.ts';
import { fileNameOf } from './file-ref.ts';
import type { Range, RangeList } from './ranges.ts';
import { type BatchHeader, batchHeaderBytes, readBatchHeader } from './record-batch.ts';
import { RecordCursor } from './record-cursor.ts';

/** Where a batch begins, in bytes from the start of its range, and with which offset. */
interface BatchPlace {
  readonly skip: number;
  readonly base: number;
}

/** Bytes of a range that were read: they begin at `at` of what a read gives. */
interface Part {
  readonly at: number;
  readonly range: Range;
  readonly skip: number;
}

/** Where a reader stopped inside a range. */
interface Hint extends BatchPlace {
  /** The base offset of the range. */
  readonly range: number;
}

/** Places of readers kept; more than this at once only costs a walk. */
const hintsMax = 64;

/** Bytes looked at when a batch header is searched for. */
const walkBytes = 64 * 1024;

export class PartitionReader {
  readonly #store: EntryStore;
  readonly #topic: TopicState;
  readonly #partition: number;
  readonly #state: PartitionState;
  readonly #hints = new Map<number, Hint>();

  constructor(store: EntryStore, topic: TopicState, partition: number, state: PartitionState) {
    this.#store = store;
    this.#topic = topic;
    this.#partition = partition;
    this.#state = state;
  }

  /** See `Broker.read`. */
  read(offset: number, bytesMax: number): Batches | undefined {
    const { start, end, ranges } = this.#state;
    if (offset === end) return undefined;
    if (offset < start || offset > end) throw this.#outOfRange(offset);
    const index = ranges.find(offset);
    const range = ranges.at(index);
    const { skip, base } = this.#placeOf(range, offset);
    const first = this.#readBatches(range, skip, bytesMax);
    const next = this.#checkOffsets(range, skip, base, first);
    this.#remember(range, skip + first.length, next);
    const parts = [{ at: 0, range, skip }];
    if (skip + first.length < range.length || first.length >= bytesMax) {
      return this.#batches(first, parts);
    }
    return this.#batches(this.#readMore(ranges, index + 1, first, bytesMax, parts), parts);
  }

  /** See `Broker.offsetAtTimestamp`. */
  offsetAtTimestamp(timestamp: number): number {
    const { start, end, ranges } = this.#state;
    for (let i = ranges.findTimestamp(timestamp); i < ranges.count; i++) {
      const range = ranges.at(i);
      if (range.maxTimestamp < timestamp) continue;
      const offset = this.#searchTimestamp(range, timestamp);
      if (offset !== undefined && offset >= start) return offset;
    }
    return end;
  }

  #searchTimestamp(range: Range, timestamp: number): number | undefined {
    const cursor = new RecordCursor();
    for (let skip = 0; skip < range.length; ) {
      const batches = this.#readBatches(range, skip, walkBytes);
      const before = skip;
      cursor.reset(batches, (byte) => this.#placeIn(range, before + byte));
      while (cursor.next()) {
        if (cursor.timestamp >= timestamp && cursor.offset >= this.#state.start)
          return cursor.offset;
      }
      skip += batches.length;
    }
    return undefined;
  }

  #batches(bytes: Uint8Array, parts: readonly Part[]): Batches {
    return {
      bytes,
      placeOf: (byte) => {
        const part = parts.findLast(({ at }) => at <= byte) as Part; // the first begins at 0
        return this.#placeIn(part.range, part.skip + byte - part.at);
      },
    };
  }

  #placeIn({ position, file }: Range, skip: number): string {
    const place = `topic ${this.#topic.name}, partition ${this.#partition}`;
    return `byte ${position + skip} of ${fileNameOf(file)} (${place})`;
  }

  /** Adds the following ranges while they are small enough to be worth a copy. */
  #readMore(
    ranges: RangeList,
    from: number,
    first: Uint8Array,
    bytesMax: number,
    parts: Part[],
  ): Uint8Array {
    const copied = [first];
    let bytes = first.length;
    for (let index = from; index < ranges.count; index++) {
      const range = ranges.at(index);
      if (bytes + range.length > bytesMax) break;
      const batches = this.#readWhole(range);
      this.#checkOffsets(range, 0, range.base, batches);
      parts.push({ at: bytes, range, skip: 0 });
      copied.push(batches);
      bytes += range.length;
    }
    return copied.length === 1 ? first : Buffer.concat(copied, bytes);
  }

  #readWhole(range: Range): Uint8Array {
    const bytes = this.#store.read(this.#topic, this.#partition, range, 0, range.length);
    if (bytes.length === range.length) return bytes;
    throw this.#damaged(range, bytes.length, 'the file ends here');
  }

  /** Whole batches from `skip` on: up to about `bytesMax`, at least one. */
  #readBatches(range: Range, skip: number, bytesMax: number): Uint8Array {
    const rest = range.length - skip;
    const bytes = this.#store.read(
      this.#topic,
      this.#partition,
      range,
      skip,
      Math.min(rest, bytesMax),
    );
    const whole = wholeBatches(bytes);
    if (whole > 0) return bytes.subarray(0, whole);
    const header = this.#headerAt(bytes, range, skip);
    if (header.byteLength > rest)
      throw this.#damaged(range, skip, 'a batch is longer than its range');
    return this.#store.read(this.#topic, this.#partition, range, skip, header.byteLength);
  }

  #headerAt(bytes: Uint8Array, range: Range, skip: number): BatchHeader {
    const wanted = Math.min(batchHeaderBytes, range.length - skip);
    const enough =
      bytes.length >= wanted
        ? bytes
        : this.#store.read(this.#topic, this.#partition, range, skip, wanted);
    const header = readBatchHeader(enough, 0);
    if (header === undefined) throw this.#damaged(range, skip, 'there is no batch');
    return header;
  }

  /** Where in the range the batch begins that holds `offset`, or one before it. */
  #placeOf(range: Range, offset: number): BatchPlace {
    const hint = this.#hints.get(offset);
    if (hint?.range === range.base) return hint;
    let place: BatchPlace = { skip: 0, base: range.base };
    while (offset > place.base) {
      const length = Math.min(batchHeaderBytes, range.length - place.skip);
      const bytes = this.#store.read(this.#topic, this.#partition, range, place.skip, length);
      const { byteLength, lastOffsetDelta } = this.#headerAt(bytes, range, place.skip);
      const next = { skip: place.skip + byteLength, base: place.base + lastOffsetDelta + 1 };
      if (next.base > offset || next.skip >= range.length) return place;
      place = next;
    }
    return place;
  }

  /**
   * Batches carry their offsets outside their checksum, so they are compared with what the
   * catalogue says; returns the offset after the last record.
   */
  #checkOffsets(range: Range, skip: number, base: number, batches: Uint8Array): number {
    let expected = base;
    for (let position = 0; position < batches.length; ) {
      const header = readBatchHeader(batches, position);
      if (header?.baseOffset !== expected) {
        throw this.#damaged(range, skip + position, `offset ${expected} should stand there`);
      }
      expected += header.lastOffsetDelta + 1;
      position += header.byteLength;
    }
    const atEnd = skip + batches.length === range.length;
    if (atEnd && expected !== range.end) {
      throw this.#damaged(range, skip, `it should end at offset ${range.end}, not ${expected}`);
    }
    return expected;
  }

  #remember(range: Range, skip: number, offset: number): void {
    if (skip >= range.length) return;
    if (this.#hints.size >= hintsMax) this.#hints.clear();
    this.#hints.set(offset, { range: range.base, skip, base: offset });
  }

  #outOfRange(offset: number): MillraceError {
    const { start, end } = this.#state;
    return new MillraceError(
      'OFFSET_OUT_OF_RANGE',
      `Offset ${offset} of ${this.#topic.name}/${this.#partition} can't be read: the log ` +
        `begins at ${start} and ends at ${end}.`,
    );
  }

  #damaged(range: Range, skip: number, what: string): MillraceError {
    return new MillraceError(
      'DAMAGED',
      `Records from offset ${range.base} are damaged at ${this.#placeIn(range, skip)}: ${what}. ` +
        'Put the right file back, or restore the whole directory from a backup.',
    );
  }
}

/** How many of the bytes are whole batches. */
function wholeBatches(bytes: Uint8Array): number {
  let position = 0;
  for (;;) {
    const header = readBatchHeader(bytes, position);
    if (header === undefined || position + header.byteLength > bytes.length) return position;
    position += header.byteLength;
  }
}

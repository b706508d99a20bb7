/**
 * What lies in the topic of an exchange: records on their way, and marks.
 *
 *   record: key     as its codec writes it, or none
 *           time    the order of its place (place.ts); while a job is drained, its event time
 *           value   +-------+---------------------------------------+--------------+
 *                   | flags | what differs from what is usual       | the value    |
 *                   +-------+---------------------------------------+--------------+
 *
 *   1    event time            double; usual: the order. Infinite while the job is drained: then
 *                              the order is, and the time of the record is its event time
 *   2    rank of its place     double; usual: that of a record
 *   4    the rest of it        task, turn, length of the path less 1, path; usual: who sends it, 0,
 *                              the first that it sends
 *   8    watermark             double; usual: the order - lag, less 1 with a rank
 *   16   origin                topic, partition and offset of the record that it came of
 *   32   partition             of that record, where something without a key may be written
 *   64   null                  there is no value
 *   128  partial               the value is what a window's aggregate has come to for some records
 *   255  nothing but a mark    JSON (mark.ts)
 *
 * Numbers are those of compact-bytes.ts, doubles big-endian.
 */
import type { Origin } from '../asking/open-calls.ts';
import { CompactReader } from '../compact-bytes.ts';
import type { Exchange } from './exchange.ts';
import { firstPath, firstPlace, type PlaceParts, recordRank } from './place.ts';

const [hasTime, hasRank, hasTurn, hasWatermark] = [1, 2, 4, 8] as const;
const [hasOrigin, hasPartition, isNull, isPartial, isMark] = [16, 32, 64, 128, 255] as const;

/** A record on its way, besides its value; and its place. */
export interface Passage extends PlaceParts {
  /** Event time. */
  time: number;
  /** Where the sender's watermark stood before it. */
  watermark: number;
  origin: Origin | undefined;
  partition: number | undefined;
  isNull: boolean;
  /** Of some records of one slice, whose last millisecond is `time`. */
  isPartial: boolean;
}

export function newPassage(): Passage {
  const flags = { isNull: false, isPartial: false };
  return {
    ...firstPlace,
    time: 0,
    watermark: 0,
    ...flags,
    origin: undefined,
    partition: undefined,
  };
}

/** What both ends of a partition know. */
export interface PassageFormat extends Pick<Exchange, 'lagMs' | 'origins'> {
  /** Which task of its stage sends. */
  readonly sender: number;
}

/** Writes passages and marks, each into the same bytes. */
export class PassageWriter {
  readonly #sender: number;
  readonly #lagMs: number;
  readonly #origins: Exchange['origins'];
  #bytes: Buffer = Buffer.allocUnsafeSlow(256);
  #end = 0;

  constructor({ lagMs, origins, sender }: PassageFormat) {
    this.#sender = sender;
    this.#lagMs = lagMs;
    this.#origins = origins;
  }

  /** A view of bytes that the next call overwrites. */
  write(passage: Passage, value: Uint8Array): Uint8Array {
    const { order, rank, task, turn, path, time, watermark, origin, partition } = passage;
    this.#reserve(96 + 8 * path.length + value.length);
    this.#end = 1;
    let flags = (passage.isNull ? isNull : 0) | (passage.isPartial ? isPartial : 0);
    if (order === Number.POSITIVE_INFINITY) flags |= this.#double(hasTime, order);
    else if (time !== order) flags |= this.#double(hasTime, time);
    if (rank !== recordRank) flags |= this.#double(hasRank, rank);
    if (task !== this.#sender || turn !== 0 || path.length !== 1 || path[0] !== 0) {
      flags |= this.#turn(passage);
    }
    if (watermark !== usualWatermark(passage, this.#lagMs)) {
      flags |= this.#double(hasWatermark, watermark);
    }
    if (origin !== undefined && this.#origins.length > 0) flags |= this.#origin(origin);
    if (partition !== undefined) {
      flags |= hasPartition;
      this.#number(partition);
    }
    this.#bytes[0] = flags;
    this.#bytes.set(value, this.#end);
    return this.#bytes.subarray(0, this.#end + value.length);
  }

  writeMark(mark: Uint8Array): Uint8Array {
    return Buffer.concat([Uint8Array.of(isMark), mark]);
  }

  #origin({ topic, partition, offset }: Origin): number {
    this.#number(this.#origins.findIndex((of) => of.topic === topic));
    this.#number(partition);
    this.#number(offset);
    return hasOrigin;
  }

  #turn({ task, turn, path }: Passage): number {
    this.#number(task);
    this.#number(turn);
    this.#number(path.length - 1);
    for (const at of path) this.#number(at);
    return hasTurn;
  }

  #double(flag: number, value: number): number {
    this.#end = this.#bytes.writeDoubleBE(value, this.#end);
    return flag;
  }

  #number(value: number): void {
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) {
      this.#bytes[this.#end++] = (rest % 0x80) | 0x80;
    }
    this.#bytes[this.#end++] = rest;
  }

  #reserve(bytes: number): void {
    if (this.#bytes.length < bytes) this.#bytes = Buffer.allocUnsafeSlow(bytes * 2);
  }
}

/** Reads `into` what stands before the value, and returns where that begins; -1 at a mark. */
export function readPassage(
  { lagMs, origins, sender }: PassageFormat,
  bytes: Uint8Array,
  { start, end, timestamp }: { readonly start: number; readonly end: number; timestamp: number },
  into: Passage,
): number {
  const flags = bytes[start] ?? isMark;
  if (flags === isMark) return -1;
  into.time = timestamp;
  into.order = timestamp;
  into.rank = recordRank;
  into.task = sender;
  into.turn = 0;
  into.path = firstPath;
  into.isNull = (flags & isNull) !== 0;
  into.isPartial = (flags & isPartial) !== 0;
  into.origin = undefined;
  into.partition = undefined;
  if ((flags & ~isNull & ~isPartial) === 0) {
    into.watermark = usualWatermark(into, lagMs);
    return start + 1;
  }
  const reader = new CompactReader(bytes.subarray(start + 1, end));
  if ((flags & hasTime) !== 0) readTime(reader.double(), into);
  if ((flags & hasRank) !== 0) into.rank = reader.double();
  if ((flags & hasTurn) !== 0) {
    into.task = reader.number();
    into.turn = reader.number();
    into.path = Array.from({ length: reader.number() + 1 }, () => reader.number());
  }
  into.watermark = (flags & hasWatermark) === 0 ? usualWatermark(into, lagMs) : reader.double();
  if ((flags & hasOrigin) !== 0) {
    const { topic = '' } = origins[reader.number()] ?? {};
    into.origin = { topic, partition: reader.number(), offset: reader.number() };
  }
  if ((flags & hasPartition) !== 0) into.partition = reader.number();
  return start + 1 + reader.position;
}

function readTime(time: number, into: Passage): void {
  if (Number.isFinite(time)) into.time = time;
  else into.order = time;
}

function usualWatermark({ order, rank }: Passage, lagMs: number): number {
  return order - lagMs - (rank === recordRank ? 0 : 1);
}

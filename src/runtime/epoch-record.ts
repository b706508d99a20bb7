/**
 * What is recorded of a commit of a task, so that it can be repeated exactly: the input alone does
 * not say how the partitions were merged, which depends on what was there when, nor what the clock
 * decided.
 *
 *   kind, flags    1 byte. Its two low bits: 0 an epoch, 1 the first one of a task that was opened,
 *                  2 state was dropped, 3 the task was opened and made its start positions durable.
 *                  The others: 4 waiting, 8 idle, 16 watermark, 32 fired, 128 outputs are there;
 *                  64: it ended while it fired
 *   opening        with kind 1 and 3: format (1 byte), epoch; number of inputs, and of each: its
 *                  topic as text, the topic's id, partition, position; number of states that are
 *                  new, and the name of each as text
 *   moved          number of inputs that moved, and of each: how many lie between the one before
 *                  and this one, records read
 *   waiting        a bit for each input: it had another record, which was not read
 *   idle           a bit for each input: it was idle when the epoch began
 *   watermark      64-bit floating point: where the clock, or a drain, moved event time
 *   fired          number of windows and timers that fired
 *   outputs        32 bits: checksum of what was written
 *   failures       unless the record ends before: number of ways in which records failed that were
 *                  left out, and of each: outcome (0 skipped, 1 dead letter), step, kind of step,
 *                  code and message as text, number of attempts; number of such records, and of
 *                  each: input, its place among those that the input read, way
 *
 * In format 1, which is only read, failures are not told. With kind 2, instead of all that: format
 * (1 byte), epoch, number of states, their names as text.
 * Numbers and texts are those of compact-bytes.ts. The clock reading is the timestamp of the record
 * that holds it all.
 */
import type { Position } from '../broker/index.ts';
import { type ErrorCode, MillraceError } from '../platform/index.ts';
import { CompactReader, CompactWriter } from './compact-bytes.ts';

/** An input that moved on, by its index among the inputs. */
export interface Moved {
  readonly input: number;
  readonly records: number;
}

export interface OpenedInput extends Position {
  /** Of the topic: one that was deleted and made again has another one. */
  readonly topicId: number;
}

/** Why a record was left out: it was skipped, or became a dead letter. */
export interface Failure {
  readonly outcome: 'skipped' | 'dead letter';
  /** As errors name it. */
  readonly step: string;
  /** Of the step; `source` where the record could not be decoded. */
  readonly kind: string;
  readonly code: ErrorCode;
  /** Empty where it was skipped. */
  readonly message: string;
  readonly attempts: number;
}

/** A record that was left out, by its place among those that an input has read in the epoch. */
export interface FailedRecord {
  readonly input: number;
  readonly place: number;
  readonly failure: Failure;
}

/** A task was opened: from here on its inputs are these. */
export interface Opening {
  /** Of this and the next ones; see `tellsFailures`. */
  readonly format: number;
  readonly epoch: number;
  readonly inputs: readonly OpenedInput[];
  /** State that it had not kept before. */
  readonly newStates: readonly string[];
}

/** An epoch, or the commit before the first one. */
export interface EpochRecord {
  readonly kind: 'epoch';
  readonly opening: Opening | undefined;
  /** Nothing was read: start positions were made durable. */
  readonly isStart: boolean;
  readonly moved: readonly Moved[];
  /** For each input; undefined: none. */
  readonly waiting: readonly boolean[] | undefined;
  /** For each input; undefined: as the records say. */
  readonly idle: readonly boolean[] | undefined;
  readonly watermark: number | undefined;
  readonly fired: number;
  readonly endsFiring: boolean;
  readonly outputs: number | undefined;
  /** Records that were left out, as they came; undefined: none, or it is not told. */
  readonly failed: readonly FailedRecord[] | undefined;
}

/** State was dropped while the job was stopped. */
export interface DropRecord {
  readonly kind: 'drop';
  readonly epoch: number;
  readonly states: readonly string[];
}

/** What is written. */
export const epochFormat = 2;
const dropFormat = 1;

/** Whether epochs of this format name the records that failed. */
export function tellsFailures(format: number): boolean {
  return format >= 2;
}

const kinds = { epoch: 0, opened: 1, drop: 2, started: 3 } as const;
const kindBits = 3;

const flag = {
  waiting: 4,
  idle: 8,
  watermark: 16,
  fired: 32,
  endsFiring: 64,
  outputs: 128,
} as const;

export function encodeEpochRecord(record: EpochRecord | DropRecord): Uint8Array {
  const writer = new CompactWriter();
  if (record.kind === 'drop') writeDrop(writer, record);
  else writeEpoch(writer, record);
  return writer.bytes();
}

/** `inputs`: how many the task had, unless the record says so. Fails with `DIRECTORY`. */
export function decodeEpochRecord(bytes: Uint8Array, inputs: number): EpochRecord | DropRecord {
  const reader = new CompactReader(bytes);
  const first = reader.byte();
  const kind = first & kindBits;
  if (kind === kinds.drop) return readDrop(reader);
  const has = (bit: number) => (first & bit) !== 0;
  const opening = kind === kinds.epoch ? undefined : readOpening(reader);
  const inputCount = opening?.inputs.length ?? inputs;
  return {
    kind: 'epoch',
    opening,
    isStart: kind === kinds.started,
    moved: readMoved(reader),
    waiting: has(flag.waiting) ? reader.bits(inputCount) : undefined,
    idle: has(flag.idle) ? reader.bits(inputCount) : undefined,
    watermark: has(flag.watermark) ? reader.double() : undefined,
    fired: has(flag.fired) ? reader.number() : 0,
    endsFiring: has(flag.endsFiring),
    outputs: has(flag.outputs) ? reader.uint32() : undefined,
    failed: reader.isAtEnd ? undefined : readFailed(reader),
  };
}

function writeEpoch(writer: CompactWriter, record: EpochRecord): void {
  const { opening, moved, waiting, idle, watermark, fired, outputs, failed } = record;
  writer.byte(firstByteOf(record));
  if (opening !== undefined) writeOpening(writer, opening);
  writer.number(moved.length);
  let last = -1;
  for (const { input, records } of moved) {
    writer.number(input - last - 1);
    writer.number(records);
    last = input;
  }
  if (waiting !== undefined) writer.bits(waiting);
  if (idle !== undefined) writer.bits(idle);
  if (watermark !== undefined) writer.double(watermark);
  if (fired > 0) writer.number(fired);
  if (outputs !== undefined) writer.uint32(outputs);
  if (failed !== undefined) writeFailed(writer, failed);
}

function firstByteOf(record: EpochRecord): number {
  const opened = record.isStart ? kinds.started : kinds.opened;
  return (
    (record.opening === undefined ? kinds.epoch : opened) |
    (record.waiting === undefined ? 0 : flag.waiting) |
    (record.idle === undefined ? 0 : flag.idle) |
    (record.watermark === undefined ? 0 : flag.watermark) |
    (record.fired === 0 ? 0 : flag.fired) |
    (record.endsFiring ? flag.endsFiring : 0) |
    (record.outputs === undefined ? 0 : flag.outputs)
  );
}

function writeOpening(writer: CompactWriter, { format, epoch, inputs, newStates }: Opening): void {
  writer.byte(format);
  writer.number(epoch);
  writer.number(inputs.length);
  for (const { topic, topicId, partition, offset } of inputs) {
    writer.text(topic);
    for (const number of [topicId, partition, offset]) writer.number(number);
  }
  writer.texts(newStates);
}

function readOpening(reader: CompactReader): Opening {
  const format = reader.byte();
  requireFormat(format, epochFormat);
  const epoch = reader.number();
  const inputs = Array.from({ length: reader.number() }, () => ({
    topic: reader.text(),
    topicId: reader.number(),
    partition: reader.number(),
    offset: reader.number(),
  }));
  return { format, epoch, inputs, newStates: reader.texts() };
}

function writeDrop(writer: CompactWriter, { epoch, states }: DropRecord): void {
  writer.byte(kinds.drop);
  writer.byte(dropFormat);
  writer.number(epoch);
  writer.texts(states);
}

function readDrop(reader: CompactReader): DropRecord {
  requireFormat(reader.byte(), dropFormat);
  return { kind: 'drop', epoch: reader.number(), states: reader.texts() };
}

function requireFormat(format: number, newest: number): void {
  if (format >= 1 && format <= newest) return;
  throw new MillraceError(
    'DIRECTORY',
    `The epochs of the task were recorded in format ${format}, which this version of Millrace ` +
      `does not know (it knows ${newest}). Use the Millrace that wrote them.`,
  );
}

function readMoved(reader: CompactReader): Moved[] {
  let input = -1;
  return Array.from({ length: reader.number() }, () => {
    input += reader.number() + 1;
    return { input, records: reader.number() };
  });
}

function writeFailed(writer: CompactWriter, failed: readonly FailedRecord[]): void {
  const ways = [...new Map(failed.map(({ failure }) => [wayOf(failure), failure])).values()];
  const numbers = new Map(ways.map((failure, number) => [wayOf(failure), number]));
  writer.number(ways.length);
  for (const { outcome, step, kind, code, message, attempts } of ways) {
    writer.byte(outcome === 'skipped' ? 0 : 1);
    for (const text of [step, kind, code, message]) writer.text(text);
    writer.number(attempts);
  }
  writer.number(failed.length);
  for (const { input, place, failure } of failed) {
    for (const number of [input, place, numbers.get(wayOf(failure)) ?? 0]) writer.number(number);
  }
}

function readFailed(reader: CompactReader): FailedRecord[] {
  const ways = Array.from({ length: reader.number() }, (): Failure => {
    const outcome = reader.byte() === 0 ? 'skipped' : 'dead letter';
    const [step, kind] = [reader.text(), reader.text()];
    const [code, message] = [reader.text() as ErrorCode, reader.text()]; // one was written
    return { outcome, step, kind, code, message, attempts: reader.number() };
  });
  return Array.from({ length: reader.number() }, () => {
    const [input, place] = [reader.number(), reader.number()];
    const failure = ways[reader.number()];
    if (failure !== undefined) return { input, place, failure };
    throw new MillraceError('DIRECTORY', 'A recorded epoch is damaged: a failure is missing.');
  });
}

function wayOf({ outcome, step, kind, code, message, attempts }: Failure): string {
  return JSON.stringify([outcome, step, kind, code, message, attempts]);
}

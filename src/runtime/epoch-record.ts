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
 *
 * With kind 2, instead of all that: format (1 byte), epoch, number of states, their names as text.
 * Numbers and texts are those of compact-bytes.ts. The clock reading is the timestamp of the record
 * that holds it all.
 */
import type { Position } from '../broker/index.ts';
import { MillraceError } from '../platform/index.ts';
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

/** A task was opened: from here on its inputs are these. */
export interface Opening {
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
}

/** State was dropped while the job was stopped. */
export interface DropRecord {
  readonly kind: 'drop';
  readonly epoch: number;
  readonly states: readonly string[];
}

const formatVersion = 1;

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
  };
}

function writeEpoch(writer: CompactWriter, record: EpochRecord): void {
  const { opening, moved, waiting, idle, watermark, fired, outputs } = record;
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

function writeOpening(writer: CompactWriter, { epoch, inputs, newStates }: Opening): void {
  writer.byte(formatVersion);
  writer.number(epoch);
  writer.number(inputs.length);
  for (const { topic, topicId, partition, offset } of inputs) {
    writer.text(topic);
    for (const number of [topicId, partition, offset]) writer.number(number);
  }
  writer.texts(newStates);
}

function readOpening(reader: CompactReader): Opening {
  requireFormat(reader.byte());
  const epoch = reader.number();
  const inputs = Array.from({ length: reader.number() }, () => ({
    topic: reader.text(),
    topicId: reader.number(),
    partition: reader.number(),
    offset: reader.number(),
  }));
  return { epoch, inputs, newStates: reader.texts() };
}

function writeDrop(writer: CompactWriter, { epoch, states }: DropRecord): void {
  writer.byte(kinds.drop);
  writer.byte(formatVersion);
  writer.number(epoch);
  writer.texts(states);
}

function readDrop(reader: CompactReader): DropRecord {
  requireFormat(reader.byte());
  return { kind: 'drop', epoch: reader.number(), states: reader.texts() };
}

function requireFormat(format: number): void {
  if (format === formatVersion) return;
  throw new MillraceError(
    'DIRECTORY',
    `The epochs of the task were recorded in format ${format}, which this version of Millrace ` +
      `does not know (it knows ${formatVersion}). Use the Millrace that wrote them.`,
  );
}

function readMoved(reader: CompactReader): Moved[] {
  let input = -1;
  return Array.from({ length: reader.number() }, () => {
    input += reader.number() + 1;
    return { input, records: reader.number() };
  });
}

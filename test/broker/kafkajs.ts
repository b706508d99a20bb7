/**
 * The record-batch code of kafkajs, an independent implementation of Kafka's format. It is no part
 * of the package's published types, so the part that is used is declared here.
 */
import { createRequire } from 'node:module';
import type { GivenRecord } from './records.ts';

type HeaderValue = Uint8Array | null;

interface DecodedRecord {
  readonly timestamp: string;
  readonly offset: string;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: Record<string, HeaderValue | HeaderValue[]>;
}

interface Encoder {
  readonly buffer: Buffer;
}

const require = createRequire(import.meta.url);
const protocol = 'kafkajs/src/protocol';
const Decoder = require(`${protocol}/decoder.js`) as new (bytes: Buffer) => object;
const decodeBatch = require(`${protocol}/recordBatch/v0/decoder.js`) as (
  decoder: object,
) => Promise<{ readonly records: readonly DecodedRecord[] }>;
const { RecordBatch } = require(`${protocol}/recordBatch/v0/index.js`) as {
  RecordBatch(batch: object): Promise<Encoder>;
};
const encodeRecord = require(`${protocol}/recordBatch/record/v0/index.js`) as (
  record: object,
) => Encoder;
const Long = require('kafkajs/src/utils/long.js') as { fromValue(value: string): object };

/** The records of one batch; headers as kafkajs keeps them, in an object. */
export async function decodeWithKafkajs(batch: Uint8Array) {
  const { records } = await decodeBatch(new Decoder(Buffer.from(batch)));
  return records.map(({ timestamp, offset, key, value, headers }) => ({
    timestamp: Number(timestamp),
    key: plainBytes(key),
    value: plainBytes(value),
    headers: Object.fromEntries(
      Object.entries(headers).map(([name, one]) => [
        name,
        Array.isArray(one) ? one.map(plainBytes) : plainBytes(one),
      ]),
    ),
    offset: Number(offset),
  }));
}

/** One batch, as a producer without transactions writes it. */
export async function encodeWithKafkajs(
  records: readonly GivenRecord[],
  baseOffset: number,
): Promise<Uint8Array> {
  const timestamps = records.map(({ timestamp }) => timestamp);
  const base = BigInt(timestamps[0] ?? 0);
  const encoder = await RecordBatch({
    firstOffset: long(baseOffset),
    firstTimestamp: long(base),
    maxTimestamp: long(Math.max(...timestamps)),
    lastOffsetDelta: records.length - 1,
    producerId: long(-1),
    producerEpoch: -1,
    firstSequence: -1,
    records: records.map(({ timestamp, key, value, headers }, offsetDelta) =>
      encodeRecord({
        offsetDelta,
        timestampDelta: long(BigInt(timestamp) - base),
        key: key && Buffer.from(key),
        value: value && Buffer.from(value),
        headers: Object.fromEntries(headers.map((h) => [h.key, h.value && Buffer.from(h.value)])),
      }),
    ),
  });
  return Uint8Array.from(encoder.buffer);
}

function long(value: number | bigint): object {
  return Long.fromValue(String(value));
}

function plainBytes(bytes: Uint8Array | null): Uint8Array | null {
  return bytes && Uint8Array.from(bytes);
}

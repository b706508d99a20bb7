/**
 * JSON, checked: a value is refused if it would not come back equal, because state and topics must
 * not change what they keep. plain.ts says which values those are.
 */
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { MillraceError, messageOf } from '../platform/index.ts';
import type { Codec } from './codec.ts';
import { isPlain, refusalOf } from './plain.ts';
import { shorten, utf8Of } from './utf8.ts';
import { type ValidationOptions, validated } from './validated.ts';

/**
 * The codec for plain JSON values. Without a schema the type is the caller's word: what is decoded
 * is not checked against it.
 *
 * With a schema (zod, valibot, arktype, or another that has Standard Schema's interface) values are
 * of the schema's output type, and validated when they are encoded and when they are decoded. What
 * fails says where. The schema must validate synchronously.
 *
 * @example
 * const Bid = z.object({ auction: z.int(), price: z.number().positive() });
 * const bids = topic('bids', { key: string(), value: json(Bid) });
 */
export function json<Value>(
  schema?: StandardSchemaV1<unknown, Value>,
  options: ValidationOptions = {},
): Codec<Value> {
  const codec = schema === undefined ? jsonCodec : validated(jsonCodec, schema, options);
  return codec as Codec<Value>; // the schema's output, or the caller's claim about the bytes
}

const jsonCodec: Codec<unknown> = {
  name: 'json',
  text: true,
  encode(value) {
    checkJson(value);
    return Buffer.from(JSON.stringify(value), 'utf8');
  },
  decode: decodeJson,
  check: checkJson,
};

/** Fails with `ENCODE`, naming the part of `value` that JSON would change. */
function checkJson(value: unknown): void {
  if (isPlain(value, 0)) return;
  throw new MillraceError(
    'ENCODE',
    `JSON would not give this value back: ${refusalOf(value, isPlain)}.`,
  );
}

/** Fails with `DECODE`, showing how the bytes begin. */
export function decodeJson(bytes: Uint8Array, start: number, end: number): unknown {
  const text = utf8Of(bytes, start, end);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new MillraceError(
      'DECODE',
      `${shorten(text)} is not JSON (${messageOf(cause)}). Use the codec it was written with.`,
      { cause },
    );
  }
}

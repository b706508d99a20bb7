/**
 * The codec of several accumulators: an object of them as JSON. Those of custom aggregates are
 * checked; what has a codec of its own stands in the JSON as the text that the codec writes, or as
 * base64.
 */
import { type Codec, json } from '../../formats/index.ts';
import { isMillraceError, MillraceError } from '../../platform/index.ts';
import type { Aggregation } from '../../runtime/index.ts';
import { accumulatorCodec } from './aggregate.ts';

export type Accumulators = Record<string, unknown>;

export interface Field {
  readonly name: string;
  readonly aggregate: Aggregation;
}

export function codecOfFields(fields: readonly Field[]): Codec<unknown> {
  const checked = fields.filter(({ aggregate }) => aggregate.codec !== accumulatorCodec);
  const translated = checked.filter(({ aggregate }) => aggregate.codec !== json<unknown>());
  if (checked.length === 0) return accumulatorCodec;
  const check = (accumulators: unknown) => {
    const state = accumulators as Accumulators; // what the composite made
    for (const field of checked) checkField(field, state[field.name]);
  };
  return {
    name: accumulatorCodec.name,
    text: true,
    check,
    encode(accumulators) {
      check(accumulators);
      const written: Accumulators = { ...(accumulators as Accumulators) }; // the same
      for (const { name, aggregate } of translated) {
        const { codec } = aggregate;
        written[name] = Buffer.from(codec.encode(written[name])).toString(encodingOf(codec));
      }
      return accumulatorCodec.encode(written);
    },
    decode(bytes, start, end) {
      const written = accumulatorCodec.decode(bytes, start, end) as Accumulators; // of encode
      for (const { name, aggregate } of translated) {
        const { codec } = aggregate;
        const own = Buffer.from(written[name] as string, encodingOf(codec)); // of encode
        written[name] = codec.decode(own, 0, own.length);
      }
      return written;
    },
  };
}

function encodingOf(codec: Codec<unknown>): BufferEncoding {
  return codec.text ? 'utf8' : 'base64';
}

function checkField({ name, aggregate }: Field, accumulator: unknown): void {
  try {
    aggregate.codec.check?.(accumulator);
  } catch (cause) {
    if (!isMillraceError(cause)) throw cause;
    const message = `the accumulator of "${name}" can't be kept: ${cause.message}`;
    throw new MillraceError(cause.code, message, { cause });
  }
}

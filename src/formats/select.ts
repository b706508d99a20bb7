/** Some fields of values. */
import type { Codec, Decoder } from './codec.ts';

/**
 * Reads only these fields: the format does where it can skip the others, else values are decoded as
 * a whole and reduced.
 */
export function select(codec: Codec<unknown>, fields: readonly string[]): Decoder<unknown> {
  if (codec.select !== undefined) return codec.select(fields);
  return {
    name: `${codec.name} (${fields.join(', ')})`,
    decode: (bytes, start, end) => picked(codec.decode(bytes, start, end), fields),
  };
}

/** What is no object stays as it is: a value may be that, or null. */
function picked(value: unknown, fields: readonly string[]): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const members = value as Readonly<Record<string, unknown>>; // it is an object
  const some: Record<string, unknown> = {};
  for (const field of fields) if (Object.hasOwn(members, field)) some[field] = members[field];
  return some;
}

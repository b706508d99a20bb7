/**
 * Keys as canonical JSON: equal keys have equal bytes, different keys different ones. Members of
 * objects stand in the order of their names, there is no white space, and -0 is 0, as in a Map; `1`
 * differs from `'1'`. What JSON would not give back equal is refused, as in json().
 */
import { MillraceError } from '../platform/index.ts';
import type { Codec } from './codec.ts';
import { decodeJson } from './json.ts';
import { depthMax, isPlain, isPlainContainer, refusalOf } from './plain.ts';

/** The codec of keys that keyBy uses unless told otherwise. */
export function keyJson<Key>(): Codec<Key> {
  return keyJsonCodec as Codec<Key>; // the type parameter is the caller's claim about the bytes
}

const keyJsonCodec: Codec<unknown> = {
  name: 'key-json',
  text: true,
  encode: (value) => Buffer.from(canonicalJson(value), 'utf8'),
  decode: decodeJson,
  check: canonicalJson,
};

/** The text that tells keys apart. Fails with `ENCODE` for what can't be a key. */
export function canonicalJson(value: unknown): string {
  const text = canonical(value, 0);
  if (text !== undefined) return text;
  const refusal = refusalOf(value, (part, depth) => canonical(part, depth) !== undefined);
  throw new MillraceError('ENCODE', `This can't be a key: ${refusal}.`);
}

/** Undefined where a part of the value has no canonical form. */
function canonical(value: unknown, depth: number): string | undefined {
  if (value === 0) return '0';
  if (typeof value !== 'object' || value === null) {
    return isPlain(value, depth) ? JSON.stringify(value) : undefined;
  }
  if (depth > depthMax || !isPlainContainer(value)) return undefined;
  const parts = Array.isArray(value) ? itemsOf(value, depth) : membersOf(value, depth);
  if (parts === undefined) return undefined;
  return Array.isArray(value) ? `[${parts.join(',')}]` : `{${parts.join(',')}}`;
}

function itemsOf(value: readonly unknown[], depth: number): string[] | undefined {
  const parts: string[] = [];
  for (let i = 0; i < value.length; i++) {
    const text = canonical(value[i], depth + 1);
    if (text === undefined) return undefined;
    parts.push(text);
  }
  return parts;
}

function membersOf(value: object, depth: number): string[] | undefined {
  const record = value as Readonly<Record<string, unknown>>; // isPlainContainer
  const parts: string[] = [];
  for (const name of Object.keys(record).sort()) {
    const text = canonical(record[name], depth + 1);
    if (text === undefined) return undefined;
    parts.push(`${JSON.stringify(name)}:${text}`);
  }
  return parts;
}

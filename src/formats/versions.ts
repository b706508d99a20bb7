/**
 * Versions of what state keeps: a codec that also knows what was kept before, and how each version
 * is made of the one before it. What is on disk says which version it is; a job that has a newer
 * one brings it there when it starts.
 */
import { checkOptions } from '../platform/index.ts';
import type { Codec, Version } from './codec.ts';
import { json } from './json.ts';
import { keyJson } from './key-json.ts';

export interface VersionOptions<Value> {
  /** Default: plain JSON; where it is of keys, canonical JSON. */
  readonly codec?: Codec<Value>;
}

/** A codec of the last version, for state and keys. */
export interface Versioned<Value> extends Codec<Value> {
  readonly versions: readonly Version[];
  /**
   * The next version. `migrate` is given each value that is kept, and must depend on nothing else;
   * it may throw, which leaves the state as it was.
   */
  to<Next>(migrate: (value: Value) => Next, options?: VersionOptions<Next>): Versioned<Next>;
}

/**
 * The first version of values, keys or items that state keeps, then each later one with `to`. State
 * on disk is brought to the last one when a job with it starts. Not for topics, whose records do
 * not say which version they are.
 *
 * @example
 * const count = versions<number>()
 *   .to<{ n: number }>((n) => ({ n }))
 *   .to<{ n: number; since: string }>(({ n }) => ({ n, since: 'long ago' }));
 * value(count) // in the state of a process step
 */
export function versions<Value>(codec?: Codec<Value>): Versioned<Value> {
  return versioned([versionOf(codec, (value) => value)]);
}

/** `codec` where it is of keys: what has no codec of its own is canonical JSON. */
export function ofKeys<Key>(codec: Codec<Key>): Codec<Key> {
  if (codec.versions === undefined) return codec;
  return versioned(
    codec.versions.map((version) =>
      version.isDefault ? { ...version, codec: keyJson<unknown>() } : version,
    ),
  );
}

function versionOf<Value>(
  codec: Codec<Value> | undefined,
  migrate: (before: unknown) => unknown,
): Version {
  const untyped = (codec ?? json<Value>()) as Codec<unknown>; // a version does not know types
  return { codec: untyped, isDefault: codec === undefined, migrate };
}

/** `Value` is what the last of them keeps. */
function versioned<Value>(versions: readonly Version[]): Versioned<Value> {
  const codec = versions.at(-1)?.codec as Codec<Value>; // there is a first one
  return {
    name: codec.name,
    text: codec.text,
    encode: (value) => codec.encode(value),
    decode: (bytes, start, end) => codec.decode(bytes, start, end),
    ...(codec.check === undefined ? {} : { check: (value) => codec.check?.(value) }),
    ...(codec.unfitForKeys === undefined ? {} : { unfitForKeys: codec.unfitForKeys }),
    versions,
    to<Next>(migrate: (value: Value) => Next, options: VersionOptions<Next> = {}) {
      checkOptions('to() of versions()', options, ['codec']);
      const step = migrate as (before: unknown) => unknown; // a version does not know types
      return versioned<Next>([...versions, versionOf(options.codec, step)]);
    },
  };
}

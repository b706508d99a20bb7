/** How a key or a value becomes bytes and comes back. */

/** Reads what a codec wrote. */
export interface Decoder<Value> {
  /** Names the format in errors, graphs and state files: `json`, `string`. */
  readonly name: string;
  /** Decodes `bytes[start, end)`; keeps no reference to it. Fails with `DECODE`. */
  decode(bytes: Uint8Array, start: number, end: number): Value;
}

/**
 * How a key or a value becomes bytes and comes back. What codecs keep can't be seen from outside,
 * so that they may be shared.
 */
export interface Codec<Value> extends Decoder<Value> {
  /**
   * Whether the bytes are UTF-8 text; tables of state then keep them as text, which any SQLite tool
   * shows.
   */
  readonly text: boolean;
  /** Fails with `ENCODE` for what would not come back equal. The result is the caller's. */
  encode(value: Value): Uint8Array;
  /**
   * Fails with `ENCODE` where `encode` would, without encoding: state checks a value when it is
   * put, and encodes it at the checkpoint. Undefined where every value of the type can be encoded.
   */
  check?(value: Value): void;
  /**
   * Why the codec can't be one of keys: what lets equal keys have different bytes. Undefined where
   * nothing is known to.
   */
  readonly unfitForKeys?: string;
  /**
   * What reads only these fields of a value, where the format can skip the others. Undefined where
   * a value is decoded as a whole.
   */
  select?(fields: readonly string[]): Decoder<unknown>;
  /** Where it was made by `versions`: the versions up to this one, the first one first. */
  readonly versions?: readonly Version[];
}

/** One version of what a codec keeps. */
export interface Version {
  readonly codec: Codec<unknown>;
  /** No codec was named: values are JSON, keys canonical JSON. */
  readonly isDefault: boolean;
  /** Makes it of the version before. */
  readonly migrate: (before: unknown) => unknown;
}

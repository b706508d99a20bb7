/** How a key or a value becomes bytes and comes back. Codecs are stateless and may be shared. */
export interface Codec<Value> {
  /** Names the format in errors, graphs and state files: `json`, `string`. */
  readonly name: string;
  /**
   * Whether the bytes are UTF-8 text; tables of state then keep them as text, which any SQLite tool
   * shows.
   */
  readonly text: boolean;
  /** Fails with `ENCODE` for what would not come back equal. The result is the caller's. */
  encode(value: Value): Uint8Array;
  /** Decodes `bytes[start, end)`; keeps no reference to it. Fails with `DECODE`. */
  decode(bytes: Uint8Array, start: number, end: number): Value;
  /**
   * Fails with `ENCODE` where `encode` would, without encoding: state checks a value when it is
   * put, and encodes it at the checkpoint. Undefined where every value of the type can be encoded.
   */
  check?(value: Value): void;
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

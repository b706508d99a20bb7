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
}

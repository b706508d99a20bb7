/** How a key or a value becomes bytes and comes back. Codecs are stateless and may be shared. */
export interface Codec<Value> {
  /** Names the format in errors, graphs and state files: `json`, `string`. */
  readonly name: string;
  /** Fails with `ENCODE` for what would not come back equal. The result is the caller's. */
  encode(value: Value): Uint8Array;
  /** Decodes `bytes[start, end)`; keeps no reference to it. Fails with `DECODE`. */
  decode(bytes: Uint8Array, start: number, end: number): Value;
}

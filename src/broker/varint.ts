/**
 * Kafka's variable-length numbers: zigzag (0, -1, 1, -2 become 0, 1, 2, 3), then seven bits a byte,
 * lowest first, the top bit set in all bytes but the last.
 */

/** Bytes of a 32-bit number. */
export function sizeOfVarint(value: number): number {
  const zigzag = ((value << 1) ^ (value >> 31)) >>> 0;
  if (zigzag < 0x80) return 1;
  if (zigzag < 0x4000) return 2;
  if (zigzag < 0x200000) return 3;
  return zigzag < 0x10000000 ? 4 : 5;
}

/** Writes a 32-bit number; returns the position after it. */
export function writeVarint(bytes: Uint8Array, position: number, value: number): number {
  let after = position;
  let rest = ((value << 1) ^ (value >> 31)) >>> 0;
  while (rest > 0x7f) {
    bytes[after++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  bytes[after] = rest;
  return after + 1;
}

/** `to - from` as a varlong: exact for whole numbers of 53 bits, though it may have 54. */
export function encodeDifference(to: number, from: number): Uint8Array {
  const difference = to - from;
  // Below 2 ** 52 the zigzag form has at most 53 bits, where floating point is exact.
  if (Math.abs(difference) >= 2 ** 52) return encodeWide(BigInt(to) - BigInt(from));
  const bytes: number[] = [];
  let rest = difference < 0 ? -difference * 2 - 1 : difference * 2;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  bytes.push(rest);
  return Uint8Array.from(bytes);
}

function encodeWide(difference: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = difference < 0n ? -difference * 2n - 1n : difference * 2n;
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

/** `from` plus the varlong in `bytes[start, end)`: what `encodeDifference` was given as `to`. */
export function addDifference(from: number, bytes: Uint8Array, start: number, end: number): number {
  // Seven bytes have 49 bits; floating point is exact for 53.
  if (end - start > 7) return addWide(from, bytes, start, end);
  let zigzag = 0;
  for (let i = end - 1; i >= start; i--) zigzag = zigzag * 0x80 + ((bytes[i] ?? 0) & 0x7f);
  return from + (zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2);
}

function addWide(from: number, bytes: Uint8Array, start: number, end: number): number {
  let zigzag = 0n;
  for (let i = end - 1; i >= start; i--) zigzag = (zigzag << 7n) | BigInt((bytes[i] ?? 0) & 0x7f);
  const difference = (zigzag & 1n) === 0n ? zigzag >> 1n : -((zigzag + 1n) >> 1n);
  return Number(BigInt(from) + difference);
}

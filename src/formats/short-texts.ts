/**
 * Short texts that come again and again: codes, names of channels, currencies. Looking for one
 * among the last ones takes 20 ns, making it anew 75, and then it is garbage.
 */
import { utf8Of } from './utf8.ts';

/** Longer ones take as long to compare as to make. */
const bytesMax = 8;

/** A power of 2. */
const remembered = 512;

export class ShortTexts {
  readonly #texts: string[] = Array.from({ length: remembered }, () => '');

  /** The text of `bytes[start, end)`. Fails with `DECODE` where that is not UTF-8. */
  of(bytes: Uint8Array, start: number, end: number): string {
    const length = end - start;
    if (length > bytesMax) return utf8Of(bytes, start, end);
    let hash = length;
    for (let i = start; i < end; i++) hash = (Math.imul(hash, 31) + (bytes[i] as number)) | 0;
    const place = hash & (remembered - 1);
    const known = this.#texts[place] as string; // below their number
    if (known.length === length && isSame(known, bytes, start)) return known;
    const text = utf8Of(bytes, start, end);
    if (text.length === length) this.#texts[place] = text; // so it is ASCII
    return text;
  }
}

function isSame(text: string, bytes: Uint8Array, start: number): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) !== bytes[start + i]) return false;
  return true;
}

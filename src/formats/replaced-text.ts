/**
 * UTF-8 that is not UTF-8: the libraries put a replacement character in its place, which nobody
 * wrote. Here it is noticed afterwards, since a replacement character is as rare as it is cheap to
 * look for.
 */
import { MillraceError } from '../platform/index.ts';

const replacement = '\ufffd';
const encodedReplacement = Buffer.from(replacement);

/**
 * Fails with `DECODE` where a text in `value`, decoded from `bytes[start, end)`, has replacement
 * characters that are not in the bytes. The format must keep text as plain UTF-8.
 */
export function checkReplaced(
  format: string,
  value: unknown,
  bytes: Uint8Array,
  start: number,
  end: number,
): void {
  const inText = countIn(value);
  if (inText === 0 || inText <= countInBytes(bytes, start, end)) return;
  throw new MillraceError(
    'DECODE',
    `A text in these ${end - start} bytes of ${format} is not UTF-8. Read them with the codec ` +
      'they were written with, or with bytes().',
  );
}

/** Replacement characters in all texts of a value. */
function countIn(value: unknown): number {
  if (typeof value === 'string') {
    return value.includes(replacement) ? value.split(replacement).length - 1 : 0;
  }
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return 0;
  const record = value as Readonly<Record<string, unknown>>; // arrays have names, too
  let count = 0;
  for (const name in record) {
    if (name.includes(replacement)) count += name.split(replacement).length - 1;
    count += countIn(record[name]);
  }
  return count;
}

function countInBytes(bytes: Uint8Array, start: number, end: number): number {
  const range = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start);
  let count = 0;
  for (
    let at = range.indexOf(encodedReplacement);
    at >= 0;
    at = range.indexOf(encodedReplacement, at + encodedReplacement.length)
  ) {
    count++;
  }
  return count;
}

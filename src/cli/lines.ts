/** Lines of bytes out of chunks of bytes: text is not decoded here, so that nothing changes it. */
import { MillraceError } from '../platform/index.ts';

/** A line must fit into a record. */
const lineBytesMax = 64 * 1024 * 1024;

const lineFeed = 0x0a;
const carriageReturn = 0x0d;

/** Lines without their ends (`\n` or `\r\n`); the last one may lack one. */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let begun: Uint8Array[] = [];
  let begunBytes = 0;
  for await (const chunk of chunks) {
    let from = 0;
    for (let to = chunk.indexOf(lineFeed); to >= 0; to = chunk.indexOf(lineFeed, from)) {
      yield withoutReturn(Buffer.concat([...begun, chunk.subarray(from, to)]));
      begun = [];
      begunBytes = 0;
      from = to + 1;
    }
    begun.push(chunk.subarray(from));
    begunBytes += chunk.length - from;
    if (begunBytes > lineBytesMax) throw tooLong();
  }
  if (begunBytes > 0) yield withoutReturn(Buffer.concat(begun));
}

function withoutReturn(line: Uint8Array): Uint8Array {
  return line.at(-1) === carriageReturn ? line.subarray(0, -1) : line;
}

function tooLong(): MillraceError {
  return new MillraceError(
    'INVALID',
    `A line of the input is longer than ${lineBytesMax} bytes. End each record with a line feed.`,
  );
}

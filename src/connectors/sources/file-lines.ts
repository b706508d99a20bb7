/**
 * The lines of a file, from a byte on, and of a file that grows.
 *
 * A position says which line comes next, at which byte, and what the bytes before it are: a
 * checksum of up to 4 KiB. So a file that has been replaced, or cut, is refused by name rather
 * than read from somewhere in the middle.
 *
 *   ... line 16 \n | line 17 \n | line 18 \n | line 19, unfinished
 *   <--- checked ->^ byte, line 17           ^ a file that grows is read up to here
 *
 * Lines end with `\n` or `\r\n`. Empty lines are passed over. Bytes are not decoded here, so
 * nothing changes them, and a chunk may end anywhere, also inside a character. Only a byte order
 * mark at the start of the file is left out.
 */
import { crc32 } from 'node:zlib';
import {
  type File,
  isMillraceError,
  MillraceError,
  type Platform,
  pause,
} from '../../platform/index.ts';

export interface LinePosition {
  /** The first byte that has not been read. */
  readonly byte: number;
  /** The number of the line that begins there, from 1. */
  readonly line: number;
  /** CRC-32 of the bytes before it, at most 4 KiB. */
  readonly before: number;
}

export interface FileLine {
  readonly bytes: Uint8Array;
  readonly line: number;
  /** Whether a line end follows it. */
  readonly isEnded: boolean;
  /** Behind it. Computed when it is asked for. */
  readonly position: LinePosition;
}

export interface FileLinesOptions {
  readonly path: string;
  /** Wait for more at the end. */
  readonly follow: boolean;
  /** A line end between quotes ends no line, as in CSV. */
  readonly quotes: boolean;
}

export interface FileLinesContext {
  readonly position: LinePosition | undefined;
  readonly signal: AbortSignal;
  readonly platform: Platform;
}

const chunkBytes = 64 * 1024;
const checkedBytes = 4096;
/** A line must fit into a record. */
const lineBytesMax = 64 * 1024 * 1024;
/** Behind the watch, which may fail in silence. */
const pollMs = 1000;

const [lineFeed, carriageReturn, quote] = [0x0a, 0x0d, 0x22];

/** Fails with `FILE_MISMATCH` for a file that is not the one that was read before. */
export async function* fileLines(
  options: FileLinesOptions,
  context: FileLinesContext,
): AsyncGenerator<FileLine[], void, void> {
  const { path, follow } = options;
  const { signal, platform } = context;
  let position = context.position ?? { byte: 0, line: 1, before: 0 };
  let size = 0;
  while (!signal.aborted) {
    const file = openFile(platform, path);
    try {
      const reader = new LineReader(file, options, position);
      for (let lines = reader.next(); lines !== undefined; lines = reader.next()) {
        position = lines.at(-1)?.position ?? position;
        yield lines;
        if (signal.aborted) return;
        await new Promise<void>((resolve) => {
          platform.clock.soon(resolve);
        });
      }
      size = reader.end;
    } finally {
      file.close();
    }
    if (!follow) return;
    // The file is opened anew, and checked again: one that took its place is noticed.
    await changed(platform, path, size, signal);
  }
}

class LineReader {
  readonly #file: File;
  readonly #options: FileLinesOptions;
  /** The bytes from `#start` on: those before the next line that are checked, and what was read. */
  #bytes: Buffer;
  #start: number;
  /** Of the next line. */
  #byte: number;
  #line: number;
  /** Up to where no line end was found, ... */
  #scanned: number;
  /** ... and whether that is between quotes. */
  #isQuoted = false;
  #isEnded = false;

  constructor(file: File, options: FileLinesOptions, { byte, line, before }: LinePosition) {
    this.#file = file;
    this.#options = options;
    this.#start = Math.max(0, byte - checkedBytes);
    this.#bytes = readBytes(file, this.#start, byte - this.#start);
    this.#byte = byte;
    this.#line = line;
    this.#scanned = byte;
    const length = file.size();
    if (length < byte)
      throw mismatch(options.path, `it has ${length} bytes, of which ${byte} were read`);
    if (crc32(this.#bytes) !== before) {
      throw mismatch(options.path, `the bytes before byte ${byte} (line ${line}) are others`);
    }
    this.#checkLineBegins();
  }

  /** Behind what was read, a line without an end included. */
  get end(): number {
    return this.#start + this.#bytes.length;
  }

  /** The lines that are complete with another chunk; undefined at the end. */
  next(): FileLine[] | undefined {
    while (!this.#isEnded) {
      // As much again as a line has already: a long one is not copied for each chunk.
      const length = Math.max(chunkBytes, this.end - this.#byte);
      const chunk = readBytes(this.#file, this.end, length);
      const kept = Math.max(0, this.#byte - checkedBytes - this.#start);
      this.#bytes = Buffer.concat([this.#bytes.subarray(kept), chunk]);
      this.#start += kept;
      this.#isEnded = chunk.length === 0;
      const lines = this.#takeLines();
      if (lines.length > 0) return lines;
    }
    return undefined;
  }

  #takeLines(): FileLine[] {
    const lines: FileLine[] = [];
    for (let end = this.#lineEnd(); end !== undefined; end = this.#lineEnd()) {
      this.#take(end, true, lines);
    }
    const { end } = this;
    if (this.#isEnded && !this.#options.follow && this.#byte < end) this.#take(end, false, lines);
    if (end - this.#byte > lineBytesMax) throw tooLong(this.#options.path, this.#line);
    return lines;
  }

  /** Behind the line feed that ends the next line; undefined where it is not there yet. */
  #lineEnd(): number | undefined {
    const bytes = this.#bytes;
    for (;;) {
      const from = this.#scanned - this.#start;
      const at = bytes.indexOf(lineFeed, from);
      const to = at < 0 ? bytes.length : at;
      if (this.#options.quotes && countOf(quote, bytes, from, to) % 2 === 1) {
        this.#isQuoted = !this.#isQuoted;
      }
      this.#scanned = this.#start + (at < 0 ? to : to + 1);
      if (at < 0) return undefined;
      if (!this.#isQuoted) return this.#scanned;
    }
  }

  #take(end: number, isEnded: boolean, into: FileLine[]): void {
    const [bytes, start, line] = [this.#bytes, this.#start, this.#line];
    const whole = withoutEnd(bytes.subarray(this.#byte - start, end - start), isEnded);
    const text = this.#byte === 0 ? withoutMark(whole) : whole;
    const feeds = this.#options.quotes ? countOf(lineFeed, text, 0, text.length) : 0;
    const next = line + feeds + (isEnded ? 1 : 0);
    this.#byte = end;
    this.#line = next;
    this.#isQuoted = false;
    if (text.length === 0) return;
    into.push({
      bytes: text,
      line,
      isEnded,
      get position() {
        const checked = bytes.subarray(Math.max(0, end - start - checkedBytes), end - start);
        return { byte: end, line: next, before: crc32(checked) };
      },
    });
  }

  /** A last line without an end may have gone on since it was read. */
  #checkLineBegins(): void {
    const last = this.#bytes.at(-1);
    if (last === undefined || last === lineFeed) return;
    const [next] = readBytes(this.#file, this.#byte, 1);
    if (next === undefined || next === lineFeed || next === carriageReturn) return;
    throw mismatch(
      this.#options.path,
      `line ${this.#line} went on after it was read. Let whoever writes it end each line, and ` +
        'read it with { follow: true }',
    );
  }
}

/** Without the byte order mark that some programs put in front of a file. */
function withoutMark(line: Uint8Array): Uint8Array {
  const isMarked = line[0] === 0xef && line[1] === 0xbb && line[2] === 0xbf;
  return isMarked ? line.subarray(3) : line;
}

function withoutEnd(line: Uint8Array, isEnded: boolean): Uint8Array {
  const text = isEnded ? line.subarray(0, -1) : line;
  return text.at(-1) === carriageReturn ? text.subarray(0, -1) : text;
}

/** `indexOf` would look on behind `to`. */
function countOf(byte: number, bytes: Uint8Array, from: number, to: number): number {
  let count = 0;
  for (let i = from; i < to; i++) if (bytes[i] === byte) count++;
  return count;
}

/** As many as there are, in a buffer of their own. */
export function readBytes(file: File, at: number, length: number): Buffer<ArrayBuffer> {
  const target = Buffer.allocUnsafeSlow(length);
  let read = 0;
  while (read < length) {
    const more = file.read(target, read, length - read, at + read);
    if (more === 0) break;
    read += more;
  }
  return target.subarray(0, read);
}

/** Resolves when the file has another size than `size`, or may have been replaced; or to end. */
async function changed(
  platform: Platform,
  path: string,
  size: number,
  signal: AbortSignal,
): Promise<void> {
  const woken = new AbortController();
  const watch = platform.files.watch(path, () => woken.abort());
  try {
    const either = AbortSignal.any([signal, woken.signal]);
    if (platform.files.sizeOf(path) === size) await pause(platform.clock, pollMs, either);
  } finally {
    watch.close();
  }
}

/** Fails with `IO`, naming a file that is not there. */
export function openFile(platform: Platform, path: string): File {
  try {
    return platform.files.open(path, 'read');
  } catch (error) {
    if (isMillraceError(error, 'IO') && !platform.files.exists(path)) {
      throw new MillraceError('IO', `There is no file ${path} to read.`, { cause: error });
    }
    throw error;
  }
}

function mismatch(path: string, what: string): MillraceError {
  return new MillraceError(
    'FILE_MISMATCH',
    `${path} is not the file that was read before: ${what}. Put that one back, or ingest this ` +
      'one under another name.',
  );
}

function tooLong(path: string, line: number): MillraceError {
  const message = `${path}, line ${line} is longer than ${lineBytesMax} bytes.`;
  return new MillraceError('INVALID', `${message} End each record with a line feed.`);
}

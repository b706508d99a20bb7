/**
 * Copies files of the log for a backup, in the background and with the pauses of `PacedWriter`, so
 * that commits on the same disk go on beside it.
 */
import { dirname } from 'node:path';
import { type File, MillraceError, type Platform } from '../platform/index.ts';
import { makeDirectoryDurably } from './directory.ts';
import { PacedWriter } from './pace.ts';

export interface FileCopy {
  readonly from: string;
  readonly to: string;
  /** Bytes that count. What lies behind them may be changing and is not read. */
  readonly length: number;
  /** Size of the copy; behind `length` it is zeros. */
  readonly size: number;
}

const chunkBytes = 256 * 1024;

/** Bytes and names of the copies are durable afterwards. */
export async function copyFiles(copies: readonly FileCopy[], platform: Platform): Promise<void> {
  const { files } = platform;
  for (const copy of copies) {
    makeDirectoryDurably(platform, dirname(copy.to));
    await copyFile(copy, platform);
    platform.failpoint('backup.copied');
  }
  const parents = new Set(copies.map(({ to }) => dirname(to)));
  for (const parent of parents) files.syncDirectory(parent);
}

async function copyFile(copy: FileCopy, { files, clock }: Platform): Promise<void> {
  const source = files.open(copy.from, 'read');
  try {
    const target = files.open(copy.to, 'create');
    try {
      const writer = new PacedWriter(target, clock, true);
      await writeBytes(copy, source, writer);
      await writeZeros(copy, writer);
      writer.sync();
    } finally {
      target.close();
    }
  } finally {
    source.close();
  }
}

async function writeBytes(copy: FileCopy, source: File, writer: PacedWriter): Promise<void> {
  const bytes = Buffer.alloc(Math.min(chunkBytes, copy.length));
  while (writer.position < copy.length) {
    const wanted = Math.min(bytes.length, copy.length - writer.position);
    const got = source.read(bytes, 0, wanted, writer.position);
    if (got === 0) throw tooShort(copy, writer.position);
    await writer.write(bytes.subarray(0, got));
  }
}

async function writeZeros({ size }: FileCopy, writer: PacedWriter): Promise<void> {
  const zeros = Buffer.alloc(Math.min(chunkBytes, Math.max(0, size - writer.position)));
  while (writer.position < size) {
    await writer.write(zeros.subarray(0, Math.min(zeros.length, size - writer.position)));
  }
}

function tooShort({ from, length }: FileCopy, end: number): MillraceError {
  return new MillraceError(
    'DAMAGED',
    `${from} ends at byte ${end}, but committed records reach to byte ${length}. Restore the ` +
      'directory from an earlier backup.',
  );
}

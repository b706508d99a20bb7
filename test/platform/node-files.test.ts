import { chmodSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { isNetworkType } from '../../src/platform/file-system-kind.ts';
import { nodePlatform } from '../../src/platform/index.ts';
import { fileFailure } from '../../src/platform/io-errors.ts';
import { fileSystemContract } from '../contracts/file-system.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const { files } = nodePlatform();

describe('the file system of Node.js', () => {
  fileSystemContract(() => ({ files, directory: temporaryDirectory() }));

  test('tells when a file was written', () => {
    const path = `${temporaryDirectory()}/a`;
    const before = Date.now();
    files.open(path, 'create').close();
    expect(Math.abs((files.modifiedAt(path) ?? 0) - before)).toBeLessThan(10_000);
  });

  test('is read-only where this user may not write', { skip: process.getuid?.() === 0 }, () => {
    const directory = temporaryDirectory();
    chmodSync(directory, 0o555);
    expect(files.kindOf(directory)).toBe('read-only');
  });

  test('can be over a network, by its type on Linux, signed or not', () => {
    expect([0x6969, 0xfe534d42, 0xfe534d42 | 0, 0x01021997].map(isNetworkType)).toEqual(
      Array(4).fill(true),
    );
    const [ext4, tmpfs, fuse] = [0xef53, 0x01021994, 0x65735546];
    expect([ext4, tmpfs, fuse].map(isNetworkType)).toEqual([false, false, false]);
  });

  test.each(['ENOSPC', 'EDQUOT'])('calls %s a full disk, which may pass', (code) => {
    const cause = Object.assign(new Error(code), { code });
    expect(fileFailure('write to', 'a.log', cause)).toMatchObject({
      code: 'DISK_FULL',
      retryable: true,
      cause,
    });
  });

  test('says what helps where a file can not be used', () => {
    const cause = Object.assign(new Error('x'), { code: 'EROFS' });
    expect(fileFailure('open', 'a.log', cause)).toMatchObject({
      code: 'IO',
      retryable: false,
      message: expect.stringMatching(/^Can't open a.log \(EROFS\). The file system is read-only/),
    });
  });
});

/** What every implementation of `FileSystem` keeps; each runs this suite. */
import { beforeEach, describe, expect, test } from 'vitest';
import {
  type FileSystem,
  isMillraceError,
  MillraceError,
  type OpenMode,
} from '../../src/platform/index.ts';

export interface FileSystemHarness {
  readonly files: FileSystem;
  /** An empty directory. */
  readonly directory: string;
}

const ascii = new TextEncoder();

export function fileSystemContract(make: () => FileSystemHarness): void {
  let files: FileSystem;
  let directory: string;
  beforeEach(() => {
    ({ files, directory } = make());
  });

  const pathOf = (name: string): string => `${directory}/${name}`;

  function write(name: string, text: string, mode: OpenMode = 'create', position = 0): void {
    const file = files.open(pathOf(name), mode);
    file.write(ascii.encode(text), position);
    file.close();
  }

  function read(name: string): string {
    const file = files.open(pathOf(name), 'read');
    const bytes = Buffer.alloc(file.size());
    expect(file.read(bytes, 0, bytes.length, 0)).toBe(bytes.length);
    file.close();
    return bytes.toString('latin1');
  }

  describe('a file', () => {
    test('gives back what was written, and is seen by everyone at once', () => {
      const file = files.open(pathOf('a'), 'create');
      file.write(ascii.encode('hello'), 0);
      expect(read('a')).toBe('hello');
      file.sync();
      file.close();
      expect(files.sizeOf(pathOf('a'))).toBe(5);
    });

    test('is made once', () => {
      write('a', 'first');
      const again = (): unknown => files.open(pathOf('a'), 'create');
      expect(again).toThrow(MillraceError);
      expect(read('a')).toBe('first');
    });

    test.each(['read', 'write'] as const)('that is missing fails with IO to %s, named', (mode) => {
      expect(failureOf(() => files.open(pathOf('absent'), mode))).toMatchObject({
        code: 'IO',
        message: `Can't open ${pathOf('absent')} (ENOENT). There is no such file or directory.`,
      });
    });

    test('is overwritten in place, and keeps the rest', () => {
      write('a', 'abcdef');
      write('a', 'XY', 'write', 2);
      expect(read('a')).toBe('abXYef');
    });

    test('has zeros where it was skipped', () => {
      write('a', 'end', 'create', 4);
      expect(read('a')).toBe('\0\0\0\0end');
    });

    test('reads what is there, and nothing beyond the end', () => {
      write('a', 'abcdef');
      const file = files.open(pathOf('a'), 'read');
      const target = Buffer.from('........');
      expect(file.read(target, 2, 4, 4)).toBe(2);
      expect(target.toString()).toBe('..ef....');
      expect(file.read(target, 0, 4, 6)).toBe(0);
      expect(file.read(target, 0, 4, 100)).toBe(0);
      file.close();
    });

    test('is not changed through a handle that reads', () => {
      write('a', 'abc');
      const file = files.open(pathOf('a'), 'read');
      expect(failureOf(() => file.write(ascii.encode('x'), 0))).toMatchObject({ code: 'IO' });
      file.close();
      expect(read('a')).toBe('abc');
    });

    test('does not change when the bytes it was given do', () => {
      const bytes = ascii.encode('abc');
      const file = files.open(pathOf('a'), 'create');
      file.write(bytes, 0);
      bytes.fill(0);
      file.close();
      expect(read('a')).toBe('abc');
    });

    test('is cut and grown, with zeros where it was cut', () => {
      write('a', 'abcdef');
      const file = files.open(pathOf('a'), 'write');
      file.truncate(2);
      expect(file.size()).toBe(2);
      file.truncate(4);
      file.close();
      expect(read('a')).toBe('ab\0\0');
    });

    test('that is closed is not used', () => {
      const file = files.open(pathOf('a'), 'create');
      file.close();
      expect(failureOf(() => file.size())).toMatchObject({ code: 'IO' });
    });

    test('that is removed is still read by who has it open', () => {
      write('a', 'abc');
      const file = files.open(pathOf('a'), 'read');
      files.remove(pathOf('a'));
      expect(file.read(Buffer.alloc(3), 0, 3, 0)).toBe(3);
      file.close();
      expect(files.exists(pathOf('a'))).toBe(false);
    });
  });

  describe('a directory', () => {
    test('lists its names in order', () => {
      write('b', '');
      write('a', '');
      files.makeDirectory(pathOf('c'));
      expect(files.list(directory)).toEqual(['a', 'b', 'c']);
    });

    test('that is missing lists nothing', () => {
      expect(files.list(pathOf('absent'))).toEqual([]);
    });

    test('is made with its parents, and again without harm', () => {
      files.makeDirectory(pathOf('x/y/z'));
      write('x/y/z/a', 'abc');
      files.makeDirectory(pathOf('x/y/z'));
      expect(read('x/y/z/a')).toBe('abc');
      files.syncDirectory(pathOf('x/y'));
    });

    test('is not made where a file is', () => {
      write('a', '');
      expect(failureOf(() => files.makeDirectory(pathOf('a/b')))).toMatchObject({ code: 'IO' });
    });

    test('is no file', () => {
      files.makeDirectory(pathOf('x'));
      expect(files.exists(pathOf('x'))).toBe(true);
      expect(files.sizeOf(pathOf('x'))).toBeUndefined();
      expect(files.modifiedAt(pathOf('x'))).toBeUndefined();
    });

    test('that is missing is not synced, and no file is made in it', () => {
      expect(failureOf(() => files.syncDirectory(pathOf('x')))).toMatchObject({ code: 'IO' });
      expect(failureOf(() => files.open(pathOf('x/a'), 'create'))).toMatchObject({ code: 'IO' });
    });

    test('is on a local file system here', () => {
      expect(files.kindOf(directory)).toBe('local');
    });
  });

  describe('rename', () => {
    test('replaces what is there', () => {
      write('a', 'new');
      write('b', 'old');
      files.rename(pathOf('a'), pathOf('b'));
      expect(files.list(directory)).toEqual(['b']);
      expect(read('b')).toBe('new');
    });

    test('moves between directories, with everything in a directory', () => {
      files.makeDirectory(pathOf('x/inner'));
      files.makeDirectory(pathOf('y'));
      write('x/inner/a', 'abc');
      files.rename(pathOf('x/inner'), pathOf('y/moved'));
      expect(read('y/moved/a')).toBe('abc');
      expect(files.list(pathOf('x'))).toEqual([]);
    });

    test('of a missing file fails with IO', () => {
      const rename = (): void => files.rename(pathOf('a'), pathOf('b'));
      expect(failureOf(rename)).toMatchObject({ code: 'IO' });
    });
  });

  describe('remove', () => {
    test('removes a directory with all that is in it', () => {
      files.makeDirectory(pathOf('x/y'));
      write('x/y/a', '');
      files.remove(pathOf('x'));
      expect(files.list(directory)).toEqual([]);
    });

    test('does nothing where there is nothing', () => {
      files.remove(pathOf('absent'));
      files.remove(pathOf('absent/below'));
      expect(files.list(directory)).toEqual([]);
    });
  });

  test('looks at missing files without failing', () => {
    expect(files.exists(pathOf('absent'))).toBe(false);
    expect(files.sizeOf(pathOf('absent'))).toBeUndefined();
    expect(files.modifiedAt(pathOf('absent'))).toBeUndefined();
  });

  describe('watch', () => {
    test('reports a write to the file', async () => {
      write('a', '');
      await new Promise<void>((resolve) => {
        const watch = files.watch(pathOf('a'), () => {
          watch.close();
          resolve();
        });
        write('a', 'x', 'write');
      });
    });

    test('reports a new name in the directory', async () => {
      await new Promise<void>((resolve) => {
        const watch = files.watch(directory, () => {
          watch.close();
          resolve();
        });
        write('a', 'x');
      });
    });

    test('is silent where there is no such file', () => {
      files.watch(pathOf('absent'), () => {}).close();
    });
  });
}

function failureOf(run: () => unknown): MillraceError | undefined {
  try {
    run();
  } catch (error) {
    if (isMillraceError(error)) return error;
    throw error;
  }
  return undefined;
}

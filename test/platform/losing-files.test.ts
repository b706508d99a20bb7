import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { File } from '../../src/platform/index.ts';
import { fileSystemContract } from '../contracts/file-system.ts';
import { type Choose, loseEverything, loseNothing, seededChoices } from '../support/choices.ts';
import { LosingFileSystem } from '../support/losing-files.ts';
import type { LosingProcess } from '../support/losing-process.ts';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('the losing file system', () => {
  fileSystemContract(() => {
    const files = new LosingFileSystem().process();
    files.makeDirectory('/data');
    return { files, directory: '/data' };
  });

  describe('in a power cut', () => {
    test('loses what was not synced, and keeps what was', () => {
      const { machine, files, file } = durableFile('old');
      file.write(bytesOf('new and longer'), 0);
      expect(textAfter(machine, loseEverything)).toBe('old');
      expect(textAfter(machine, loseNothing)).toBe('new and longer');
      file.sync();
      expect(textAfter(machine, loseEverything)).toBe('new and longer');
      expect(readAll(files, '/a')).toBe('new and longer');
    });

    test('loses a file whose directory was not synced, although it was', () => {
      const machine = new LosingFileSystem();
      const files = machine.process();
      const file = files.open('/a', 'create');
      file.write(bytesOf('x'), 0);
      file.sync();
      expect(rebooted(machine, loseEverything).exists('/a')).toBe(false);
      files.syncDirectory('/');
      expect(readAll(rebooted(machine, loseEverything), '/a')).toBe('x');
    });

    test('loses a new directory with synced files in it until its parent is synced', () => {
      const machine = new LosingFileSystem();
      const files = machine.process();
      files.makeDirectory('/x/y');
      files.open('/x/y/a', 'create').close();
      files.syncDirectory('/x/y');
      files.syncDirectory('/x');
      expect(rebooted(machine, loseEverything).exists('/x')).toBe(false);
      files.syncDirectory('/');
      expect(rebooted(machine, loseEverything).list('/x/y')).toEqual(['a']);
    });

    test('undoes a rename and a removal that were not synced', () => {
      const { machine, files } = durableFile('old');
      files.rename('/a', '/b');
      expect(rebooted(machine, loseEverything).list('/')).toEqual(['a']);
      expect(rebooted(machine, loseNothing).list('/')).toEqual(['b']);
      files.syncDirectory('/');
      files.remove('/b');
      expect(rebooted(machine, loseEverything).list('/')).toEqual(['b']);
      files.syncDirectory('/');
      expect(rebooted(machine, loseEverything).list('/')).toEqual([]);
    });

    test('keeps writes in any order', () => {
      const { machine, file } = durableFile('.'.repeat(1024));
      file.write(bytesOf('a'), 0);
      file.write(bytesOf('b'), 512);
      const found = outcomes(machine, (text) => `${text[0]}${text[512]}`);
      expect(found).toEqual(['..', '.b', 'a.', 'ab']);
    });

    test('never keeps a later write to a sector without the earlier one', () => {
      const { machine, file } = durableFile('.'.repeat(512));
      file.write(bytesOf('a'), 0);
      file.write(bytesOf('b'), 1);
      expect(outcomes(machine, (text) => text.slice(0, 2))).toEqual(['..', 'a.', 'ab']);
    });

    test('tears a write between sectors only', () => {
      const { machine, file } = durableFile('.'.repeat(1536));
      file.write(bytesOf('x'.repeat(1536)), 0);
      const found = outcomes(machine, (text) =>
        [0, 512, 1024].map((from) => runOf(text.slice(from, from + 512))).join(''),
      );
      expect(found).toEqual(['...', '..x', '.xx', 'x..', 'xx.', 'xxx']);
    });

    test('leaves zeros or nothing where a file had grown', () => {
      const { machine, file } = durableFile('');
      file.write(bytesOf('x'), 0);
      expect(outcomes(machine, (text) => JSON.stringify(text))).toEqual(['""', '"\\u0000"', '"x"']);
    });

    test('may lose that a file was cut', () => {
      const { machine, file } = durableFile('abcdef');
      file.truncate(2);
      file.write(bytesOf('X'), 2);
      expect(readAll(rebooted(machine, loseNothing), '/a')).toBe('abX');
      expect(readAll(rebooted(machine, loseEverything), '/a')).toBe('abcdef');
    });

    test('loses the same for the same seed, and leaves the machine as it was', () => {
      const { machine, file } = durableFile('.'.repeat(4096));
      for (let i = 0; i < 20; i++) file.write(bytesOf(String(i).repeat(300)), i * 170);
      const cut = (seed: number): string => textAfter(machine, seededChoices(seed));
      fc.assert(fc.property(fc.nat(), (seed) => void expect(cut(seed)).toBe(cut(seed))));
      expect(new Set([1, 2, 3, 4, 5].map(cut)).size).toBeGreaterThan(1);
    });

    test('keeps everything that was synced, whatever else survives (property)', () => {
      const step = fc.record({
        position: fc.nat(2000),
        length: fc.integer({ min: 1, max: 1500 }),
        sync: fc.boolean(),
      });
      fc.assert(
        fc.property(fc.array(step, { maxLength: 12 }), fc.nat(), (steps, seed) => {
          const { machine, files, file } = durableFile('');
          let synced: (string | undefined)[] = []; // undefined: written since
          for (const [i, { position, length, sync }] of steps.entries()) {
            file.write(bytesOf(String.fromCharCode(65 + i).repeat(length)), position);
            if (sync) file.sync();
            if (sync) synced = [...readAll(files, '/a')];
            else synced = synced.fill(undefined, position, position + length);
          }
          const found = textAfter(machine, seededChoices(seed));
          expect(found.length).toBeGreaterThanOrEqual(synced.length);
          expect(synced.filter((byte, at) => byte !== undefined && byte !== found[at])).toEqual([]);
        }),
      );
    });
  });

  describe('faults', () => {
    test('after a failed sync the bytes are lost, and the cache still shows them', () => {
      const { machine, files, file } = durableFile('old');
      machine.failNext('sync');
      file.write(bytesOf('new'), 0);
      expect(() => file.sync()).toThrow("Can't sync /a (EIO)");
      file.sync();
      expect(readAll(files, '/a')).toBe('new');
      expect(textAfter(machine, loseNothing)).toBe('old');
    });

    test('a full disk takes a part of the bytes and fails', () => {
      const { machine, files, file } = durableFile('');
      machine.failNext('write', { after: 1, error: 'DISK_FULL', shortWriteBytes: 2 });
      file.write(bytesOf('abc'), 0);
      const write = (): void => file.write(bytesOf('def'), 3);
      expect(write).toThrow(expect.objectContaining({ code: 'DISK_FULL', retryable: true }));
      expect(readAll(files, '/a')).toBe('abcde');
      write();
      expect(readAll(files, '/a')).toBe('abcdef');
    });

    test('hit only the files they are meant for', () => {
      const { machine, files } = durableFile('');
      machine.failNext('open', { path: (path) => path.endsWith('/b') });
      files.open('/a', 'read').close();
      expect(() => files.open('/b', 'create')).toThrow('EIO');
      files.open('/b', 'create').close();
    });

    test('a failed sync of a directory loses the names', () => {
      const machine = new LosingFileSystem();
      const files = machine.process();
      files.open('/a', 'create').close();
      machine.failNext('syncDirectory');
      expect(() => files.syncDirectory('/')).toThrow('EIO');
      files.syncDirectory('/');
      expect(rebooted(machine, loseNothing).list('/')).toEqual([]);
    });
  });

  test('a sync that is ignored syncs nothing, also after the machine has started again', () => {
    const { machine, file } = durableFile('old');
    machine.ignoreSync = (path, kind) => path === '/a' && kind === 'file';
    file.write(bytesOf('new'), 0);
    file.sync();
    expect(machine.unsynced()).toEqual(['/a']);
    const restarted = machine.powerCut(loseEverything);
    const again = restarted.process().open('/a', 'write');
    again.write(bytesOf('xyz'), 0);
    again.sync();
    expect(textAfter(restarted, loseEverything)).toBe('old');
  });

  test('a killed process loses nothing, and its handles are dead', () => {
    const { machine, files, file } = durableFile('old');
    file.write(bytesOf('new'), 0);
    files.kill();
    expect(() => file.write(bytesOf('zombie'), 0)).toThrow('killed');
    expect(() => files.list('/')).toThrow('killed');
    file.close();
    expect(readAll(machine.process(), '/a')).toBe('new');
    expect(textAfter(machine, loseEverything)).toBe('old');
  });

  test('an operation can be the last that a process does', () => {
    const { machine, files, file } = durableFile('old');
    machine.beforeOperation = (operation) => {
      if (operation === 'sync') files.kill();
    };
    file.write(bytesOf('new'), 0);
    expect(() => file.sync()).toThrow('killed');
    expect(textAfter(machine, loseEverything)).toBe('old');
  });
});

function durableFile(text: string): {
  machine: LosingFileSystem;
  files: LosingProcess;
  file: File;
} {
  const machine = new LosingFileSystem();
  const files = machine.process();
  const file = files.open('/a', 'create');
  file.write(bytesOf(text), 0);
  file.sync();
  files.syncDirectory('/');
  return { machine, files, file };
}

function rebooted(machine: LosingFileSystem, choose: Choose): LosingProcess {
  return machine.powerCut(choose).process();
}

function textAfter(machine: LosingFileSystem, choose: Choose): string {
  return readAll(rebooted(machine, choose), '/a');
}

/** Everything that 300 power cuts can leave, sorted. */
function outcomes(machine: LosingFileSystem, look: (text: string) => string): string[] {
  const found = new Set<string>();
  for (let seed = 0; seed < 300; seed++) found.add(look(textAfter(machine, seededChoices(seed))));
  return [...found].sort();
}

/** The character that a text consists of. */
function runOf(text: string): string {
  return new Set(text).size === 1 ? (text[0] ?? '') : '?';
}

function readAll(files: LosingProcess, path: string): string {
  const file = files.open(path, 'read');
  const bytes = Buffer.alloc(file.size());
  file.read(bytes, 0, bytes.length, 0);
  return bytes.toString('latin1');
}

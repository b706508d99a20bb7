import { describe, expect, test } from 'vitest';
import type { Platform } from '../../src/platform/index.ts';
import { loseEverything, loseNothing } from '../support/choices.ts';
import { Crash } from '../support/losing-process.ts';
import { SimulatedMachine } from '../support/simulated-platform.ts';

const url = new URL('./fixtures.ts', import.meta.url).href;

describe('a simulated machine', () => {
  describe('time', () => {
    test('stands still, and runs what falls due in order when it is moved', async () => {
      const machine = new SimulatedMachine({ startsAt: 5000 });
      const { clock } = machine.process().platform;
      const log: string[] = [];
      const note = (name: string) => () => log.push(`${name}@${clock.monotonicMs()}`);
      clock.after(20, note('b'));
      clock.after(10, () => {
        note('a')();
        clock.after(5, note('inner'));
        void Promise.resolve().then(note('promise'));
        clock.soon(note('soon'));
      });
      clock.after(10, note('cancelled')).cancel();
      clock.after(31, note('late'));
      await machine.advance(30);
      expect(log).toEqual(['a@10', 'promise@10', 'soon@10', 'inner@15', 'b@20']);
      expect(clock.now()).toBe(5030);
    });

    test('the wall clock may jump, the other one does not', async () => {
      const machine = new SimulatedMachine({ startsAt: 5000 });
      const { clock } = machine.process().platform;
      await machine.advance(7);
      machine.clockOffsetMs -= 4000;
      expect([clock.now(), clock.monotonicMs()]).toEqual([1007, 7]);
    });

    test('goes on until a promise has settled', async () => {
      const machine = new SimulatedMachine();
      const { clock } = machine.process().platform;
      const promise = new Promise<string>((resolve) => {
        clock.after(250, () => resolve('done'));
      });
      expect(await machine.until(promise)).toBe('done');
      await expect(machine.until(new Promise(() => {}), 100, 1000)).rejects.toThrow(
        'nothing happened',
      );
    });
  });

  test('gives the same random bytes for the same seed', () => {
    const bytes = (seed: number): Uint8Array =>
      new SimulatedMachine({ seed }).process().platform.randomBytes(16);
    expect(bytes(1)).toEqual(bytes(1));
    expect(bytes(1)).not.toEqual(bytes(2));
  });

  test('a lock is free when its holder was killed, and kept when it was stopped', () => {
    const machine = new SimulatedMachine();
    const [first, second] = [machine.process(), machine.process()];
    const mine = first.platform.openLock('/lock.db');
    const theirs = second.platform.openLock('/lock.db');
    expect([mine.tryAcquire(), theirs.tryAcquire()]).toEqual([true, false]);
    first.stop();
    expect(theirs.tryAcquire()).toBe(false);
    first.kill();
    expect(theirs.tryAcquire()).toBe(true);
    mine.release();
    expect(() => mine.tryAcquire()).toThrow(Crash);
    expect(machine.process().platform.openLock('/lock.db').tryAcquire()).toBe(false);
  });

  test('knows which processes live', () => {
    const machine = new SimulatedMachine();
    const [first, second] = [machine.process(), machine.process()];
    const lives = (): boolean => second.platform.process.isAlive(first.pid);
    expect([lives(), second.platform.process.isAlive(1)]).toEqual([true, false]);
    first.stop();
    expect(lives()).toBe(true);
    first.kill();
    expect(lives()).toBe(false);
  });

  test('a stopped process does nothing until it is resumed, a killed one never again', async () => {
    const machine = new SimulatedMachine();
    const process = machine.process();
    const { clock, files } = process.platform;
    files.open('/a', 'create').close();
    const log: string[] = [];
    clock.after(1, () => log.push('timer'));
    clock.soon(() => log.push('soon'));
    files.watch('/a', () => log.push('watch'));
    process.stop();
    write(machine.process().platform, '/a', 'x');
    await machine.advance(10);
    expect(log).toEqual([]);
    process.resume();
    await machine.settle();
    expect(log).toEqual(['soon', 'watch', 'timer']);
    clock.soon(() => log.push('never'));
    process.kill();
    await machine.advance(10);
    expect(log).toHaveLength(3);
  });

  describe('background', () => {
    test('copies arguments and results, and is done when the machine has settled', async () => {
      const machine = new SimulatedMachine();
      const { background } = machine.process().platform;
      const log: unknown[] = [];
      const call = { url, name: 'double', argument: 2 };
      void background.run<{ result: number }>(call).then(({ result }) => log.push(result));
      await machine.settle();
      expect(log).toEqual([4]);
      const uncopied = background.run({ url, name: 'double', argument: () => {} });
      await expect(machine.until(uncopied)).rejects.toThrow('could not be cloned');
    });

    test('passes failpoints of its process, and a killed process hears no more of it', async () => {
      const machine = new SimulatedMachine();
      const process = machine.process();
      const passed: string[] = [];
      machine.onFailpoint = (name, which) => {
        passed.push(name);
        which.crash();
      };
      let heard = false;
      const hear = (): void => {
        heard = true;
      };
      const call = { url, name: 'passFailpoint', argument: null };
      void process.platform.background.run(call).then(hear, hear);
      await machine.settle();
      expect([passed, heard, process.isAlive]).toEqual([['sort.written'], false, false]);
    });
  });

  test('a failpoint ends the process in the middle of what it does', async () => {
    const machine = new SimulatedMachine();
    const process = machine.process();
    machine.onFailpoint = (name, which) => {
      if (name === 'commit.written') which.crash();
    };
    process.platform.clock.soon(() => {
      write(process.platform, '/a', 'written');
      process.platform.failpoint('commit.locked');
      process.platform.failpoint('commit.written');
      write(process.platform, '/b', 'never');
    });
    await machine.settle();
    expect(process.isAlive).toBe(false);
    expect(machine.process().platform.files.list('/')).toEqual(['a']);
    expect(machine.powerCut(loseEverything).process().platform.files.list('/')).toEqual([]);
  });

  describe('a database', () => {
    test('is shared by processes, and keeps what was committed when they are killed', () => {
      const machine = new SimulatedMachine();
      const process = machine.process();
      const database = process.platform.openDatabase('/a.db', { durable: true });
      database.exec('CREATE TABLE t (x); INSERT INTO t VALUES (1)');
      expect(rows(machine.process().platform)).toEqual([1]);
      database.exec('BEGIN; INSERT INTO t VALUES (2)');
      process.kill();
      expect(() => database.exec('COMMIT')).toThrow('not open');
      expect(rows(machine.process().platform)).toEqual([1]);
    });

    test('keeps what was committed in a power cut, and the old machine too', () => {
      const machine = new SimulatedMachine();
      const { platform } = machine.process();
      const database = platform.openDatabase('/a.db', { durable: true });
      database.exec(
        'CREATE TABLE t (x); INSERT INTO t VALUES (1); BEGIN; INSERT INTO t VALUES (2)',
      );
      const restarted = machine.powerCut(loseEverything);
      restarted.process().platform.openDatabase('/a.db', { durable: true }).exec('DELETE FROM t');
      expect(rows(restarted.process().platform)).toEqual([]);
      expect(rows(machine.powerCut(loseNothing).process().platform)).toEqual([1]);
    });

    test('is lost with its directory, and is new after it was removed', () => {
      const machine = new SimulatedMachine();
      const { platform } = machine.process();
      platform.files.makeDirectory('/state');
      const open = (on: Platform): unknown[] =>
        on.openDatabase('/state/a.db', { durable: true }).prepare('PRAGMA table_list(t)').all();
      platform.openDatabase('/state/a.db', { durable: true }).exec('CREATE TABLE t (x)');
      expect(open(platform)).toHaveLength(1);
      expect(machine.powerCut(loseEverything).process().platform.files.exists('/state')).toBe(
        false,
      );
      const { files } = machine.process().platform;
      files.remove('/state/a.db');
      expect(open(machine.process().platform)).toHaveLength(0);
    });
  });

  test('goes on after a power cut with later time, other randomness, and no old process', () => {
    const machine = new SimulatedMachine({ startsAt: 1000 });
    const before = machine.process();
    const restarted = machine.powerCut(loseNothing);
    const process = restarted.process();
    expect(restarted.now()).toBeGreaterThan(1000);
    expect(process.pid).not.toBe(before.pid);
    expect(process.platform.process.isAlive(before.pid)).toBe(false);
  });
});

function write(platform: Platform, path: string, text: string): void {
  const file = platform.files.open(path, platform.files.exists(path) ? 'write' : 'create');
  file.write(new TextEncoder().encode(text), 0);
  file.close();
}

function rows(platform: Platform): unknown[] {
  const database = platform.openDatabase('/a.db', { durable: true });
  const found = database.prepare('SELECT x FROM t').pluck().all();
  database.close();
  return found;
}

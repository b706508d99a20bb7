/** What a program that appends and reads gets when the disk fails, is full, or the power goes. */
import { describe, expect, test } from 'vitest';
import { type Broker, type EmbeddedBrokerOptions, openBroker } from '../../src/broker/index.ts';
import { isMillraceError, type MillraceError } from '../../src/platform/index.ts';
import { appendOf, readAll } from '../contracts/broker.ts';
import { loseEverything } from '../support/choices.ts';
import { SimulatedMachine } from '../support/simulated-platform.ts';

const directory = '/data';
const t0 = { topic: 't', partition: 0 };
const log: EmbeddedBrokerOptions = { journalFileBytes: 64 * 1024, largeBytes: 8 * 1024 };
const journal = (path: string) => path.endsWith('.journal');

interface Opened {
  readonly machine: SimulatedMachine;
  readonly broker: Broker;
  kill(): void;
}

async function open(machine: SimulatedMachine = new SimulatedMachine()): Promise<Opened> {
  const process = machine.process();
  const broker = await machine.until(openBroker(process.platform, directory, log));
  if (broker.describeTopic('t') === undefined) await machine.until(broker.createTopic('t'));
  return { machine, broker, kill: () => process.kill() };
}

async function append({ machine, broker }: Opened, ...values: string[]): Promise<void> {
  await machine.until(broker.append([appendOf(t0, values)]));
}

async function failureOf(promise: Promise<unknown>): Promise<MillraceError> {
  const error: unknown = await promise.then(
    () => 'it succeeded',
    (reason) => reason,
  );
  if (isMillraceError(error)) return error;
  throw error;
}

/** What another process reads, perhaps after a power cut. */
async function readAgain(opened: Opened, powerCut: boolean): Promise<string[]> {
  opened.kill();
  const { machine } = opened;
  const next = await open(powerCut ? machine.powerCut(loseEverything) : machine);
  return readAll(next.broker, t0);
}

describe('a failed fdatasync of a commit', () => {
  test('leaves the outcome unknown, names file and remedy, and ends this broker', async () => {
    const opened = await open();
    await append(opened, 'acknowledged');
    opened.machine.files.failNext('sync', { path: journal });
    const failure = await failureOf(append(opened, 'unknown'));
    expect(failure).toMatchObject({ code: 'OUTCOME_UNKNOWN', retryable: false });
    expect(failure.message).toMatch(/^Syncing \/data\/journal\/1\.journal failed.*open it again/);
    const refusal = await failureOf(append(opened, 'after'));
    expect(refusal).toMatchObject({ code: 'IO', retryable: false });
    expect(refusal.message).toMatch(/1\.journal failed.*open it again/);
    expect((await failureOf(opened.broker.createTopic('u'))).code).toBe('IO');
  });

  test.each([true, false])(
    'is not tried again, and loses nothing acknowledged (power cut: %s)',
    async (powerCut) => {
      const opened = await open();
      await append(opened, 'acknowledged');
      let syncs = 0;
      opened.machine.files.failNext('sync', { path: journal });
      opened.machine.files.beforeOperation = (operation, path) => {
        if (operation === 'sync' && journal(path)) syncs++;
      };
      await failureOf(append(opened, 'unknown'));
      await failureOf(append(opened, 'after'));
      await opened.machine.advance(1000);
      expect(syncs).toBe(1);
      const records = await readAgain(opened, powerCut);
      expect(records.filter((record) => record !== 'unknown')).toEqual(['acknowledged']);
      expect(records.length).toBeLessThan(3);
    },
  );

  test.each([true, false])(
    'lets a producer with a sequence repeat without doubling (power cut: %s)',
    async (powerCut) => {
      const opened = await open();
      const send = (to: Opened) =>
        to.machine.until(to.broker.append([appendOf(t0, ['once'])], { id: 'p', sequence: 0 }));
      opened.machine.files.failNext('sync', { path: journal });
      await failureOf(send(opened));
      opened.kill();
      const next = await open(powerCut ? opened.machine.powerCut(loseEverything) : opened.machine);
      await send(next);
      expect(readAll(next.broker, t0)).toEqual(['once']);
    },
  );
});

describe('a full disk', () => {
  test.each([0, 1, 20, 700])(
    'after %d bytes of a commit: nothing of it is seen, and the next one goes on',
    async (shortWriteBytes) => {
      const opened = await open();
      await append(opened, 'before');
      opened.machine.files.failNext('write', {
        error: 'DISK_FULL',
        path: journal,
        shortWriteBytes,
      });
      const failure = await failureOf(append(opened, 'x'.repeat(900)));
      expect(failure).toMatchObject({ code: 'DISK_FULL', retryable: true });
      expect(failure.message).toContain("Can't write to /data/journal/1.journal: the disk is full");
      expect(readAll(opened.broker, t0)).toEqual(['before']);
      await append(opened, 'after');
      expect(readAll(opened.broker, t0)).toEqual(['before', 'after']);
      expect(await readAgain(opened, true)).toEqual(['before', 'after']);
    },
  );

  test('that is still full when the torn bytes are to be cleared may pass later', async () => {
    const opened = await open();
    const full = { error: 'DISK_FULL', path: journal } as const;
    opened.machine.files.failNext('write', { ...full, shortWriteBytes: 20 });
    opened.machine.files.failNext('write', full);
    expect((await failureOf(append(opened, 'first'))).code).toBe('DISK_FULL');
    expect((await failureOf(append(opened, 'second'))).code).toBe('DISK_FULL');
    await append(opened, 'third');
    expect(await readAgain(opened, false)).toEqual(['third']);
  });

  test.each([0, 5000])(
    'after %d bytes of a large append: the next one takes its place',
    async (shortWriteBytes) => {
      const opened = await open();
      const large = (letter: string) => letter.repeat(10_000);
      await append(opened, large('a'));
      const path = (name: string) => name.includes('/topics/');
      opened.machine.files.failNext('write', { error: 'DISK_FULL', path, shortWriteBytes });
      expect((await failureOf(append(opened, large('b')))).message).toContain('/large-1.log');
      await append(opened, large('c'));
      expect(await readAgain(opened, true)).toEqual([large('a'), large('c')]);
    },
  );

  test('that leaves no room for the mark takes nothing from a large append', async () => {
    const opened = await open();
    const large = (letter: string) => letter.repeat(10_000);
    const path = (name: string) => name.endsWith('/mark');
    opened.machine.files.failNext('write', { error: 'DISK_FULL', path });
    await append(opened, large('a'));
    await append(opened, large('b'));
    expect(readAll(opened.broker, t0)).toEqual([large('a'), large('b')]);
    expect(await readAgain(opened, true)).toEqual([large('a'), large('b')]);
  });
});

describe('an error of the disk', () => {
  test('when a record is read names the file, and is over when it can be read', async () => {
    const opened = await open();
    await append(opened, 'x'.repeat(10_000)); // in a segment, so not in memory
    opened.machine.files.failNext('read', { path: (name) => name.includes('/large-') });
    expect(() => readAll(opened.broker, t0)).toThrow("Can't read /data/topics/1-t/0/large-1.log");
    expect(readAll(opened.broker, t0)).toEqual(['x'.repeat(10_000)]);
  });

  test('at the heartbeat ends nothing: its tasks can be claimed once it is stale', async () => {
    const opened = await open();
    const other = await open(opened.machine);
    await opened.machine.until(opened.broker.claim('task'));
    opened.machine.files.beforeOperation = (operation, path) => {
      if (operation === 'open' && path.includes('/processes/'))
        opened.machine.files.failNext('open');
    };
    await opened.machine.advance(4000);
    const held = await failureOf(opened.machine.until(other.broker.claim('task')));
    expect(held.code).toBe('TASK_HELD');
    await opened.machine.advance(3000);
    await opened.machine.until(other.broker.claim('task'));
    await append(opened, 'still working');
    expect(readAll(opened.broker, t0)).toEqual(['still working']);
  });
});

describe('a power cut', () => {
  test.each(['/', '/data'])(
    'loses nothing of a directory whose maker was killed before it synced %s',
    async (path) => {
      const machine = new SimulatedMachine();
      const maker = machine.process();
      machine.files.beforeOperation = (operation, of) => {
        if (operation === 'syncDirectory' && of === path) maker.crash();
      };
      openBroker(maker.platform, directory, log).catch(() => {});
      await machine.settle();
      expect(maker.isAlive).toBe(false);
      machine.files.beforeOperation = () => {};
      const next = await open(machine);
      await append(next, 'acknowledged');
      expect(await readAgain(next, true)).toEqual(['acknowledged']);
    },
  );

  test('loses nothing where a full journal file came before the next one was ready', async () => {
    const opened = await open();
    const value = (letter: string) => letter.repeat(7000); // eight fill the file
    const letters = [...'abcdefghijkl'];
    const appended = letters.map((letter) => opened.broker.append([appendOf(t0, [value(letter)])]));
    await opened.machine.until(Promise.all(appended));
    expect(await readAgain(opened, true)).toEqual(letters.map(value));
  });

  test('loses nothing behind a journal file that a killed process had just named', async () => {
    const killed = await open();
    killed.machine.files.beforeOperation = (operation, path) => {
      if (operation !== 'syncDirectory' || path !== '/data/journal') return;
      killed.machine.files.beforeOperation = () => {};
      killed.kill();
    };
    const value = (i: number) => `${i} ${'x'.repeat(2000)}`;
    let acknowledged = 0;
    await fill(killed, 100, () => value(acknowledged++)).catch(() => {});
    const next = await open(killed.machine);
    const before = readAll(next.broker, t0);
    await fill(next, 15, (i) => value(before.length + i)); // rolls into the named file
    const expected = readAll(next.broker, t0);
    expect(expected).toEqual(Array.from(expected, (_, i) => value(i)));
    expect(expected.length).toBe(before.length + 15);
    expect(await readAgain(next, true)).toEqual(expected);
  });
});

async function fill(opened: Opened, count: number, value: (i: number) => string): Promise<void> {
  for (let i = 0; i < count; i++) {
    const limitMs = 200;
    const appended = opened.broker.append([appendOf(t0, [value(i)])]);
    await opened.machine.until(appended, 1, limitMs);
  }
}

/** Backups of a directory that is in use: what they hold, and what a crash or a failure leaves. */
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Broker, openBroker } from '../../src/broker/index.ts';
import {
  backupFailpoints,
  isMillraceError,
  nodePlatform,
  type Platform,
} from '../../src/platform/index.ts';
import { backup, run } from '../../src/runtime/index.ts';
import { appendOf, readAll } from '../contracts/broker.ts';
import {
  finishSession,
  makeReadings,
  outputsOf,
  type Session,
  smallEpochs,
  smallLog,
  startSession,
} from '../golden/pipeline.ts';
import { seededChoices } from '../support/choices.ts';
import { SimulatedMachine, type SimulatedProcess } from '../support/simulated-platform.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { appendsEach, counting, counts, records } from './peers.ts';
import { ended, start } from './processes.ts';

const input = makeReadings(220, 7);

async function startOn(machine: SimulatedMachine, directory: string): Promise<Session> {
  const { platform } = machine.process();
  return machine.until(startSession(platform, directory, input));
}

/** Runs the jobs of a directory to their end, on a machine of its own process. */
async function finishOn(machine: SimulatedMachine, directory: string) {
  return machine.until(finishSession(await startOn(machine, directory)), 1, 600_000);
}

function backUpOn(machine: SimulatedMachine, target: string) {
  const { platform } = machine.process();
  return machine.until(backup('/data', target, { platform }));
}

/** A platform on which each step of a backup takes long. */
function slow(platform: Platform): Platform {
  const wait = () => new Promise<void>((resolve) => platform.clock.after(40, resolve));
  return {
    ...platform,
    copyDatabase: (database, path) => wait().then(() => platform.copyDatabase(database, path)),
    background: {
      ...platform.background,
      run: (call) => wait().then(() => platform.background.run(call)),
    },
  };
}

let finished: Promise<Record<string, string[]>> | undefined;

/** The outputs of a run that nobody backs up. */
function expectedOutputs() {
  finished ??= finishOn(new SimulatedMachine(), '/data');
  return finished;
}

describe('a backup of a directory whose jobs run', () => {
  test.each([0, 40])('taken after %i ms is run to the same outputs as the original', async (ms) => {
    const machine = new SimulatedMachine();
    const session = await startOn(machine, '/data');
    await machine.advance(ms);
    const before = outputsOf(session.broker);
    const { files } = await backUpOn(machine, '/backups/a');
    expect(files).toBeGreaterThan(3);
    const copy = await machine.until(openBroker(machine.process().platform, '/backups/a'));
    for (const [partition, acknowledged] of Object.entries(before)) {
      expect(outputsOf(copy)[partition]?.slice(0, acknowledged.length)).toEqual(acknowledged);
    }
    await machine.until(copy.close());
    expect(await finishOn(machine, '/backups/a')).toEqual(await expectedOutputs());
    const original = await machine.until(finishSession(session), 1, 600_000);
    expect(original).toEqual(await expectedOutputs());
  });

  test('holds folded state, and nothing but what belongs to a directory', async () => {
    const machine = new SimulatedMachine();
    const session = await startOn(machine, '/data');
    await machine.advance(60);
    await backUpOn(machine, '/copy');
    const { files } = machine.process().platform;
    expect(files.list('/copy')).toEqual(
      ['catalogue.db', 'journal', 'millrace.json', 'processes', 'state', 'topics'].sort(),
    );
    expect(files.list('/copy/state')).toEqual(['sensors', 'windows']);
    expect(files.list('/copy/topics').length).toBeGreaterThan(0);
    await machine.until(finishSession(session), 1, 600_000);
  });

  test('is pinned and cut again where a fold finished in between', async () => {
    const machine = new SimulatedMachine();
    const session = await startOn(machine, '/data');
    await machine.advance(200);
    const { platform } = machine.process();
    let looks = 0;
    const list = platform.files.list.bind(platform.files);
    // At first it finds the state as it was before anything was folded.
    platform.files.list = (path) => (path === '/data/state' && ++looks === 1 ? [] : list(path));
    await machine.until(backup('/data', '/copy', { platform }));
    expect(looks).toBe(2);
    await machine.until(finishSession(session), 1, 600_000);
    expect(await finishOn(machine, '/copy')).toEqual(await expectedOutputs());

    platform.files.list = (path) => (path === '/data/state' ? [] : list(path));
    const never = machine.until(backup('/data', '/other', { platform }));
    await expect(never).rejects.toMatchObject({ code: 'FILE_MISMATCH' });
    expect(list('/other')).toEqual([]);
  });

  test('is not disturbed by what is folded, sorted and removed while it is made', async () => {
    const machine = new SimulatedMachine();
    const { platform } = machine.process();
    const broker = await machine.until(openBroker(platform, '/data', smallLog));
    await machine.until(broker.createTopic(records.topic));
    const runAt = (at: Broker, stateDirectory: string, on: Platform) =>
      machine.until(run(counting, { broker: at, stateDirectory, platform: on, ...smallEpochs }));
    const handle = await runAt(broker, '/data', platform);
    let isFeeding = true;
    const feed = async () => {
      while (isFeeding) {
        await broker.append([appendOf(records, ['x'.repeat(500)])]);
        await new Promise<void>((resolve) => platform.clock.after(1, resolve));
      }
    };
    const feeding = feed();
    await machine.advance(20);
    const journal = platform.files.list('/data/journal');
    await machine.until(backup('/data', '/copy', { platform: slow(machine.process().platform) }));
    await machine.advance(100);
    isFeeding = false;
    await machine.until(feeding);
    await machine.until(handle.stop());
    expect(journal.filter((name) => platform.files.exists(`/data/journal/${name}`))).toEqual([
      'mark', // all others are sorted and gone
    ]);

    const there = machine.process().platform;
    const copy = await machine.until(openBroker(there, '/copy', smallLog));
    const held = readAll(copy, records).length;
    expect(held).toBeLessThan(broker.endOf(records));
    const counter = await runAt(copy, '/copy', there);
    await machine.until(counter.stop({ drain: true }));
    expect(readAll(copy, counts)).toEqual(Array.from({ length: held }, (_, i) => `${i + 1}`));
  });

  test('holds all of a catalogue that was stored in part', async () => {
    const machine = new SimulatedMachine();
    const open = (directory: string) =>
      machine.until(openBroker(machine.process().platform, directory));
    const broker = await open('/data');
    await machine.until(broker.createTopic(records.topic));
    const values = Array.from({ length: 1100 }, (_, i) => `${i}`);
    for (const value of values) await machine.until(broker.append([appendOf(records, [value])]));
    await machine.until(broker.close()); // which stores it: 1,024 ranges to a row
    await backUpOn(machine, '/copy');
    expect(readAll(await open('/copy'), records)).toEqual(values);
  });

  test('ends where it began: what is committed later is not in it', async () => {
    const machine = new SimulatedMachine();
    const { platform } = machine.process();
    const broker = await machine.until(openBroker(platform, '/data', smallLog));
    await machine.until(broker.createTopic(records.topic));
    await machine.until(broker.append([appendOf(records, ['before', 'x'.repeat(5000)])]));
    let during = 0;
    machine.onFailpoint = (name) => {
      if (!name.startsWith('backup.')) return;
      broker.append([appendOf(records, [`during ${during++}`, 'y'.repeat(5000)])]).catch(() => {});
    };
    await backUpOn(machine, '/copy');
    machine.onFailpoint = () => {};
    expect(during).toBeGreaterThan(3);
    const copy = await machine.until(openBroker(machine.process().platform, '/copy', smallLog));
    const held = readAll(copy, records);
    expect(held).toEqual(readAll(broker, records).slice(0, held.length));
    expect(held.length).toBeGreaterThanOrEqual(2);
    expect(held.length).toBeLessThan(readAll(broker, records).length);
    await machine.until(copy.append([appendOf(records, ['of the copy'])]));
    expect(readAll(copy, records)).toEqual([...held, 'of the copy']);
  });
});

describe.each(backupFailpoints)('a crash of a backup at %s', (failpoint) => {
  test.each(['kill', 'power cut'] as const)(
    'by a %s leaves the original whole, and the target whole or refused',
    async (fault) => {
      const machine = new SimulatedMachine();
      await startOn(machine, '/data');
      await machine.advance(40);
      const process = machine.process();
      machine.onFailpoint = (name, of) => {
        if (name === failpoint && of === process) process.crash();
      };
      const attempt = backup('/data', '/copy', { platform: process.platform });
      attempt.catch(() => {});
      await untilDead(machine, process);
      machine.onFailpoint = () => {};
      const next = fault === 'kill' ? machine : machine.powerCut(seededChoices(5));
      if (failpoint === 'backup.completed') {
        expect(await finishOn(next, '/copy')).toEqual(await expectedOutputs());
      } else {
        await expect(
          next.until(openBroker(next.process().platform, '/copy')),
        ).rejects.toMatchObject({
          code: 'DIRECTORY',
          message: expect.stringMatching(/\/copy holds a backup that was not finished. Remove/),
        });
        await expect(backUpOn(next, '/copy')).rejects.toThrow(/\/copy is not empty/);
      }
      await backUpOn(next, '/second'); // the lock of the dead process is free
      const whole = fault === 'kill' ? '/second' : '/data';
      expect(await finishOn(next, whole)).toEqual(await expectedOutputs());
    },
  );
});

async function untilDead(machine: SimulatedMachine, process: SimulatedProcess): Promise<void> {
  for (let ms = 0; ms < 5000 && process.isAlive; ms++) await machine.advance(1);
  expect(process.isAlive).toBe(false);
}

test('a power cut at any file operation leaves a target that is whole or refused', async () => {
  const outcomes = new Set<string>();
  for (let operations = 1; !outcomes.has('finished'); operations += 7) {
    const machine = new SimulatedMachine({ seed: operations });
    const broker = await machine.until(openBroker(machine.process().platform, '/data', smallLog));
    await machine.until(broker.createTopic(records.topic));
    await machine.until(broker.append([appendOf(records, ['acknowledged', 'x'.repeat(5000)])]));
    const process = machine.process();
    let left = operations;
    machine.files.beforeOperation = (_, path) => {
      if (path.startsWith('/copy') && --left === 0) process.crash();
    };
    await machine.until(
      Promise.race([
        backup('/data', '/copy', { platform: process.platform }).catch(() => {}),
        machine.advance(500),
      ]),
    );
    machine.files.beforeOperation = () => {};
    if (process.isAlive) outcomes.add('finished');
    const next = machine.powerCut(seededChoices(operations));
    const opened = openBroker(next.process().platform, '/copy', { create: false });
    const held = await next.until(opened).then(
      (copy) => readAll(copy, records)[0],
      (error: unknown) => (isMillraceError(error) ? error.code : String(error)),
    );
    outcomes.add(String(held));
  }
  expect([...outcomes].sort()).toEqual(['DIRECTORY', 'acknowledged', 'finished']);
});

describe('a failure', () => {
  const failing = async (
    fault: (machine: SimulatedMachine) => void | Promise<void>,
    target = '/copy',
  ) => {
    const machine = new SimulatedMachine();
    const session = await startOn(machine, '/data');
    await machine.advance(40);
    await fault(machine);
    const { platform } = machine.process();
    const error = await machine
      .until(backup('/data', target, { platform, lockTimeoutMs: 50 }))
      .catch((thrown: unknown) => thrown);
    return { machine, session, platform, error };
  };

  test.each(['journal', 'catalogue', 'segment'] as const)(
    'of the disk leaves the target empty, and the next backup succeeds (%s)',
    async (what) => {
      const part = { journal: '/copy/journal/', catalogue: '/copy/mill', segment: '/copy/topics/' };
      const { machine, session, platform, error } = await failing(({ files }) =>
        files.failNext('write', {
          error: 'DISK_FULL',
          path: (path) => path.startsWith(part[what]),
        }),
      );
      expect(error).toMatchObject({ message: expect.stringMatching(/\/copy.*the disk is full/) });
      expect(platform.files.list('/copy')).toEqual([]);
      await backUpOn(machine, '/copy');
      await machine.until(finishSession(session), 1, 600_000);
      expect(await finishOn(machine, '/copy')).toEqual(await expectedOutputs());
    },
  );

  test('because another backup is under way says so', async () => {
    const { error } = await failing(async (machine) => {
      const lock = machine.process().platform.openLock('/data/housekeeping.db');
      while (!lock.tryAcquire()) await machine.advance(1);
    });
    expect(error).toMatchObject({ code: 'LOCK_TIMEOUT', retryable: true });
    expect(error).toMatchObject({ message: expect.stringMatching(/\/data.*a backup/) });
  });

  test('for want of data, or of an empty target, names the path', async () => {
    const { error, platform } = await failing(({ files }) => {
      files.process().makeDirectory('/full/of');
    }, '/full');
    expect(error).toMatchObject({ code: 'DIRECTORY' });
    expect(error).toMatchObject({ message: expect.stringMatching(/\/full is not empty. Choose/) });
    await expect(backup('/nothing', '/copy', { platform })).rejects.toThrow(
      /no Millrace data in \/nothing/,
    );
    expect(platform.files.list('/full')).toEqual(['of']);
  });
});

describe('on a real disk', () => {
  const atDisk = async () => {
    const parent = temporaryDirectory();
    const directory = `${parent}/data`;
    const platform = nodePlatform();
    const log = { durability: 'process', ...smallLog } as const;
    const open = (at: string): Promise<Broker> => openBroker(platform, at, log);
    const runAt = (broker: Broker, stateDirectory: string) =>
      run(counting, { broker, stateDirectory, platform, ...smallEpochs, durability: 'process' });
    onTestFinished(() => platform.background.close());
    return { parent, directory, open, runAt };
  };

  test('backups beside a job and a process that commits hold what was acknowledged', async () => {
    const { parent, directory, open, runAt } = await atDisk();
    const broker = await open(directory);
    await broker.createTopic(records.topic);
    const handle = await runAt(broker, directory);
    const child = start('peer.ts', directory, 'append', 'a');
    onTestFinished(() => void child.kill('SIGKILL'));
    let isOpen = () => {};
    const opened = new Promise<void>((resolve) => {
      isOpen = resolve;
    });
    const end = ended(child, isOpen);
    await opened;
    child.stdin?.write('go\n');
    const copies: { readonly target: string; readonly acknowledged: number }[] = [];
    for (let i = 0; i < 3; i++) {
      const acknowledged = broker.endOf(records);
      const target = `${parent}/copy-${i}`;
      copies.push({ target, acknowledged });
      await backup(directory, target);
    }
    await end;
    await handle.stop();
    const all = readAll(broker, records);
    expect(all).toHaveLength(appendsEach);
    await broker.close();

    for (const { target, acknowledged } of copies) {
      const copy = await open(target);
      const held = readAll(copy, records);
      expect(held).toEqual(all.slice(0, held.length));
      expect(held.length).toBeGreaterThanOrEqual(acknowledged);
      const counter = await runAt(copy, target);
      await copy.append([appendOf(records, ['of the copy'])]);
      await counter.stop({ drain: true });
      const numbers = Array.from({ length: held.length + 1 }, (_, n) => `${n + 1}`);
      expect(readAll(copy, counts)).toEqual(numbers);
      await copy.close();
    }
  });
});

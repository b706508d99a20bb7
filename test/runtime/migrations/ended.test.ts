/**
 * What ends a migration before it is done, and what others see of it meanwhile: the state stays as
 * it was, as a whole, and a job of the old version goes on with it.
 */
import { describe, expect, test } from 'vitest';
import type { Broker } from '../../../src/broker/index.ts';
import type { Failpoint, Platform } from '../../../src/platform/index.ts';
import {
  dropState,
  type Job,
  type JobHandle,
  type RunOptions,
} from '../../../src/runtime/index.ts';
import { readAll } from '../../support/operator-harness.ts';
import type { SimulatedMachine, SimulatedProcess } from '../../support/simulated-platform.ts';
import { directoryOfVersion1, openLog, send, startJob, stateIn } from './migrated-directory.ts';
import { askingPage, type Spoil, told, versionedJob } from './versioned-job.ts';

const users = 20;
const newest = versionedJob(3);

/** Nothing is folded as long as nobody asks for it. */
const unfolded: RunOptions = { foldIntervalMs: 1e9, unfoldedBytesMax: 1e9 };

/** One process that has the directory open, until it is closed. */
class Session {
  readonly machine: SimulatedMachine;
  readonly process: SimulatedProcess;
  readonly broker: Broker;

  private constructor(machine: SimulatedMachine, process: SimulatedProcess, broker: Broker) {
    this.machine = machine;
    this.process = process;
    this.broker = broker;
  }

  static async open(machine: SimulatedMachine): Promise<Session> {
    const process = machine.process();
    return new Session(machine, process, await machine.until(openLog(process)));
  }

  start(job: Job, options: RunOptions = {}): Promise<JobHandle> {
    return startJob(job, this.broker, this.process, options);
  }

  /** Starts the job, and waits until it is migrated. */
  async run(job: Job, options: RunOptions = {}): Promise<JobHandle> {
    const handle = await this.start(job, options);
    while (handle.status().state === 'starting') await this.machine.advance(1);
    return handle;
  }

  /** What a user is told, who asks. */
  async ask(user: string, at: number): Promise<unknown> {
    await this.machine.until(send(this.broker, [{ user, page: askingPage, at }]));
    await this.machine.settle();
    return readAll(this.broker, told, 0).at(-1)?.value;
  }

  /** One column of what the state file has as of the last fold. */
  inFile(sql: string): unknown[] {
    const path = '/data/state/versioned/versioned-0.db';
    const database = this.process.platform.openDatabase(path, { durable: false });
    const values = database.prepare(sql).pluck().all();
    database.close();
    return values;
  }

  close(): Promise<void> {
    return this.machine.until(this.broker.close());
  }
}

/** What makes the job fail as it starts. */
async function failureOf(session: Session, job: Job, options: RunOptions = {}): Promise<Error> {
  const handle = await session.start(job, options);
  const failure = handle.done.then(
    () => new Error('it was migrated'),
    (error: Error) => error,
  );
  return session.machine.until(failure);
}

const of = (spoiled: string, spoil: (value: unknown) => unknown): Spoil => {
  return (part, value) => (part === spoiled ? spoil(value) : value);
};

const unlucky = (value: unknown) => {
  if (value === 13) throw new Error('an unlucky number');
  return value;
};

const wrong: [string, Spoil, string, RegExp][] = [
  [
    'that throws',
    of('number', unlucky),
    'USER_FUNCTION',
    /^State "kept\/last": version 1 of a value can't be brought to version 2: an unlucky number \(key "u13"\)\. Nothing was changed, and a job with version 1 goes on\. Correct that step of versions\(\)/,
  ],
  [
    'of keys that throws',
    of('user', (user) => {
      if (user === 'u13') throw new Error('a bad name');
      return user;
    }),
    'USER_FUNCTION',
    /^State "\S+": version 1 of a key can't be brought to version 2: a bad name \(key "u13"/,
  ],
  [
    'of items that throws',
    of('page', () => {
      throw new Error('gone');
    }),
    'USER_FUNCTION',
    /^State "kept\/pages": version 1 of an item can't be brought to version 2: gone \(key "u\d+", item home\)/,
  ],
  [
    'to what the codec refuses',
    of('number', (n) => (n === 13 ? undefined : n)),
    'ENCODE',
    /^State "kept\/last": version 1 of a value can't be brought to version 2: JSON would not give .*\$\.n is undefined/,
  ],
  [
    'that makes one key of two',
    of('user', (user) => (user === 'u13' || user === 'u7' ? 'both' : user)),
    'USER_FUNCTION',
    /two keys would become one: "u\d+" and "u\d+" of version 1 are both 0x23626f7468 in version 3\. Nothing was/,
  ],
];

wrong.push([
  'that makes one item of two',
  of('page', () => 'both'),
  'USER_FUNCTION',
  /^State "kept\/pages": two items would become one: (home and shop|shop and home) of version 1 are both htob in/,
]);

describe.each(wrong)('a migration %s', (_, spoil, code, says) => {
  test('is refused; a job of the old version goes on, and the corrected one later', async () => {
    const machine = await directoryOfVersion1(users);
    const before = await stateIn(machine);
    const session = await Session.open(machine);
    for (let attempt = 0; attempt < 2; attempt++) {
      const failure = await failureOf(session, versionedJob(3, spoil));
      expect(failure).toMatchObject({ code, message: expect.stringMatching(says) });
      expect(await stateIn(machine)).toEqual(before);
    }
    const old = await session.run(versionedJob(1));
    expect(await session.ask('u13', 40)).toBe('u13 2 times, last 40, most 40: 13,40; home=13');
    await machine.advance(1000);
    expect(session.inFile('SELECT count(*) FROM stores WHERE replaces IS NOT NULL')).toEqual([0]);
    await machine.until(old.stop());
    await session.run(newest);
    expect(await session.ask('u13', 50)).toBe('u13 3 times, last 50, most 50: 13,40,50; home=13');
    await session.close();
  });
});

describe('a migration under way', () => {
  /** Calls `then` when the job passes the step for the n-th time; says how often it has passed it. */
  function at(session: Session, step: Failpoint, n: number, then: () => void): () => number {
    let passed = 0;
    session.machine.onFailpoint = (name) => {
      if (name === step && ++passed === n) then();
    };
    return () => passed;
  }

  test('says how far it is', async () => {
    const session = await Session.open(await directoryOfVersion1(users));
    const said = new Set<string>();
    const handle = await session.start(newest);
    session.machine.onFailpoint = (name) => {
      const { state, waitingFor } = handle.status();
      if (name.startsWith('migration')) said.add(`${state}: ${waitingFor}`);
    };
    while (handle.status().state === 'starting') await session.machine.advance(1);
    const texts = [...said].join('\n');
    expect(texts).toMatch(/^starting: migration: what is not folded yet is folded first\n/);
    expect(texts).toMatch(/state "kept\/count" \(1 of \d+\), 0 %, 0 entries\n/);
    expect(texts).toMatch(/windows" \((\d+) of \1\), \d+ %, 20 entries$/);
    expect(handle.status()).toMatchObject({ state: 'running', waitingFor: undefined });
    await session.close();
  });

  test('ends with the portion when the job is stopped, and begins anew', async () => {
    const session = await Session.open(await directoryOfVersion1(users));
    const before = await stateIn(session.machine);
    const handle = await session.start(newest);
    const passed = at(session, 'migration.committed', 3, () => void handle.stop());
    await session.machine.until(handle.done);
    expect([passed(), handle.status().state]).toEqual([3, 'stopped']);
    expect(await stateIn(session.machine)).toEqual(before);
    await session.run(newest);
    expect(await session.ask('u3', 40)).toBe('u3 2 times, last 40, most 40: 3,40; home=3');
    await session.close();
  });

  test('goes on where the job is to drain', async () => {
    const session = await Session.open(await directoryOfVersion1(users));
    const handle = await session.start(newest);
    at(session, 'migration.committed', 3, () => void handle.stop({ drain: true }));
    await session.machine.until(handle.done);
    const values = readAll(session.broker, told, 0).map(({ value }) => value);
    expect(values.filter((text) => String(text).endsWith('window 1'))).toHaveLength(users - 1);
    await session.close();
  });

  test('is fenced off by another process, which does it anew', async () => {
    const first = await Session.open(await directoryOfVersion1(users));
    const zombie = await first.start(newest);
    const passed = at(first, 'migration.committed', 4, () => first.process.stop());
    while (passed() < 4) await first.machine.advance(1);
    const second = await Session.open(first.machine);
    await second.run(newest);
    const after = await stateIn(first.machine);
    expect(after['kept/count']?.versions).toBe('3 3 1');
    first.process.resume();
    await first.machine.advance(100);
    expect(zombie.status()).toMatchObject({ state: 'failed', error: { code: 'FENCED' } });
    expect(await stateIn(first.machine)).toEqual(after);
    await second.close();
  });

  test('is fenced off while it waits for folding too', async () => {
    const first = await Session.open(await directoryOfVersion1(users, unfolded));
    const zombie = await first.start(newest);
    const passed = at(first, 'fold.begun', 1, () => first.process.stop());
    while (passed() < 1) await first.machine.advance(1);
    const second = await Session.open(first.machine);
    await second.run(newest);
    first.process.resume();
    await first.machine.advance(100);
    expect(zombie.status()).toMatchObject({ state: 'failed', error: { code: 'FENCED' } });
    await second.close();
  });

  test('has all state, also what was not folded', async () => {
    const session = await Session.open(await directoryOfVersion1(users, unfolded));
    expect(session.inFile('SELECT count(*) FROM entries')).toEqual([0]);
    await session.run(newest, unfolded);
    expect(await session.ask('u5', 40)).toBe('u5 2 times, last 40, most 40: 5,40; home=5');
    await session.close();
  });

  test('is seen by nobody', async () => {
    const session = await Session.open(await directoryOfVersion1(users));
    const { machine } = session;
    const before = await stateIn(machine);
    await session.start(newest);
    at(session, 'migration.committed', 9, () => session.process.kill());
    while (session.process.isAlive) await machine.advance(1);
    expect(await stateIn(machine)).toEqual(before);
    const { platform } = machine.process();
    const dropped = await machine.until(dropState('/data', 'kept/all', { platform }));
    expect(dropped).toEqual([
      'kept/all',
      'kept/all/event adopted',
      'kept/all/event checks',
      'kept/all/event own checks',
      'kept/all/event written',
    ]);
    const again = await Session.open(machine);
    await again.run(newest);
    expect(await again.ask('u5', 40)).toBe('u5 2 times, last 40, most 40: 40; home=5');
    await again.close();
  });

  test('waits for folding, also where that fails for a while', async () => {
    const session = await Session.open(await directoryOfVersion1(users));
    const failure = new Error('no disk today');
    let folds = 0;
    const failing: Platform = {
      ...session.process.platform,
      background: {
        ...session.process.platform.background,
        run: (call) =>
          call.name === 'foldChangelog' && ++folds <= 2
            ? Promise.reject(failure)
            : session.process.platform.background.run(call),
      },
    };
    const options = { platform: failing, foldIntervalMs: 1000, unfoldedBytesMax: 1000 };
    const handle = await session.start(newest, options);
    await session.machine.advance(500);
    expect([folds, handle.status().state]).toEqual([1, 'starting']);
    await session.machine.advance(1000);
    expect([folds, handle.status().state]).toEqual([2, 'starting']);
    await session.machine.advance(3000);
    expect(handle.status().state).toBe('running');
    expect(new Set(handle.errors)).toEqual(new Set([failure]));
    expect(folds).toBeGreaterThan(10);
    await session.close();
  });
});

test('migrations that fail again and again do not use the numbers of stores up', async () => {
  const session = await Session.open(await directoryOfVersion1(users));
  const failing = versionedJob(3, of('number', unlucky));
  const folding = { unfoldedBytesMax: 1000 }; // what fails is folded by then
  for (let attempt = 0; attempt < 5; attempt++) await failureOf(session, failing, folding);
  await session.run(newest);
  await session.machine.advance(1000); // folded
  const numbers = session.inFile('SELECT number FROM stores').map(Number);
  expect(Math.max(...numbers)).toBeLessThanOrEqual(2 * numbers.length);
  await session.close();
});

test('a job that does not fit for another reason is refused before it migrates', async () => {
  const session = await Session.open(await directoryOfVersion1(users));
  const before = await stateIn(session.machine);
  const nodes = newest.graph.nodes.map((node) =>
    node.kind === 'window' ? { ...node, assigner: { ...node.assigner, sizeMs: 7 } } : node,
  );
  const other = { ...newest, graph: { ...newest.graph, nodes } };
  let passed = 0;
  session.machine.onFailpoint = (name) => {
    if (name.startsWith('migration')) passed++;
  };
  const failure = await failureOf(session, other);
  expect(failure).toMatchObject({ code: 'STATE_MISMATCH' });
  expect(failure.message).toContain(
    'state "window-of-visits-keyed-1/windows" has the shape tumbling 1000000 ms, offset 0 ms, ' +
      '{who: first, n: count} on disk and tumbling 7 ms, offset 0 ms',
  );
  expect(passed).toBe(0);
  expect(await stateIn(session.machine)).toEqual(before);
  await session.close();
});

test('a job of an older version is refused', async () => {
  const session = await Session.open(await directoryOfVersion1(users));
  const second = await session.run(versionedJob(2));
  await session.machine.until(second.stop());
  const { message } = await failureOf(session, versionedJob(1));
  expect(message).toContain(
    'state "kept/count" has version 2 of its values on disk, which a newer job wrote: this one ' +
      'knows version 1',
  );
  expect(message).toContain('state "kept/event timers" has version 2 of its keys on disk, which');
  expect(message).toContain('state "kept/pages" has version 2 of its items on disk, which');
  await session.close();
});

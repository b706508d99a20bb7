/** Real processes at one directory: they commit and read at once, are stopped, killed, fenced. */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Broker, type EmbeddedBrokerOptions, openBroker } from '../../src/broker/index.ts';
import { nodePlatform } from '../../src/platform/index.ts';
import { type JobHandle, type RunOptions, run } from '../../src/runtime/index.ts';
import { appendOf, readAll } from '../contracts/broker.ts';
import { loseEverything } from '../support/choices.ts';
import { SimulatedMachine } from '../support/simulated-platform.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { appendsEach, counting, counts, records } from './peers.ts';
import { ended, start } from './processes.ts';

/** The directory of a test, opened by the test's own process. */
async function openHere(options: EmbeddedBrokerOptions = {}): Promise<{
  directory: string;
  broker: Broker;
  runHere(options?: RunOptions): Promise<JobHandle>;
}> {
  const directory = temporaryDirectory();
  const platform = nodePlatform();
  const broker = await openBroker(platform, directory, { durability: 'process', ...options });
  await broker.createTopic(records.topic);
  onTestFinished(async () => {
    await broker.close();
    await platform.background.close();
  });
  const runHere = (more: RunOptions = {}) =>
    run(counting, { broker, stateDirectory: directory, platform, ...more });
  return { directory, broker, runHere };
}

/** A process that says things: `said` resolves when it has said a line. */
function peer(...args: readonly string[]) {
  const child = start('peer.ts', ...args);
  const heard: string[] = [];
  let listen = () => {};
  const end = ended(child, (line) => {
    heard.push(...line.split('\n'));
    listen();
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
    return end.then(
      () => {},
      () => {},
    );
  });
  const said = (line: string) =>
    new Promise<void>((resolve) => {
      listen = () => {
        if (heard.includes(line)) resolve();
      };
      listen();
    });
  return { child, end, said };
}

/** Resolves when a partition has so many records, woken by the broker alone. */
async function until(broker: Broker, target: typeof records, count: number): Promise<void> {
  const reached = () =>
    broker.describeTopic(target.topic) !== undefined && broker.endOf(target) >= count;
  if (reached()) return;
  await new Promise<void>((resolve) => {
    const subscription = broker.subscribe(() => {
      if (!reached()) return;
      subscription.close();
      resolve();
    });
  });
}

describe('two processes that commit at once', () => {
  test('wake a reader in a third one, which sees each record once and in order', async () => {
    const { directory, broker } = await openHere({ pollMs: 3_600_000 }); // the watch alone wakes it
    const peers = ['a', 'b'].map((name) => peer(directory, 'race', name));
    await Promise.all(peers.map(({ said }) => said('open')));
    for (const { child } of peers) child.stdin?.write('go\n');
    await until(broker, records, 2 * appendsEach);
    await Promise.all(peers.map(({ end }) => end));
    const values = readAll(broker, records);
    for (const name of ['a', 'b']) {
      const own = values.filter((value) => value.startsWith(name));
      expect(own).toEqual(Array.from({ length: appendsEach }, (_, i) => `${name} ${i}`));
    }
    expect(values).toHaveLength(2 * appendsEach);
    const turns = values.filter((value, i) => i > 0 && value[0] !== values[i - 1]?.[0]);
    expect(turns.length).toBeGreaterThan(4); // neither waits until the other one has finished
  });
});

describe('what another process wrote and died before it synced', () => {
  test.each(['written', 'synced'] as const)(
    'is still there after a power cut where a reader has seen it (died when %s)',
    async (step) => {
      const machine = new SimulatedMachine();
      const open = (at: SimulatedMachine) =>
        at.until(openBroker(at.process().platform, '/data', { sealAfterMs: 3_600_000 }));
      const reader = await open(machine);
      await machine.until(reader.createTopic(records.topic));
      const writer = machine.process();
      const writing = await machine.until(openBroker(writer.platform, '/data'));
      machine.onFailpoint = (name, process) => {
        if (name === `commit.${step}` && process.pid === writer.pid) process.crash();
      };
      writing.append([appendOf(records, ['unacknowledged'])]).catch(() => {});
      await machine.advance(1000);
      expect(writer.isAlive).toBe(false);
      machine.onFailpoint = () => {};
      expect(readAll(reader, records)).toEqual([]); // nobody has said that it is durable
      expect(readAll(await open(machine), records)).toEqual(['unacknowledged']);
      const after = await open(machine.powerCut(loseEverything));
      expect(readAll(after, records)).toEqual(['unacknowledged']);
    },
  );
});

describe('while a process that was stopped at', () => {
  test.each(['commit.locked', 'commit.written', 'commit.synced'])(
    '%s holds the lock, readers go on and appends time out; then nothing is lost',
    async (step) => {
      const { directory, broker } = await openHere({ lockTimeoutMs: 200 });
      const { child, end, said } = peer(directory, 'stop', step);
      await said('ready');
      await until(broker, records, 1);
      child.stdin?.write('go\n');
      await said('stopping');

      expect(readAll(broker, records)).toEqual(['before']);
      const refused = broker.append([appendOf(records, ['refused'])]);
      await expect(refused).rejects.toMatchObject({ code: 'LOCK_TIMEOUT', retryable: true });
      await expect(refused).rejects.toThrow(/kept .* lock .* Nothing was written.*SIGCONT/);
      const platform = nodePlatform();
      const newcomer = await openBroker(platform, directory, { durability: 'process' });
      expect(readAll(newcomer, records)[0]).toBe('before');

      child.kill('SIGCONT');
      const waited = broker.append([appendOf(records, ['after'])]);
      await end;
      await waited;
      const all = readAll(broker, records);
      expect(all.toSorted()).toEqual(['after', 'before', 'during']);
      await until(newcomer, records, 3);
      expect(readAll(newcomer, records)).toEqual(all);
      await newcomer.close();
      await platform.background.close();
    },
  );
});

describe('a job that another process runs', () => {
  const one = [appendOf(records, ['x'])];
  const numbers = (count: number) => Array.from({ length: count }, (_, i) => `${i + 1}`);

  test('is refused; taken over, it goes on, and nothing of the loser is seen', async () => {
    const { directory, broker, runHere } = await openHere();
    const first = peer(directory, 'job');
    await first.said('running');
    await broker.append(one);
    await until(broker, counts, 1);

    const refused = await runHere();
    await expect(refused.done).rejects.toMatchObject({ code: 'TASK_HELD' });
    await expect(refused.done).rejects.toThrow(
      new RegExp(`process ${first.child.pid} .*alive.*Stop it first.*--take-over`),
    );
    await broker.append(one);
    await until(broker, counts, 2); // the holder was not disturbed

    const second = await runHere({ takeOver: true });
    for (let i = 0; i < 20; i++) await broker.append(one);
    await first.said('FENCED');
    await first.end;
    await until(broker, counts, 22);
    expect(readAll(broker, counts)).toEqual(numbers(22));
    await second.stop();
  });

  test('goes on in another process at once when that one was killed', async () => {
    const { directory, broker, runHere } = await openHere();
    const first = peer(directory, 'job');
    await first.said('running');
    await broker.append(one);
    await until(broker, counts, 1);
    first.child.kill('SIGKILL');
    await first.end;
    const second = await runHere();
    await broker.append(one);
    await until(broker, counts, 2);
    expect(readAll(broker, counts)).toEqual(numbers(2));
    expect(second.errors).toEqual([]);
    await second.stop();
  });

  test('is fenced off when it was stopped, taken over, and wakes', async () => {
    const { directory, broker, runHere } = await openHere();
    const first = peer(directory, 'job');
    await first.said('running');
    await broker.append(one);
    await until(broker, counts, 1);
    first.child.stdin?.write('stop\n');
    await first.said('stopping');
    await stopped(first.child.pid);
    const second = await runHere({ takeOver: true });
    await broker.append(one);
    await until(broker, counts, 2);
    first.child.kill('SIGCONT');
    await broker.append(one);
    await first.said('FENCED');
    await first.end;
    await until(broker, counts, 3);
    expect(readAll(broker, counts)).toEqual(numbers(3));
    await second.stop();
  });
});

/** Until the process that is about to stop itself has; where the system does not tell, at once. */
async function stopped(pid: number | undefined): Promise<void> {
  const stat = `/proc/${pid}/stat`;
  while (existsSync(stat) && !/\) T/.test(readFileSync(stat, 'utf8'))) {
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

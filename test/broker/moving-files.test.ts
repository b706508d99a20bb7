/** Files that another process, or a crash, moves on while this process relies on them. */
import { expect, test } from 'vitest';
import { loadCatalogue } from '../../src/broker/catalogue-store.ts';
import { EmbeddedStore } from '../../src/broker/embedded-store.ts';
import { FairLock } from '../../src/broker/fair-lock.ts';
import { type Broker, openBroker } from '../../src/broker/index.ts';
import { Mark } from '../../src/broker/mark.ts';
import { appendOf, codeOf, readAll } from '../contracts/broker.ts';
import { SimulatedMachine } from '../support/simulated-platform.ts';

const t0 = { topic: 't', partition: 0 };
/** Each process has its own view of the others' entries: no watch, and no poll. */
const options = {
  journalFileBytes: 16 * 1024,
  largeBytes: 1024 * 1024,
  recentBytesMax: 0,
  pollMs: 3_600_000,
  sealAfterMs: 3_600_000,
};
const value = (i: number) => `${i} ${'x'.repeat(5000)}`;
const values = (count: number) => Array.from({ length: count }, (_, i) => value(i));

function open(
  machine: SimulatedMachine,
  process = machine.process(),
  own: { readonly pollMs?: number } = {},
): Promise<Broker> {
  return machine.until(openBroker(process.platform, '/data', { ...options, ...own }));
}

/** Two or three values fill a journal file. */
async function appendValues(machine: SimulatedMachine, broker: Broker, from: number, to: number) {
  for (let i = from; i < to; i++) await machine.until(broker.append([appendOf(t0, [value(i)])]));
}

test('an entry that could not be written behind a roll takes nothing else with it', async () => {
  const machine = new SimulatedMachine();
  const broker = await open(machine);
  await machine.until(broker.createTopic('t'));
  machine.onFailpoint = (name) => {
    if (name !== 'roll.synced') return;
    machine.files.failNext('write', {
      error: 'DISK_FULL',
      path: (path) => path.endsWith('.journal'),
    });
  };
  const append = (i: number) => codeOf(machine.until(broker.append([appendOf(t0, [value(i)])])));
  let count = 0;
  let code: string;
  do code = await append(count++);
  while (code === 'no error');
  expect(code).toBe('DISK_FULL');
  machine.onFailpoint = () => {};
  await appendValues(machine, broker, --count, 9);
  expect(readAll(broker, t0)).toEqual(values(9));
  expect(readAll(await open(machine), t0)).toEqual(values(9));
});

test('a reader finds records that were sorted by a process that died before its mark', async () => {
  const machine = new SimulatedMachine();
  const writer = machine.process();
  const writing = await open(machine, writer);
  await machine.until(writing.createTopic('t'));
  await appendValues(machine, writing, 0, 2);
  const reader = await open(machine);
  await open(machine, machine.process(), { pollMs: 1000 });
  let isSorted = false;
  machine.onFailpoint = (name, process) => {
    if (name === 'sort.synced') isSorted = true;
    if (name === 'commit.synced' && isSorted && process === writer) process.crash();
  };
  let count = 2;
  for (; writer.isAlive; count++) await appendValues(machine, writing, count, count + 1);
  await machine.advance(1000); // the third process sees that there is something to sort
  expect(machine.process().platform.files.list('/data/journal')).not.toContain('1.journal');
  expect(readAll(reader, t0)).toEqual(values(count));
});

test('opening goes on from a newer catalogue where the files behind the older one are gone', async () => {
  const machine = new SimulatedMachine();
  const broker = await open(machine);
  await machine.until(broker.createTopic('t'));
  await appendValues(machine, broker, 0, 2);
  const { platform } = machine.process();
  const load = () => loadCatalogue(platform, '/data/catalogue.db', broker.id, true);
  const stored = [load()];
  await appendValues(machine, broker, 2, 9);
  await machine.advance(1000);
  const store = new EmbeddedStore({
    platform,
    directory: '/data',
    directoryId: broker.id,
    fileBytes: options.journalFileBytes,
    durable: true,
    mark: new Mark(platform.files, '/data/journal/mark', broker.id, 'write'),
    lock: new FairLock(platform, '/data', platform.openLock('/data/lock.db')),
    largeBytes: options.largeBytes,
    recentBytesMax: 0,
    pollMs: options.pollMs,
    load: () => stored.shift() ?? load(),
  });
  store.followAndSync();
  expect(store.catalogue.topics.get(1)?.partitions[0]?.end).toBe(9);
});

/**
 * A file is read, its records go through a topic into a database and a file, and the process dies
 * on the way: at file operations all over the run, by a kill or a power cut. In the end each record
 * is in each place once.
 */
import { expect, test } from 'vitest';
import {
  deliver,
  ingest,
  jsonLines,
  jsonLinesSink,
  sqliteSink,
} from '../../src/connectors/index.ts';
import type { Platform } from '../../src/platform/index.ts';
import { openLog } from '../../src/runtime/index.ts';
import { seededChoices } from '../support/choices.ts';
import { SimulatedMachine, type SimulatedProcess } from '../support/simulated-platform.ts';
import { type Cup, cups, makeCups, upTo } from './fixtures.ts';

const count = 60;

/** A machine with the input, synced. */
function machineWithInput(seed: number): SimulatedMachine {
  const machine = new SimulatedMachine({ seed });
  const { files } = machine.process().platform;
  const file = files.open('/in.jsonl', 'create');
  const lines = makeCups(count).map((cup) => `${JSON.stringify(cup)}\n`);
  file.write(Buffer.from(lines.join('')), 0);
  file.sync();
  files.syncDirectory('/');
  return machine;
}

/** Everything, from the input to the end. */
async function runThrough(platform: Platform): Promise<void> {
  const log = await openLog('/data', { platform });
  const source = await ingest(jsonLines<Cup>('/in.jsonl'), cups, { data: log });
  const columns = { price: ({ value }: { value: Cup | null }) => value?.price };
  const rows = sqliteSink<string, Cup>({ file: '/out.db', table: 'cups', columns });
  await log.createTopic(cups);
  const deliveries = [
    await deliver(cups, { ...rows, batchRecordsMax: 9 }, { data: log, name: 'rows' }),
    await deliver(
      cups,
      { ...jsonLinesSink<string, Cup>('/out.jsonl'), batchRecordsMax: 9 },
      { data: log, name: 'lines' },
    ),
  ];
  await source.done;
  for (const delivery of deliveries) await delivery.stop({ drain: true });
  await log.close();
}

async function expectAll(machine: SimulatedMachine, about: string): Promise<void> {
  const { platform } = machine.process();
  await machine.until(runThrough(platform), 1, 600_000);
  const database = platform.openDatabase('/out.db', { durable: true });
  const rows = database.prepare('SELECT price FROM cups ORDER BY price').pluck().all();
  expect(rows, `rows, ${about}`).toEqual(upTo(count));
  const file = platform.files.open('/out.jsonl', 'read');
  const bytes = Buffer.alloc(file.size());
  file.read(bytes, 0, bytes.length, 0);
  const prices = bytes
    .toString()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).price)
    .sort((a, b) => a - b);
  expect(prices, `lines, ${about}`).toEqual(upTo(count));
}

/** Runs until so many file operations; false where the run ends before. */
async function crashAt(machine: SimulatedMachine, operations: number): Promise<boolean> {
  const process: SimulatedProcess = machine.process();
  let left = operations;
  machine.files.beforeOperation = () => {
    if (--left === 0) process.crash();
  };
  let isDone = false;
  runThrough(process.platform).then(
    () => {
      isDone = true;
    },
    () => {},
  );
  for (let ms = 0; ms < 60_000 && process.isAlive && !isDone; ms++) await machine.advance(1);
  machine.files.beforeOperation = () => {};
  process.kill();
  return !isDone;
}

/** A prime, so that different runs stop at different steps; all of them in a soak. */
const stride = Number(process.env.MILLRACE_CRASH_STRIDE ?? 67);

test('each record is in each place once, wherever the process dies', async () => {
  let crashes = 0;
  for (let at = 1; ; at += stride) {
    const machine = machineWithInput(at);
    if (!(await crashAt(machine, at))) break;
    crashes++;
    const afterPowerCut = machine.powerCut(seededChoices(at));
    await expectAll(afterPowerCut, `power cut at ${at}`);
    await expectAll(machine, `kill at ${at}`);
  }
  expect(crashes).toBeGreaterThan(4);
});

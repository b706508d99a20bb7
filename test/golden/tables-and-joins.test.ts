/**
 * Tables and joins, crashed at every named step: their results are those of a run without faults,
 * record for record.
 */
import { expect, test } from 'vitest';
import { type Change, count, job, sum, type Table, topic, tumbling } from '../../src/dsl/index.ts';
import { json, keyJson } from '../../src/formats/index.ts';
import { type Failpoint, failpoints } from '../../src/platform/index.ts';
import type { Job } from '../../src/runtime/index.ts';
import { seededChoices } from '../support/choices.ts';
import { SimulatedMachine } from '../support/simulated-platform.ts';
import { finishSession, makeReadings, readings, startSession } from './pipeline.ts';

const ofTables = ['by-level', 'top', 'named', 'together', 'once'];
const ofJoins = ['near', 'in-window', 'too-late', 'now', 'then'];
const topics = [...ofTables, ...ofJoins];

const tables: Job = job('tables', ({ from }) => {
  const write = <Row extends NonNullable<unknown>>(name: string, table: Table<Row, string>) => {
    const value = json<Change<Row>>();
    table.toStream().to(topic(name, { key: keyJson<string>(), value, partitions: 2 }));
  };
  const all = from(readings, { eventTime: (r) => r.at, outOfOrderness: '5s', quietAfter: 'off' });
  const levelOf = (r: { readonly value: number }) => `level ${r.value % 3}`;
  const sensors = all.keyBy((r) => r.sensor).toTable({ deleteWhen: (r) => r.value < 20 });
  const levels = all.keyBy(levelOf).latest({ by: (r) => r.value });
  const grouped = sensors.groupBy(levelOf);
  write('by-level', grouped.aggregate({ n: count(), total: sum((r) => r.value / 10) }));
  write('top', grouped.topN({ n: 2, by: (r) => r.value }));
  const highest = (r: { readonly value: number }, of?: { readonly value: number }) => [
    r.value,
    of?.value ?? 0,
  ];
  write('named', sensors.leftJoin(levels, highest, { foreignKey: levelOf, name: 'named' }));
  write(
    'together',
    sensors.join(
      sensors.filter((r) => r.value > 60),
      highest,
    ),
  );
  const once = all.deduplicate({ by: levelOf, within: '20s' });
  once.to(topic('once', { key: readings.key, value: readings.value }));
});

const joins: Job = job('joins', ({ from }) => {
  const all = from(readings, { eventTime: (r) => r.at, outOfOrderness: '2s', quietAfter: 'off' });
  const low = all.filter((r) => r.value < 50).keyBy((r) => r.value % 3);
  const high = all.filter((r) => r.value >= 50).keyBy((r) => r.value % 3);
  const both = low.connect(high);
  const key = keyJson<number>();
  const pairs = json<(number | null)[]>();
  const values = (l?: { readonly value: number }, h?: { readonly value: number }) => [
    l?.value ?? null,
    h?.value ?? null,
  ];
  const near = both.within({ before: '4s', after: '7s' }).outerJoin(values);
  near.to(topic('near', { key, value: pairs, partitions: 2 }));
  const late = near.late.map(({ side, value }) => `${side} ${value.value}`);
  late.to(topic('too-late', { key, value: json<string>(), partitions: 2 }));
  const rows = low.connect(high.toTable({ deleteWhen: (r) => r.value % 10 === 0 }));
  rows
    .asOfNow()
    .leftJoin(values)
    .to(topic('now', { key, value: pairs, partitions: 2 }));
  const then = rows.asOfEventTime({ grace: '5s' }).leftJoin(values);
  then.to(topic('then', { key, value: pairs, partitions: 2 }));
  const inWindow = both.window(tumbling('10s')).leftJoin(values);
  inWindow.to(topic('in-window', { key, value: pairs, partitions: 2 }));
});

const input = makeReadings(90, 7);
const session = { jobs: [tables, joins] };

async function runThrough(machine: SimulatedMachine): Promise<Record<string, string[]>> {
  const { platform } = machine.process();
  const started = await machine.until(startSession(platform, '/data', input, session));
  return machine.until(finishSession(started, topics), 1, 600_000);
}

let withoutFaults: Promise<Record<string, string[]>> | undefined;

function expectedOutputs(): Promise<Record<string, string[]>> {
  withoutFaults ??= runThrough(new SimulatedMachine());
  return withoutFaults;
}

test('there are results in every topic', async () => {
  const outputs = await expectedOutputs();
  for (const name of topics) {
    const of = Object.entries(outputs).filter(([key]) => key.startsWith(`${name}/`));
    expect(of.flatMap(([, records]) => records).length, name).toBeGreaterThan(5);
  }
});

/** Runs until the step has been passed so often, crashes there, and runs through. */
async function crashAt(failpoint: Failpoint, hit: number, seed: number): Promise<boolean> {
  const machine = new SimulatedMachine({ seed });
  let hits = 0;
  machine.onFailpoint = (name, process) => {
    if (name === failpoint && ++hits === hit) process.crash();
  };
  const process = machine.process();
  const attempt = startSession(process.platform, '/data', input, session).then((started) =>
    finishSession(started, topics),
  );
  let isOver = false;
  const end = () => {
    isOver = true;
  };
  attempt.then(end, end);
  for (let ms = 0; ms < 5_000 && !isOver && process.isAlive; ms++) await machine.advance(1);
  if (process.isAlive) return false;
  machine.onFailpoint = () => {};
  const next = seed % 2 === 0 ? machine : machine.powerCut(seededChoices(seed));
  expect(await runThrough(next)).toEqual(await expectedOutputs());
  return true;
}

test.each(failpoints.map((failpoint, i) => [failpoint, i] as const))(
  'a crash at %s changes nothing',
  async (failpoint, i) => {
    const isReached = (await crashAt(failpoint, 4, i)) || (await crashAt(failpoint, 1, i));
    expect(isReached).toBe(true);
  },
);

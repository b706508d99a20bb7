/**
 * A job that asks outside, and one with broadcast state, crashed at every named step on a simulated
 * machine. The output must be that of a run without faults, record for record. Whoever is asked takes
 * his time, and does not always answer in the order of the questions.
 */
import { expect, test } from 'vitest';
import { openBroker } from '../../src/broker/index.ts';
import { job, topic, value } from '../../src/dsl/index.ts';
import { json, string } from '../../src/formats/index.ts';
import { type Failpoint, failpoints, type Platform } from '../../src/platform/index.ts';
import { type Job, run } from '../../src/runtime/index.ts';
import { SimulatedMachine } from '../support/simulated-platform.ts';
import {
  appendsOf,
  inputPartitions,
  inputTopic,
  makeReadings,
  type Reading,
  recordsOf,
  smallEpochs,
  smallLog,
} from './pipeline.ts';

const input = makeReadings(60, 7);
const readings = topic(inputTopic, { key: string(), value: json<Reading>() });
const [asked, visited] = ['asked', 'visited'].map((name) =>
  topic(name, { key: string(), value: json<unknown>() }),
) as [T, T];
type T = ReturnType<typeof topic<string, unknown>>;

const byTime = {
  eventTime: (r: Reading) => r.at,
  outOfOrderness: '5s',
  quietAfter: 'off',
} as const;

async function answer({ sensor, value: n }: Reading): Promise<{ of: string; n: number }> {
  for (let turns = n % 4; turns > 0; turns--) await null;
  return { of: sensor, n: n % 7 };
}

const asking: Job = job('asking', ({ from }) => {
  from(readings, byTime)
    .keyBy((r) => r.sensor)
    .mapAsync(answer, {
      capacity: 4,
      memo: { key: ({ sensor, value: n }) => [sensor, n % 7], ttl: '20s' },
    })
    .process({
      state: { sum: value<number>() },
      onRecord({ n }, { state, timers, timestamp }) {
        state.sum.update((before = 0) => before + n);
        timers.event.set(timestamp + 3000);
        return [n];
      },
      onTimer: ({ time }, { state }) => [[time, state.sum.get() ?? 0]],
    })
    .to(asked);
});

const visiting: Job = job('visiting', ({ from }) => {
  const all = from(readings, byTime);
  all
    .keyBy((r) => r.sensor)
    .connectBroadcast(all.filter((r) => r.value > 80))
    .process({
      state: { n: value<number>() },
      broadcast: { peak: value<number>() },
      onRecord: (_, { state }) => state.n.update((n = 0) => n + 1),
      onBroadcast(peak, { broadcast, visitKeys }) {
        broadcast.peak.set(peak.value);
        visitKeys();
      },
      onKey: ({ state, broadcast }) => [[state.n.get(), broadcast.peak.get()]],
    })
    .to(visited);
});

async function session(platform: Platform): Promise<Record<string, string[]>> {
  const broker = await openBroker(platform, '/data', { ...smallLog, durability: 'disk' });
  if (broker.describeTopic(inputTopic) === undefined) {
    await broker.createTopic(inputTopic, { partitions: inputPartitions });
  }
  if (broker.endOf({ topic: inputTopic, partition: 0 }) === 0) {
    await broker.append(appendsOf(input), { id: 'feeder', sequence: 0 });
  }
  const options = { ...smallEpochs, broker, platform, stateDirectory: '/data' };
  const handles = await Promise.all([asking, visiting].map((each) => run(each, options)));
  await Promise.all(handles.map((handle) => handle.stop({ drain: true })));
  const outputs = [asked, visited].flatMap(({ name }) =>
    Array.from({ length: inputPartitions }, (_, partition) => {
      return [`${name}/${partition}`, recordsOf(broker, name, partition)] as const;
    }),
  );
  await broker.close();
  return Object.fromEntries(outputs);
}

function runThrough(machine: SimulatedMachine): Promise<Record<string, string[]>> {
  return machine.until(session(machine.process().platform), 1, 600_000);
}

/** False where the step was not reached so often. */
async function crashAt(
  failpoint: Failpoint,
  hit: number,
  expected: Record<string, string[]>,
): Promise<boolean> {
  const machine = new SimulatedMachine({ seed: hit });
  let hits = 0;
  machine.onFailpoint = (name, process) => {
    if (name === failpoint && ++hits === hit) process.crash();
  };
  const process = machine.process();
  let isOver = false;
  const end = () => {
    isOver = true;
  };
  session(process.platform).then(end, end);
  for (let ms = 0; ms < 60_000 && !isOver && process.isAlive; ms++) await machine.advance(1);
  if (process.isAlive) return false;
  machine.onFailpoint = () => {};
  expect(await runThrough(machine), `${failpoint}, ${hit}`).toEqual(expected);
  return true;
}

/** At which time that a step is passed the process dies; more of them in the soak. */
const hits = process.env.MILLRACE_SCRIPTS === undefined ? [2, 5] : [1, 2, 3, 5, 8, 13, 21];

test('jobs that ask and that broadcast give the same after a crash at any step', async () => {
  const expected = await runThrough(new SimulatedMachine());
  for (const { name } of [asked, visited]) {
    const records = Object.entries(expected).filter(([of]) => of.startsWith(name));
    expect(records.flatMap(([, lines]) => lines).length, name).toBeGreaterThan(20);
  }
  const reached = new Set<string>();
  for (const failpoint of failpoints) {
    for (const hit of hits) {
      if (await crashAt(failpoint, hit, expected)) reached.add(failpoint);
    }
  }
  expect(reached.size).toBeGreaterThan(8);
});

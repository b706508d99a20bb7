/** Records that fail, before and behind an exchange, are treated as in one task. */
import { expect, test } from 'vitest';
import { count, job, type OnError, topic } from '../../../src/dsl/index.ts';
import { json, string } from '../../../src/formats/index.ts';
import type { Job } from '../../../src/runtime/index.ts';
import {
  appendsOf,
  inputPartitions,
  inputTopic,
  makeReadings,
  readings,
} from '../../golden/pipeline.ts';
import { type Outcome, recordsIn, runShared } from '../../support/shared-job.ts';

const input = {
  topics: { [inputTopic]: inputPartitions },
  appends: appendsOf(makeReadings(120, 3)),
};

/** Of the tries of a record all but the last one may fail for some. */
function jobOf(onError: OnError): Job {
  const tries = new Map<number, number>();
  const build: Parameters<typeof job>[1] = ({ from }) => {
    from(readings, { eventTime: (r) => r.at, outOfOrderness: '5s', quietAfter: 'off' })
      .map((reading) => {
        if (reading.value % 11 === 3) throw new Error('fails before the exchange');
        return reading;
      })
      .keyBy((r) => r.sensor)
      .process({
        onRecord(reading) {
          if (reading.value % 7 === 3) throw new Error('fails behind it');
          const tried = tries.get(reading.at) ?? 0;
          tries.set(reading.at, tried + 1);
          if (reading.value % 5 === 1 && tried === 0) throw new Error('fails once');
          return [reading];
        },
      })
      .aggregate({ n: count() })
      .to(topic('good', { key: string(), value: json<{ n: number }>() }));
  };
  return job('failing', build, { onError });
}

/** Dead letters of a key may come of several tasks: their order is not promised. */
function withoutOrder({ outputs, ...outcome }: Outcome): unknown {
  const dead = Object.values(outputs.dead ?? {})
    .flat()
    .sort();
  return { ...outcome, good: outputs.good, dead };
}

test.each<[string, OnError, number]>([
  ['are skipped', 'skip', 0],
  ['become dead letters', { deadLetters: 'dead' }, 10],
  ['are tried again', { retry: { times: 2, backOff: '10ms' }, otherwise: 'skip' }, 0],
])('records that fail %s', async (_name, onError, deadMin) => {
  const expected = await runShared(jobOf(onError), input, { tasks: 1 });
  expect(recordsIn(expected, 'good')).toBeGreaterThan(20);
  expect(expected.failed.length).toBeGreaterThan(1);
  expect(recordsIn(expected, 'dead')).toBeGreaterThanOrEqual(deadMin);
  for (const tasks of [2, 3, 8]) {
    const outcome = await runShared(jobOf(onError), input, { tasks });
    expect(withoutOrder(outcome), `${tasks} tasks`).toEqual(withoutOrder(expected));
  }
});

const upper: Job = job('asking', ({ from }) => {
  from(readings, { eventTime: (r) => r.at, outOfOrderness: '5s', quietAfter: 'off' })
    .keyBy((r) => r.sensor)
    .mapAsync(async (r) => ({ ...r, value: r.value * 2 }), { name: 'double' })
    .keyBy((r) => `${r.value % 3}`)
    .aggregate({ n: count() })
    .to(topic('good', { key: string(), value: json<{ n: number }>() }));
});

test('steps that ask outside lose nothing and double nothing', async () => {
  const expected = await runShared(upper, input, { tasks: 1 });
  expect(recordsIn(expected, 'good')).toBe(120);
  for (const tasks of [2, 3, 8]) {
    const { state, ...outcome } = await runShared(upper, input, { tasks });
    expect(recordsIn({ state, ...outcome }, 'good'), `${tasks} tasks`).toBe(120);
    const counts = Object.entries(state).filter(([name]) => name.startsWith('aggregate'));
    expect(counts).toEqual(
      Object.entries(expected.state).filter(([name]) => name.startsWith('aggregate')),
    );
  }
});

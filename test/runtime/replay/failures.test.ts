/**
 * Records that failed, when what the job did is done again: they are left out as they were, although
 * the function that failed has recovered since.
 */
import { expect, test } from 'vitest';
import { count, job, type OnError, topic } from '../../../src/dsl/index.ts';
import { json, keyJson, string } from '../../../src/formats/index.ts';
import { type Job, replay } from '../../../src/runtime/index.ts';
import { ScriptRun, type ScriptStep } from '../../support/operator-harness.ts';
import { plainMode } from '../../support/operator-harness-modes.ts';
import { byReading, type Reading } from '../../support/operator-harness-scripts.ts';
import { expectSameState, loseState, rebuilt, withEpochs } from '../../support/rebuilding.ts';

/** What fails at the moment. */
interface Faults {
  decode: boolean;
  map: boolean;
}

const results = topic('results', { key: keyJson<string>(), value: json<unknown>() });

function failingJob(faults: Faults, onError: OnError): Job {
  const readings = topic('readings', {
    key: string(),
    value: {
      ...json<Reading>(),
      decode(of: Uint8Array, start: number, end: number): Reading {
        const reading = json<Reading>().decode(of, start, end);
        if (faults.decode && reading.n < 0) throw new Error('not readable now');
        return reading;
      },
    },
  });
  return job(
    'failing',
    ({ from }) => {
      from(readings, { ...byReading, outOfOrderness: 5 })
        .map((r) => {
          if (faults.map && r.n > 5) throw new Error('not reachable now');
          return r;
        })
        .keyBy((r) => r.key)
        .aggregate({ n: count() })
        .to(results);
    },
    { onError },
  );
}

const records = (numbers: readonly number[], partition = 0) =>
  numbers.map((n, i) => ({ partition, value: { key: n % 2 === 0 ? 'a' : 'b', at: 10 * i, n } }));
const step = (): ScriptStep => ({
  records: [...records([1, 7, -2, 3, 8, -9, -4]), ...records([-1, 9, 2], 1)],
});

interface Ran {
  readonly epochRecords?: number;
  /** Default true: all fails, and then nothing does, each over the same records. */
  readonly recovers?: boolean;
}

async function ranWith(onError: OnError, { epochRecords = 1e9, recovers = true }: Ran = {}) {
  const faults: Faults = { decode: true, map: true };
  const failing = failingJob(faults, onError);
  const mode = { ...plainMode, state: 'state file', epoch: { epochRecords } } as const;
  const ran = new ScriptRun(failing, mode);
  await ran.makeTopics(2);
  await ran.start();
  await ran.step(step());
  await ran.step({ pauseMs: 60_000 }); // all is tried as often as it may be
  faults.decode = !recovers;
  faults.map = !recovers;
  await ran.step(step());
  await ran.finish(false);
  return { ran, failing, faults };
}

const policies = {
  skip: 'skip',
  'dead letters': { deadLetters: 'dead' },
  'dead letters after tries': {
    retry: { times: 2, backOff: '1s' },
    otherwise: { deadLetters: 'dead' },
  },
} as const satisfies Record<string, OnError>;

for (const [name, onError] of Object.entries(policies)) {
  for (const epochRecords of [1, 4]) {
    test(`${name}: state and output come again, in epochs of ${epochRecords}`, async () => {
      const { ran, failing } = await ranWith(onError, { epochRecords });
      const { machine, broker } = ran;
      const outputs = ran.outputs();
      const { platform } = machine.process();
      const again = await machine.until(
        replay(failing, {
          ...{ broker, platform, stateDirectory: '/data', asRecorded: true, compare: true },
        }),
      );
      expect(again.comparisons.flatMap(({ differences }) => differences)).toEqual([]);
      expect([again.skippedRecords, again.deadLetters]).toEqual(name === 'skip' ? [7, 0] : [0, 7]);
      await expectSameState(ran, failing);
      expect(ran.outputs()).toEqual(outputs);
    });
  }
}

test('a record that fails now and did not then is refused', async () => {
  const { ran, failing, faults } = await ranWith('skip');
  faults.map = true;
  await loseState(ran, failing);
  const handle = await rebuilt(ran, failing);
  await expect(ran.machine.until(handle.done)).rejects.toMatchObject({
    code: 'NOT_REPEATABLE',
    message: expect.stringContaining('it fails now'),
  });
});

test('where failures are not told, in format 1, functions must fail again by themselves', async () => {
  const outcomes: unknown[] = [];
  for (const recovers of [false, true]) {
    const { ran, failing } = await ranWith({ deadLetters: 'dead' }, { recovers });
    const { machine } = ran;
    const broker = withEpochs(ran.broker, ({ opening, ...record }) => ({
      ...{ ...record, failed: undefined },
      opening: opening === undefined ? undefined : { ...opening, format: 1 },
    }));
    const { platform } = machine.process();
    const asRecorded = { stateDirectory: '/data', asRecorded: true, compare: true };
    const again = replay(failing, { broker, platform, ...asRecorded });
    outcomes.push(await machine.until(again.catch(({ code }) => code)));
  }
  const same = [{ differences: [] }, { differences: [] }];
  expect(outcomes).toMatchObject([{ comparisons: same }, 'NOT_REPEATABLE']);
});

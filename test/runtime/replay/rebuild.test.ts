/** When state is rebuilt, what is refused, and what a rebuild leaves behind. */
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, test } from 'vitest';
import { count, job, sum, topic, tumbling, value } from '../../../src/dsl/index.ts';
import { json, keyJson, string } from '../../../src/formats/index.ts';
import { isMillraceError, type Platform } from '../../../src/platform/index.ts';
import { readEpochs } from '../../../src/runtime/epoch-log.ts';
import type { EpochRecord } from '../../../src/runtime/epoch-record.ts';
import { type Job, type RunOptions, run } from '../../../src/runtime/index.ts';
import { ScriptRun, type ScriptStep } from '../../support/operator-harness.ts';
import { lookMs, plainMode } from '../../support/operator-harness-modes.ts';
import { byReading, type Reading, readings } from '../../support/operator-harness-scripts.ts';
import {
  changedBroker,
  commitUnrecorded,
  drop,
  expectSameState,
  loseState,
  rebuilt,
  stateOf,
  withEpochs,
} from '../../support/rebuilding.ts';
import { dumpFile } from '../../support/state-dump.ts';

const results = topic('results', { key: keyJson<string>(), value: json<unknown>(), partitions: 1 });

interface Changed {
  readonly size?: number;
  readonly result?: (n: number) => unknown;
  readonly eventTime?: (reading: Reading) => number;
}

/** Counts in windows; some of it may be otherwise than it was. */
function countsJob({ size = 10, result = (n) => n, eventTime = (r) => r.at }: Changed = {}): Job {
  return job('counts', ({ from }) => {
    from(readings, { ...byReading, eventTime, idleAfter: '5s' })
      .keyBy((r) => r.key)
      .window(tumbling(size))
      .aggregate({ n: count() }, { name: 'counts' })
      .map(({ n }) => result(n))
      .to(results);
  });
}

const counts = countsJob();
const reading = (at: number, partition = 0, key = 'a') => ({ value: { key, at, n: 1 }, partition });

const script: readonly ScriptStep[] = [
  { records: [reading(5), reading(6, 1), reading(7, 1, 'b')] },
  { records: [reading(25), reading(18, 1)] },
  { pauseMs: 5000 },
  { records: [reading(45), reading(31)] },
];

const stateFile = { ...plainMode, state: 'state file' } as const;

/** What a job left that read the script and was stopped. */
async function stoppedAfter(
  of: Job = counts,
  steps: readonly ScriptStep[] = script,
  mode = stateFile,
): Promise<ScriptRun> {
  const scripted = new ScriptRun(of, mode);
  await scripted.makeTopics(2);
  await scripted.start();
  for (const step of steps) await scripted.step(step);
  await scripted.finish(false);
  return scripted;
}

async function failureOf(stopped: ScriptRun, of: Job, options?: RunOptions): Promise<Error> {
  const handle = await rebuilt(stopped, of, options);
  await expect(stopped.machine.until(handle.done)).rejects.toThrow();
  return handle.errors.at(-1) ?? new Error('nothing failed');
}

const filesOf = ({ machine }: ScriptRun) =>
  machine.process().platform.files.list('/data/state/counts');

describe('without the option', () => {
  test('nothing is rebuilt, and nothing made', async () => {
    const stopped = await stoppedAfter();
    await loseState(stopped, counts);
    expect(await failureOf(stopped, counts, { rebuildState: false })).toMatchObject({
      code: 'FILE_MISMATCH',
      message: expect.stringContaining('compute the state anew from the log (--rebuild-state)'),
    });
    expect(filesOf(stopped)).toEqual([]);
  });
});

describe('a rebuilt state file', () => {
  test('holds what folding everything would have made, but for the incarnation', async () => {
    const stopped = await stoppedAfter();
    const { broker, machine } = stopped;
    const dump = () => dumpFile(broker, machine.process().platform, 'counts');
    const { meta, ...tables } = dump();
    await loseState(stopped, counts);
    const handle = await rebuilt(stopped, counts);
    await machine.until(handle.stop());
    const again = dump();
    expect(tables.entries).not.toEqual([]);
    expect(again).toEqual({ ...tables, meta: { ...meta, incarnation: '2' } });
  });

  test('is where the job goes on from', async () => {
    const stopped = await stoppedAfter();
    await loseState(stopped, counts);
    const handle = await rebuilt(stopped, counts);
    await stopped.machine.until(handle.stop());
    await stopped.start();
    await stopped.append([reading(95), reading(95, 1)]);
    await stopped.finish(true);
    const whole = await stoppedAfter(counts, [
      ...script,
      { downtimeMs: 0 },
      { records: [reading(95), reading(95, 1)] },
    ]);
    await whole.start();
    await whole.finish(true);
    expect(stopped.outputs()).toEqual(whole.outputs());
  });

  test('has state that was dropped in between only from there on', async () => {
    const totals = job('counts', ({ from }) => {
      const byKey = from(readings, byReading).keyBy((r) => r.key);
      byKey.aggregate({ n: sum((r) => r.n) }, { name: 'sums' }).to(results);
      byKey.window(tumbling(10)).aggregate({ n: count() }, { name: 'windows' }).to(results);
    });
    const stopped = await stoppedAfter(totals);
    await drop(stopped, totals, 'sums/');
    await stopped.start(totals);
    await stopped.append([reading(50), reading(51, 0, 'c')]);
    await stopped.finish(false);
    await expectSameState(stopped, totals);
  });
});

describe('epochs are repeated', () => {
  test('whose functions use the clock of the step', async () => {
    const clocked = job('clocked', ({ from }) => {
      from(readings, byReading)
        .keyBy((r) => r.key)
        .process({
          state: { at: value<number>() },
          onRecord(_, { state, timers, now }) {
            state.at.set(now);
            timers.processing.set(now + 3000);
          },
          onTimer: ({ time }, { state, now, timers }) => {
            if (now - (state.at.get() ?? 0) < 9000) timers.processing.set(now + 2500);
            return [[time, now]];
          },
        })
        .to(results);
    });
    await expectSameState(await stoppedAfter(clocked, [...script, { downtimeMs: 7000 }]), clocked);
  });

  test('although the time-to-live was changed in between, if nothing ended otherwise', async () => {
    const withTtl = (ttl: string) =>
      job('ageing', ({ from }) => {
        from(readings, byReading)
          .keyBy((r) => r.key)
          .aggregate({ n: count() }, { ttl })
          .to(results);
      });
    const stopped = await stoppedAfter(withTtl('1h'));
    await stopped.start(withTtl('2h'));
    await stopped.append([reading(50)]);
    await stopped.finish(false);
    await expectSameState(stopped, withTtl('2h'));
  });

  test('although state was brought to another version in between', async () => {
    const stopped = await stoppedAfter();
    await commitUnrecorded(stopped, counts);
    await stopped.start();
    await stopped.append([reading(50)]);
    await stopped.finish(false);
    await commitUnrecorded(stopped, counts);
    await expectSameState(stopped, counts);
  });

  test('that end in the middle of firing', async () => {
    const keys = Array.from({ length: 300 }, (_, i) => reading(5, 0, `key ${i}`));
    const epoch = { turnMs: 2 * lookMs, epochMs: 5 * lookMs };
    const mode = { ...stateFile, epoch, shortTurns: true };
    const steps = [{ records: keys }, { records: [reading(95), reading(95, 1)] }];
    const stopped = await stoppedAfter(counts, steps, mode);
    const ends = [...readEpochs(stopped.broker, 'counts-0')].flatMap(({ record }) =>
      record.kind === 'epoch' && record.endsFiring ? record.fired : [],
    );
    expect(ends.some((fired) => fired > 1)).toBe(true);
    await expectSameState(stopped, counts);
  });

  test('with little memory, folding all the time', async () => {
    const many = Array.from({ length: 400 }, (_, i) => reading(i % 7, i % 2, `key ${i}`));
    const large = [{ records: many.slice(0, 200) }, { records: many.slice(100) }];
    const stopped = await stoppedAfter(counts, large, {
      ...stateFile,
      epoch: { epochRecords: 20 },
    });
    let folds = 0;
    stopped.machine.onFailpoint = (name) => {
      if (name === 'rebuild.folded') folds++;
    };
    await expectSameState(stopped, counts, { stateMemoryMax: 1, unfoldedBytesMax: 1 });
    expect(folds).toBeGreaterThan(20);
  });
});

describe('a job that does something else is refused, saying where:', () => {
  const cases: [what: string, of: Job, says: RegExp][] = [
    [
      'it writes something else',
      countsJob({ result: (n) => -n }),
      /epoch 3, .* writes other records now/,
    ],
    ['it fires at other times', countsJob({ size: 3 }), /epoch 3, .* fired 2 .* and now 3\./],
    [
      'it keeps other state',
      job('counts', ({ from }) => {
        from(readings, byReading)
          .keyBy((r) => r.key)
          .aggregate({ n: count() }, { name: 'counts' })
          .to(results);
      }),
      /epoch 1, .* began to keep the state "counts\/windows", .* and now .*"counts\/accumulator"/,
    ],
    [
      'it throws',
      countsJob({
        result: (n) => {
          if (n === 2) throw new Error('no twos');
          return n;
        },
      }),
      /in epoch 3 it fails now: Step .* failed: no twos \(.*\)\. Run the job as it was then/,
    ],
    [
      'it reads another topic',
      job('counts', ({ from }) => {
        from(topic('others', { key: string(), value: json<Reading>() }), byReading)
          .keyBy((r) => r.key)
          .window(tumbling(10))
          .aggregate({ n: count() }, { name: 'counts' })
          .to(results);
      }),
      /from epoch 1 on it read readings\/0, readings\/1, and now it does not/,
    ],
  ];
  test.each(cases)('%s', async (_, of, says) => {
    const stopped = await stoppedAfter();
    const { broker, machine } = stopped;
    await machine.until(broker.createTopic('others'));
    const outputs = stopped.outputs();
    await loseState(stopped, counts);
    const changelogEnd = broker.endOf({ topic: '__counts-0-changelog', partition: 0 });
    expect(await failureOf(stopped, of)).toMatchObject({
      code: 'NOT_REPEATABLE',
      message: expect.stringMatching(says),
    });
    expect(filesOf(stopped)).toEqual([]);
    expect(stopped.outputs()).toEqual(outputs);
    expect(broker.endOf({ topic: '__counts-0-changelog', partition: 0 })).toBe(changelogEnd);
    expect((await rebuilt(stopped, counts)).status().rebuild?.done).toBe(true); // as it was
  });

  test('it reads in another order', async () => {
    const running = (eventTime: (r: Reading) => number) =>
      job('counts', ({ from }) => {
        from(readings, { ...byReading, eventTime })
          .keyBy((r) => r.key)
          .aggregate({ n: count() })
          .to(results);
      });
    const oneByOne = { ...stateFile, epoch: { epochRecords: 1 } };
    const stopped = await stoppedAfter(
      running((r) => r.at),
      script,
      oneByOne,
    );
    await loseState(stopped, counts);
    const { message } = await failureOf(
      stopped,
      running((r) => -r.at),
    );
    expect(message).toMatch(/epoch 2, .* reads other records now, or in another order\./);
  });

  test('a function gives something else each time', async () => {
    let calls = 0;
    const counted = countsJob({ result: (n) => [n, calls++] });
    const stopped = await stoppedAfter(counted);
    await loseState(stopped, counted);
    expect(await failureOf(stopped, counted)).toMatchObject({ code: 'NOT_REPEATABLE' });
  });

  test('a step with state was added since', async () => {
    const stopped = await stoppedAfter();
    const more = job('counts', ({ from }) => {
      const byKey = from(readings, { ...byReading, idleAfter: '5s' }).keyBy((r) => r.key);
      byKey
        .window(tumbling(10))
        .aggregate({ n: count() }, { name: 'counts' })
        .map(({ n }) => n)
        .to(results);
      byKey
        .process({ name: 'silent', state: { n: value<number>() }, onRecord: () => [] })
        .to(results);
    });
    await stopped.start(more);
    await stopped.append([reading(99)]);
    await stopped.finish(false);
    await loseState(stopped, more);
    expect((await failureOf(stopped, more)).message).toMatch(
      /epoch 1, .* began to keep .*, and now the state .*"silent\/n"/,
    );
  });
});

describe('input that is gone is named:', () => {
  test('records that were removed, with their offsets', async () => {
    const stopped = await stoppedAfter();
    const { broker, machine } = stopped;
    await loseState(stopped, counts);
    for (const [partition, offset] of [
      [0, 1],
      [1, 2],
    ] as const) {
      await machine.until(broker.deleteRecordsBefore({ topic: 'readings', partition, offset }));
    }
    expect(await failureOf(stopped, counts)).toMatchObject({
      code: 'OFFSET_OUT_OF_RANGE',
      message: expect.stringMatching(
        /read readings\/0 from offset 0 on, .* begins at 1; readings\/1 from offset 0 .* at 2\./,
      ),
    });
    expect(filesOf(stopped)).toEqual([]);
  });

  test('not records that were never read', async () => {
    const stopped = new ScriptRun(counts, stateFile);
    const { broker, machine } = stopped;
    await stopped.makeTopics(2);
    await stopped.append([reading(1), reading(2), reading(3, 1)]);
    await machine.until(broker.deleteRecordsBefore({ topic: 'readings', partition: 0, offset: 1 }));
    await stopped.start();
    for (const step of script) await stopped.step(step);
    await stopped.finish(false);
    await expectSameState(stopped, counts);
  });

  test('a topic that was deleted and made again', async () => {
    const stopped = await stoppedAfter();
    const { broker, machine } = stopped;
    await loseState(stopped, counts);
    await machine.until(broker.deleteTopic('readings'));
    await stopped.makeTopics(2);
    await stopped.append([reading(5), reading(6, 1)]);
    expect(await failureOf(stopped, counts)).toMatchObject({
      code: 'TOPIC_MISSING',
      message: expect.stringContaining('topic "readings", which it has read, was deleted since'),
    });
  });

  test('commits that are not recorded', async () => {
    const stopped = await stoppedAfter();
    const { broker, machine } = stopped;
    await loseState(stopped, counts);
    const epochs = { topic: '__counts-0-epochs', partition: 0 };
    await machine.until(broker.deleteRecordsBefore({ ...epochs, offset: 1 }));
    expect(await failureOf(stopped, counts)).toMatchObject({
      code: 'FILE_MISMATCH',
      message: expect.stringMatching(/not all of its commits .* are recorded in topic __counts-0/),
    });
    await machine.until(broker.deleteRecordsBefore({ ...epochs, offset: broker.endOf(epochs) }));
    expect((await failureOf(stopped, counts)).message).toMatch(/not all of its commits/);
  });
});

/** A clock that goes on by a ms at each look: a turn does little. */
function slow(platform: Platform): Platform {
  let looks = 0;
  const monotonicMs = () => platform.clock.monotonicMs() + looks++;
  return { ...platform, clock: { ...platform.clock, monotonicMs } };
}

describe('a rebuild', () => {
  /** Begun, and held up after so many turns of the event loop. */
  async function begun(stopped: ScriptRun, turns: number) {
    const process = stopped.machine.process();
    const waiting: (() => void)[] = [];
    const platform = slow(process.platform);
    const soon = (then: () => void) => {
      if (turns-- > 0) process.platform.clock.soon(then);
      else waiting.push(then);
    };
    const handle = await run(counts, {
      ...{ broker: stopped.broker, stateDirectory: '/data', rebuildState: true, takeOver: true },
      platform: { ...platform, clock: { ...platform.clock, soon } },
      epoch: { turnMs: 3 },
    });
    await stopped.machine.settle();
    const goOn = async () => {
      turns = Number.POSITIVE_INFINITY;
      for (const then of waiting.splice(0)) process.platform.clock.soon(then);
      await stopped.machine.settle();
    };
    return { handle, process, goOn };
  }

  const long = [{ records: Array.from({ length: 300 }, (_, i) => reading(i)) }];
  const lost = async () => {
    const stopped = await stoppedAfter(counts, long, { ...stateFile, epoch: { epochRecords: 5 } });
    await loseState(stopped, counts);
    return stopped;
  };

  test('works in short turns, and says how far it is', async () => {
    const { handle, goOn } = await begun(await lost(), 20);
    const { state, rebuild } = handle.status();
    expect(state).toBe('starting');
    expect(rebuild).toMatchObject({ total: 61, done: false, replaced: undefined });
    expect(rebuild?.because).toMatch(/counts-0\.db is missing or older than the log/);
    expect(rebuild?.commits).toBeGreaterThan(0);
    expect(rebuild?.commits).toBeLessThan(60);
    await goOn();
    expect(handle.status()).toMatchObject({
      state: 'running',
      rebuild: { commits: 61, done: true },
    });
  });

  test('ends soon when the job is stopped, and can be begun again', async () => {
    const stopped = await lost();
    const { handle, goOn } = await begun(stopped, 20);
    expect(filesOf(stopped)).toEqual(['counts-0.db.rebuilding-2']);
    const stop = handle.stop();
    await goOn();
    await stop;
    expect(handle.status()).toMatchObject({ state: 'stopped', rebuild: { done: false } });
    expect(handle.errors).toEqual([]);
    expect(filesOf(stopped)).toEqual([]);
    expect((await rebuilt(stopped, counts)).status().rebuild?.done).toBe(true);
  });

  test('goes on to its end where the job is to be drained', async () => {
    const stopped = await lost();
    const { handle, goOn } = await begun(stopped, 20);
    const stop = handle.stop({ drain: true });
    await goOn();
    await stop;
    expect(handle.status()).toMatchObject({ state: 'stopped', rebuild: { done: true } });
    expect(stopped.outputs()['results/0']).toHaveLength(30);
  });

  test('that was fenced replaces nothing', async () => {
    const stopped = await lost();
    const { machine, broker } = stopped;
    const wakes = Promise.withResolvers<void>();
    const asleep = changedBroker(broker, {
      whileNewest: (claim, act) => wakes.promise.then(() => broker.whileNewest(claim, act)),
    });
    const zombie = await rebuilt({ machine, broker: asleep }, counts);
    expect(filesOf(stopped)).toEqual(['counts-0.db.rebuilding-2']);
    const successor = await rebuilt(stopped, counts);
    expect(successor.status().rebuild?.done).toBe(true);
    const before = stateOf(stopped, counts);
    wakes.resolve();
    await expect(machine.until(zombie.done)).rejects.toMatchObject({ code: 'FENCED' });
    expect(filesOf(stopped)).toEqual(['counts-0.db']);
    expect(stateOf(stopped, counts)).toEqual(before);
    await machine.until(successor.stop());
  });
});

describe('what is recorded is needed:', () => {
  const waits: readonly ScriptStep[] = [
    { records: [reading(5), reading(15), reading(95), reading(6, 1), reading(25, 1)] },
    { pauseMs: 6000 },
    { records: [reading(120, 0, 'b'), reading(100)] },
    { pauseMs: 30_000 },
    { records: [reading(130), reading(131, 1)] },
  ];
  const patient = job('counts', ({ from }) => {
    from(readings, { eventTime: (r) => r.at, idleAfter: '5s', quietAfter: '20s' })
      .keyBy((r) => r.key)
      .window(tumbling(10))
      .aggregate({ n: count() }, { name: 'counts' })
      .to(results);
  });
  const oneByOne = { ...stateFile, epoch: { epochRecords: 1, epochBytes: 1 } };

  /** What comes of a rebuild if this is not known of the epochs. */
  async function outcomeWithout(change: (record: EpochRecord) => EpochRecord): Promise<string> {
    const stopped = await stoppedAfter(patient, waits, oneByOne);
    const before = stateOf(stopped, patient);
    await loseState(stopped, patient);
    const { machine } = stopped;
    const broker = withEpochs(stopped.broker, change);
    const handle = await rebuilt({ machine, broker }, patient);
    await machine.until(handle.stop().catch(() => {}));
    const [error] = handle.errors;
    if (error !== undefined) return isMillraceError(error) ? error.code : `${error}`;
    return isDeepStrictEqual(stateOf(stopped, patient), before) ? 'the same' : 'another state';
  }

  test('with all of it the state is the same', async () => {
    expect(await outcomeWithout((record) => record)).toBe('the same');
  });

  const without: Readonly<Record<string, (record: EpochRecord) => Partial<EpochRecord>>> = {
    'who had another record': () => ({ waiting: undefined }),
    'who was idle': () => ({ idle: undefined }),
    'how far time went in silence': () => ({ watermark: undefined }),
    'that it ended firing': () => ({ endsFiring: false }),
    'after how many firings': ({ endsFiring, fired }) => (endsFiring ? { fired: fired + 1 } : {}),
  };
  test.each(Object.entries(without))('%s', async (_, change) => {
    const outcome = await outcomeWithout((record) => ({ ...record, ...change(record) }));
    expect(['NOT_REPEATABLE', 'another state']).toContain(outcome);
  });
});

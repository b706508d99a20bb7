/** What epochs and restarts may not change, where it takes more than the results to see it. */
import { describe, expect, test } from 'vitest';
import { count, job, topic, tumbling, value } from '../../src/dsl/index.ts';
import { json, keyJson } from '../../src/formats/index.ts';
import { timeMax } from '../../src/runtime/time/time-max.ts';
import { ScriptRun, sameInEveryMode, valuesOf } from '../support/operator-harness.ts';
import { otherModes, plainMode } from '../support/operator-harness-modes.ts';
import { byReading, readings } from '../support/operator-harness-scripts.ts';

const results = <Value>() =>
  topic('results', { key: keyJson<string>(), value: json<Value>(), partitions: 1 });

const reading = (at: number, partition = 0, key = 'a') => ({
  value: { key, at, n: 1 },
  partition,
});

const counts = (idleAfter = 5000) =>
  job('counts', ({ from }) => {
    from(readings, { ...byReading, idleAfter })
      .keyBy((r) => r.key)
      .window(tumbling(10))
      .aggregate({ n: count() })
      .to(results());
  });

async function started(of = counts(), partitions = 1, mode = plainMode): Promise<ScriptRun> {
  const run = new ScriptRun(of, mode);
  await run.makeTopics(partitions);
  await run.start();
  return run;
}

const ends = (run: ScriptRun) =>
  valuesOf(run.outputs(), 'results').map((v) => (v as { windowEnd: number }).windowEnd);

describe('an epoch', () => {
  const nothing = job('nothing', ({ from }) => {
    from(readings)
      .filter(() => false)
      .to(topic('none', { key: readings.key, value: readings.value }));
  });

  test('without output commits how far it has read', async () => {
    const run = await started(nothing);
    const { commits } = run.broker.status();
    await run.append([reading(1), reading(2)]);
    expect(run.broker.status().commits).toBe(commits + 1);
    expect(run.handle.metrics().recordsRead).toBe(2);
    await run.stop();
    await run.start();
    expect(run.handle.metrics().recordsRead).toBe(0);
    expect(run.handle.status().partitions).toMatchObject([{ position: 2, end: 2, lag: 0 }]);
  });

  test('without input commits nothing, however long it lasts', async () => {
    const run = await started();
    await run.append([reading(1)]);
    const { commits } = run.broker.status();
    await run.step({ pauseMs: 3_600_000 });
    await run.step({ downtimeMs: 3_600_000 });
    expect(run.broker.status().commits).toBe(commits);
  });

  test('that meets no record at all starts and stops', async () => {
    expect(await sameInEveryMode(counts(), [], { modes: otherModes.slice(0, 4) })).toEqual({
      'results/0': [],
    });
  });

  test('may change more state than fits in a batch', async () => {
    const large = job('large', ({ from }) => {
      from(readings, byReading)
        .keyBy((r) => r.key)
        .process({
          state: { kept: value<string>() },
          onRecord({ n }, { state }) {
            const before = state.kept.get() ?? '';
            state.kept.set(String(n).repeat(300_000));
            return [[before.length, before.slice(0, 1)]];
          },
        })
        .to(results());
    });
    const numbered = (n: number) =>
      ['a', 'b', 'c', 'd', 'e'].map((key, i) => ({ value: { key, at: 1, n: n + i } }));
    const script = [{ records: numbered(1) }, { records: numbered(3) }];
    const modes = otherModes.filter(({ name }) => /restored after each step/.test(name));
    const outputs = await sameInEveryMode(large, script, { modes });
    expect(valuesOf(outputs, 'results').slice(5)).toEqual(
      ['1', '2', '3', '4', '5'].map((digit) => [300_000, digit]),
    );
  });

  test('may end between any two of a thousand windows that fire at once', async () => {
    const keys = Array.from({ length: 300 }, (_, i) => reading(i % 10, 0, `key-${i}`));
    const modes = otherModes.filter(({ name }) =>
      ['one record at a time', 'short turns', 'odd sizes'].includes(name),
    );
    const outputs = await sameInEveryMode(counts(), [{ records: keys }], { modes });
    expect(valuesOf(outputs, 'results')).toHaveLength(300);
  });
});

describe('a partition', () => {
  test('that is silent stops holding windows open, holds them again, and stops again', async () => {
    const run = await started(counts(), 2);
    await run.append([reading(5, 0), reading(6, 1)]);
    await run.step({ pauseMs: 3000 });
    await run.append([reading(25, 0)]);
    expect(ends(run)).toEqual([]); // partition 1 has come to 6
    await run.step({ pauseMs: 1999 });
    expect(ends(run)).toEqual([]);
    await run.step({ pauseMs: 1 });
    expect(ends(run)).toEqual([10]); // 5 s without a record
    await run.append([reading(21, 1)]); // active
    await run.append([reading(45, 0)]);
    expect(ends(run)).toEqual([10]);
    await run.step({ pauseMs: 4000 });
    await run.append([reading(46, 0)]);
    await run.step({ pauseMs: 1000 });
    expect(ends(run)).toEqual([10, 30]);
  });

  test('that comes back with old records does not turn time back', async () => {
    const run = await started(counts(), 2);
    let highest = Number.NEGATIVE_INFINITY;
    const seeWatermark = () => {
      const { watermark = highest } = run.handle.status();
      expect(watermark).toBeGreaterThanOrEqual(highest);
      highest = watermark;
    };
    for (const [at, partition] of [
      [5, 0],
      [6, 1],
      [100, 0],
      [110, 0],
      [7, 1],
      [120, 0],
      [90, 1],
    ] as const) {
      await run.append([reading(at, partition)]);
      seeWatermark();
      await run.step({ pauseMs: 4000 });
      seeWatermark();
      await run.step({ pauseMs: at > 100 ? 2000 : 0 });
      seeWatermark();
    }
    expect(highest).toBeGreaterThan(100);
    expect(run.handle.metrics().lateRecords).toBeGreaterThan(0);
  });

  test('without any record holds nothing open', async () => {
    const run = await started(counts(), 3);
    await run.append([reading(5, 1), reading(15, 1)]);
    expect(ends(run)).toEqual([10]);
  });

  test('is idle again after a restart only when it has been silent again', async () => {
    const run = await started(counts(), 2);
    await run.append([reading(5, 0), reading(6, 1)]);
    await run.step({ pauseMs: 3000 });
    await run.append([reading(25, 0)]);
    await run.step({ downtimeMs: 3_600_000 });
    expect(ends(run)).toEqual([]);
    await run.step({ pauseMs: 4000 });
    await run.append([reading(26, 0)]);
    expect(ends(run)).toEqual([]);
    await run.step({ pauseMs: 1000 });
    expect(ends(run)).toEqual([10]);
  });

  test('that was idle before a restart is idle after it', async () => {
    const run = await started(counts(), 2);
    await run.append([reading(5, 0), reading(6, 1)]);
    await run.step({ pauseMs: 3000 });
    await run.append([reading(25, 0)]);
    await run.step({ pauseMs: 2000 });
    expect(ends(run)).toEqual([10]);
    await run.step({ downtimeMs: 1000 });
    await run.append([reading(35, 0)]);
    expect(ends(run)).toEqual([10, 30]);
  });
});

describe('a system clock that jumps', () => {
  const waiting = job('waiting', ({ from }) => {
    from(readings, { eventTime: (r) => r.at, quietAfter: '10s' })
      .keyBy((r) => r.key)
      .window(tumbling(10))
      .aggregate({ n: count() })
      .to(results());
  });

  test.each([-3_600_000, 3_600_000])('by %i ms makes nobody silent or loud', async (jumpMs) => {
    const run = await started(waiting, 2);
    await run.append([reading(5, 0), reading(6, 1)]);
    await run.step({ pauseMs: 3000 });
    await run.append([reading(25, 0)]);
    run.machine.clockOffsetMs += jumpMs;
    await run.step({ pauseMs: 1999 });
    expect(ends(run)).toEqual([]);
    await run.step({ pauseMs: 1 });
    expect(ends(run)).toEqual([10]); // partition 1 is idle
    await run.step({ pauseMs: 7999 });
    expect(ends(run)).toEqual([10]);
    await run.step({ pauseMs: 1 });
    expect(ends(run)).toEqual([10, 30]); // the stream is quiet
  });
});

describe('the ends of time', () => {
  test('can be reached: windows, timers and drain work there', async () => {
    const times = [-timeMax, -timeMax + 25, 0, timeMax - 25, timeMax];
    const edges = job('edges', ({ from }) => {
      const byKey = from(readings, byReading).keyBy((r) => r.key);
      byKey
        .window(tumbling(10))
        .aggregate({ n: count() })
        .map(({ windowStart }) => windowStart)
        .to(results());
      byKey
        .process({
          onRecord({ at }, { timers }) {
            timers.event.set(at);
          },
          onTimer: ({ time }) => [time],
        })
        .to(topic('timers', { key: keyJson<string>(), value: json<number>() }));
    });
    const records = times.map((at) => reading(at));
    const outputs = await sameInEveryMode(edges, [{ records }], {
      futureTimestampsMaxMs: timeMax,
    });
    expect(valuesOf(outputs, 'results')).toEqual(times.map((at) => Math.floor(at / 10) * 10));
    expect(valuesOf(outputs, 'timers')).toEqual(times);
  });

  test.each([timeMax + 1, Number.NaN, Number.POSITIVE_INFINITY])(
    'are not passed: %s is no event time',
    async (at) => {
      const job_ = job('bad-time', ({ from }) => {
        from(readings, { eventTime: () => at }).to(
          topic('none', { key: readings.key, value: readings.value }),
        );
      });
      const run = await started(job_);
      await expect(run.append([reading(1)])).rejects.toThrow(
        /eventTime function of from\(readings\) returned .+offset 0/,
      );
    },
  );
});

describe('one event time far in the future', () => {
  const script = [reading(5), reading(8e15), reading(7)];

  test('fails a job that writes it, which has committed nothing of the epoch', async () => {
    const copied = job('copied', ({ from }) => {
      from(readings, byReading).to(topic('copies', { key: readings.key, value: readings.value }));
    });
    const run = await started(copied);
    const { commits } = run.broker.status();
    await expect(run.append(script)).rejects.toMatchObject({
      code: 'INVALID',
      message: expect.stringMatching(/"copies" has the timestamp \+255479-.+ would end event time/),
    });
    expect(run.broker.status().commits).toBe(commits);
    expect(run.broker.endOf({ topic: 'copies', partition: 0 })).toBe(0);
  });

  test('makes later records late, in a job with windows', async () => {
    const run = await started(counts());
    await run.append(script);
    expect(ends(run)).toEqual([10]);
    expect(run.handle.metrics().lateRecords).toBe(1);
  });
});

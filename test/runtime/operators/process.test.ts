import { describe, expect, test } from 'vitest';
import { job, topic, value } from '../../../src/dsl/index.ts';
import { bytes, json, keyJson, string } from '../../../src/formats/index.ts';
import type { Job } from '../../../src/runtime/index.ts';
import {
  type Outputs,
  ScriptRun,
  type ScriptStep,
  sameInEveryMode,
  scriptStartsAt,
  valuesOf,
} from '../../support/operator-harness.ts';

interface Visit {
  readonly user: string;
  readonly at: number;
}

const visits = topic('visits', { key: string(), value: json<Visit>() });
const found = <Value>() => topic('found', { key: keyJson<string>(), value: json<Value>() });

const visit = (user: string, at: number) => ({ value: { user, at } });

const byVisit = { eventTime: (v: Visit) => v.at, quietAfter: 'off' } as const;

describe('value state', () => {
  test('is kept for each key, and gone once cleared', async () => {
    const counted = job('counted', ({ from }) => {
      from(visits, byVisit)
        .keyBy((v) => v.user)
        .process({
          state: { seen: value<number>(), last: value<{ at: number }>() },
          onRecord({ at }, { state, key }) {
            const before = state.last.get()?.at ?? null;
            if (at === 0) {
              state.seen.clear();
              state.last.clear();
              return;
            }
            state.seen.update((n = 0) => n + 1);
            state.last.set({ at });
            return [`${key} ${state.seen.get()} ${before}`];
          },
        })
        .to(found());
    });
    const script = [
      { records: [visit('a', 1), visit('b', 2), visit('a', 3)] },
      { records: [visit('a', 0), visit('b', 4), visit('a', 5)] },
      { records: [visit('b', 0), visit('a', 6), visit('b', 7)] },
    ];
    expect(valuesOf(await sameInEveryMode(counted, script), 'found')).toEqual([
      'a 1 null',
      'b 1 null',
      'a 2 1',
      'b 2 2',
      'a 1 null',
      'a 2 5',
      'b 1 null',
    ]);
  });

  test('that is set to nothing, put back, or set twice in one epoch ends as it was last', async () => {
    const toggled = job('toggled', ({ from }) => {
      from(visits, byVisit)
        .keyBy((v) => v.user)
        .process({
          state: { on: value<boolean | null>() },
          onRecord({ at }, { state }) {
            const before = state.on.get();
            if (at % 3 === 0) state.on.clear();
            else state.on.set(at % 3 === 1 ? true : null);
            state.on.update((now) => now ?? null);
            if (at % 2 === 0) state.on.clear();
            return [[before ?? `${before}`, state.on.get() ?? `${state.on.get()}`]];
          },
        })
        .to(found());
    });
    const script = [
      { records: [1, 2, 3, 4, 5].map((at) => visit('a', at)) },
      { records: [7, 9, 6, 1].map((at) => visit('a', at)) },
    ];
    expect(valuesOf(await sameInEveryMode(toggled, script), 'found')).toEqual([
      ['undefined', true],
      [true, 'undefined'],
      ['undefined', 'null'],
      ['null', 'undefined'],
      ['undefined', 'null'],
      ['null', true],
      [true, 'null'],
      ['null', 'undefined'],
      ['undefined', true],
    ]);
  });

  test('of bytes is no view into a buffer that is used again', async () => {
    const blobs = topic('blobs', { key: string(), value: bytes() });
    const firsts = topic('firsts', { key: string(), value: bytes() });
    const kept = job('kept', ({ from }) => {
      from(blobs)
        .keyBy((blob) => (blob.length > 3 ? 'long' : 'short'), { key: string() })
        .process({
          state: { first: value(bytes()) },
          onRecord(blob, { state }) {
            state.first.update((known) => known ?? blob);
            return [state.first.get() ?? blob];
          },
        })
        .to(firsts);
    });
    const blob = (text: string) => ({ value: Buffer.from(text) });
    const script = [
      { records: ['one', 'two', 'three'].map(blob) },
      { records: ['four', 'six', 'seven'].map(blob) },
    ];
    const outputs = await sameInEveryMode(kept, script);
    expect(valuesOf(outputs, 'firsts').map((v) => Buffer.from(v as Uint8Array).toString())).toEqual(
      ['one', 'one', 'three', 'three', 'one', 'three'],
    );
  });
});

/** Emits what happens, in order: each record, and each timer that fires. */
function timerJob(
  on: (at: number, timers: { set(time: number): void; delete(time: number): void }) => void,
  kind: 'event' | 'processing' = 'event',
): Job {
  return job('timers', ({ from }) => {
    from(visits, byVisit)
      .keyBy((v) => v.user)
      .process({
        onRecord({ at }, { key, timers }) {
          on(at, timers[kind]);
          return [`${key} at ${at}`];
        },
        onTimer: (timer, { key }) => [`${key} ${timer.kind} ${timer.time}`],
      })
      .to(found());
  });
}

const textsOf = (outputs: Outputs) => valuesOf(outputs, 'found');

describe('an event-time timer', () => {
  test('fires when the watermark reaches it, once however often it was set', async () => {
    const due = timerJob((at, timers) => {
      timers.set(Math.ceil(at / 100) * 100);
      timers.set(Math.ceil(at / 100) * 100);
    });
    const at = [10, 20, 101, 100, 102, 205].map((time) => visit('a', time));
    expect(textsOf(await sameInEveryMode(due, [{ records: at }]))).toEqual([
      'a at 10',
      'a at 20',
      'a event 100', // 101 has come: nothing at or before 100 is expected any more
      'a at 101',
      'a at 100',
      'a event 100', // set again, for a time that has passed
      'a at 102',
      'a event 200',
      'a at 205',
      'a event 300', // the drain
    ]);
  });

  test('that was deleted does not fire', async () => {
    const deleted = timerJob((at, timers) => {
      if (at % 2 === 0) timers.set(at + 100);
      else timers.delete(at - 1 + 100);
    });
    const records = [10, 20, 21, 30, 200].map((time) => visit('a', time));
    expect(textsOf(await sameInEveryMode(deleted, [{ records }], { drain: false }))).toEqual([
      'a at 10',
      'a at 20',
      'a at 21',
      'a at 30',
      'a event 110',
      'a event 130',
      'a at 200',
    ]);
  });

  test('for a time that has passed fires right behind its record', async () => {
    const past = timerJob((at, timers) => timers.set(at - 50));
    const records = ['a', 'b', 'c', 'a'].map((user) => visit(user, 1000));
    expect(textsOf(await sameInEveryMode(past, [{ records }]))).toEqual([
      'a at 1000',
      'a event 950',
      'b at 1000',
      'b event 950',
      'c at 1000',
      'c event 950',
      'a at 1000',
      'a event 950',
    ]);
  });

  test('fires in the order of time and key, whatever the order of setting', async () => {
    const order = timerJob((at, timers) => timers.set(500 + (at % 3)));
    const users = ['zoe', 'ann', 'bob', 'ann2', 'eve', 'yan', 'kim'];
    const records = users.map((user, i) => visit(user, 100 + i));
    const fired = textsOf(await sameInEveryMode(order, [{ records }])).slice(users.length);
    const again = [...records].reverse();
    const firedAgain = textsOf(await sameInEveryMode(order, [{ records: again }]));
    expect(fired).toHaveLength(users.length);
    expect(firedAgain.slice(users.length)).toEqual(fired);
    expect(fired.map((text) => Number(String(text).split(' ').at(-1)))).toEqual([
      500, 500, 501, 501, 501, 502, 502,
    ]);
  });

  test('for a fraction of a millisecond fires at the next whole one', async () => {
    const fractions = timerJob((at, timers) => {
      timers.set(at + 0.2);
      timers.set(at + 0.7); // the same
      timers.set(at + 5.5);
      timers.delete(at + 5.1);
      timers.set(-0.5);
    });
    expect(textsOf(await sameInEveryMode(fractions, [{ records: [visit('a', 100)] }]))).toEqual([
      'a at 100',
      'a event 0',
      'a event 101',
    ]);
  });

  test('may set and delete others, which fire in their turn', async () => {
    const chained = job('chained', ({ from }) => {
      from(visits, byVisit)
        .keyBy((v) => v.user)
        .process({
          state: { left: value<number>() },
          onRecord({ at }, { state, timers }) {
            state.left.set(3);
            timers.event.set(at + 10);
            timers.event.set(at + 15);
          },
          onTimer({ time }, { state, timers, key, timestamp, watermark }) {
            const left = state.left.get() ?? 0;
            timers.event.delete(time + 5);
            if (left > 0) timers.event.set(time + 10);
            state.left.set(left - 1);
            return [[key, time, timestamp, left, watermark >= time]];
          },
        })
        .to(found());
    });
    const script = [{ records: [visit('a', 100)] }, { records: [visit('b', 1000)] }];
    expect(textsOf(await sameInEveryMode(chained, script, { drain: false }))).toEqual([
      ['a', 110, 110, 3, true],
      ['a', 120, 120, 2, true],
      ['a', 130, 130, 1, true],
      ['a', 140, 140, 0, true],
    ]);
  });

  test.each([Number.POSITIVE_INFINITY, Number.NaN, 1e300, -1e300])(
    'for %s is refused by the call that sets it',
    async (time) => {
      const run = new ScriptRun(timerJob((_at, timers) => timers.set(time)));
      await run.makeTopics(1);
      await run.start();
      await expect(run.append([visit('a', 1)])).rejects.toThrow(
        /Step "process-of-visits-keyed-1" .*a timer can't be set for/,
      );
    },
  );
});

describe('a processing-time timer', () => {
  const now = scriptStartsAt;
  const inASecond = timerJob((at, timers) => timers.set(now + at), 'processing');

  test('fires when the clock reaches it, without any record', async () => {
    const script: ScriptStep[] = [
      { records: [visit('a', 1000), visit('b', 3000)] },
      { pauseMs: 2000 },
      { records: [visit('c', 9000)] },
      { pauseMs: 2000 },
    ];
    expect(textsOf(await sameInEveryMode(inASecond, script))).toEqual([
      'a at 1000',
      'b at 3000',
      `a processing ${now + 1000}`,
      'c at 9000',
      `b processing ${now + 3000}`,
    ]);
  });

  test('that fell due while no job ran fires once after the restart', async () => {
    const script: ScriptStep[] = [
      { records: [visit('a', 1000), visit('b', 60_000), visit('a', 2000)] },
      { downtimeMs: 10_000 },
      { downtimeMs: 10_000 },
      { records: [visit('c', 90_000)] },
      { pauseMs: 50_000 },
      { downtimeMs: 1000 },
    ];
    expect(textsOf(await sameInEveryMode(inASecond, script))).toEqual([
      'a at 1000',
      'b at 60000',
      'a at 2000',
      `a processing ${now + 1000}`,
      `a processing ${now + 2000}`,
      'c at 90000',
      `b processing ${now + 60_000}`,
    ]);
  });

  test('that was deleted stays deleted across restarts', async () => {
    const deleted = timerJob((at, timers) => {
      if (at % 2 === 0) timers.set(now + at);
      else timers.delete(now + at - 1);
    }, 'processing');
    const script: ScriptStep[] = [
      { records: [visit('a', 1000), visit('a', 2000), visit('b', 2000)] },
      { downtimeMs: 500 },
      { records: [visit('a', 2001)] },
      { downtimeMs: 10_000 },
      { pauseMs: 10_000 },
    ];
    expect(textsOf(await sameInEveryMode(deleted, script))).toEqual([
      'a at 1000',
      'a at 2000',
      'b at 2000',
      'a at 2001',
      `a processing ${now + 1000}`,
      `b processing ${now + 2000}`,
    ]);
  });

  test('for a time that has passed fires right behind its record', async () => {
    const past = timerJob((_at, timers) => timers.set(now - 5), 'processing');
    const records = ['a', 'b', 'a'].map((user, i) => visit(user, i));
    expect(textsOf(await sameInEveryMode(past, [{ records }]))).toEqual([
      'a at 0',
      `a processing ${now - 5}`,
      'b at 1',
      `b processing ${now - 5}`,
      'a at 2',
      `a processing ${now - 5}`,
    ]);
  });
});

describe('what a process step emits', () => {
  test('may be a generator, which sees its key between two results', async () => {
    const lazy = job('lazy', ({ from }) => {
      from(visits, byVisit)
        .keyBy((v) => v.user)
        .process({
          state: { n: value<number>() },
          *onRecord({ at }, { state, key }) {
            for (let i = 0; i < at; i++) {
              state.n.update((n = 0) => n + 1);
              yield { key, n: state.n.get() };
            }
          },
        })
        .keyBy((v) => String(v.n))
        .to(found());
    });
    const script = [{ records: [visit('a', 2), visit('b', 1), visit('a', 1)] }];
    const outputs = await sameInEveryMode(lazy, script);
    expect(outputs['found/0']?.map(({ key, value }) => [key, value])).toEqual([
      ['1', { key: 'a', n: 1 }],
      ['2', { key: 'a', n: 2 }],
      ['1', { key: 'b', n: 1 }],
      ['3', { key: 'a', n: 3 }],
    ]);
  });
});

/**
 * - State that is rebuilt equals the state that was lost, store for store and row for row: whatever
 *   the job keeps, whatever its input, however it ran (batches, epochs, turns, crashes, restarts,
 *   take-overs, memory), and however long its streams were silent.
 * - Nothing is written again.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { count, job, list, map, sum, topic, tumbling, value } from '../../../src/dsl/index.ts';
import { json, keyJson } from '../../../src/formats/index.ts';
import type { Job } from '../../../src/runtime/index.ts';
import { ScriptRun, type ScriptStep } from '../../support/operator-harness.ts';
import { type Mode, otherModes, plainMode } from '../../support/operator-harness-modes.ts';
import { readingScripts, readings, scriptsTried } from '../../support/operator-harness-scripts.ts';
import { drop, expectSameState } from '../../support/rebuilding.ts';

const [windows, late, running, kept] = ['windows', 'late', 'running', 'kept'].map((name) =>
  topic(name, { key: keyJson<unknown>(), value: json<unknown>() }),
) as [T, T, T, T];
type T = ReturnType<typeof topic<unknown, unknown>>;

/** Of everything that keeps state something. */
const keeping: Job = job('keeping', ({ from }) => {
  const byKey = from(readings, {
    eventTime: (r) => r.at,
    outOfOrderness: 10,
    idleAfter: '4s',
    quietAfter: '15s',
  }).keyBy((r) => r.key);
  const windowed = byKey.window(tumbling(20)).aggregate({ n: count(), total: sum((r) => r.n) });
  windowed.to(windows);
  windowed.late.to(late);
  byKey.aggregate({ n: count() }, { ttl: '9s' }).to(running);
  byKey
    .process({
      state: {
        last: value<number>(),
        all: list<number>({ ttl: 30 }),
        some: list<number>({ ttl: { after: '9s', time: 'processing' } }),
        items: map<string, number>({ ttl: { after: 25, refresh: 'read and write' } }),
      },
      onRecord({ at, n }, { state, timers, now }) {
        state.last.update((before = 0) => Math.max(before, at));
        state.all.add(n, { ttl: n % 3 === 0 ? 1 + Math.abs(n) : 30 });
        if (n % 4 === 0) state.some.add(n, { ttl: '1s' });
        else state.some.add(n);
        if (n < -15) state.all.clear();
        if (n % 2 === 0) state.items.set(`${n % 5}`, n);
        else state.items.delete(`${n % 5}`);
        timers.event.set(at + Math.abs(n));
        timers.processing.set(now + Math.abs(n) * 1000);
        if (n === 7) timers.event.delete(at + 3);
        return n % 7 === 0 ? [[...state.all.values()]] : [];
      },
      onTimer: ({ kind, time }, { state }) => [[kind, time, state.last.get() ?? null]],
      onExpire: ({ state, value: was }) => [[state, was]],
    })
    .to(kept);
});

const seconds = fc.integer({ min: 1, max: 25 }).map((count) => count * 1000);
const waits: fc.Arbitrary<ScriptStep> = fc.oneof(
  seconds.map((pauseMs) => ({ pauseMs })),
  seconds.map((downtimeMs) => ({ downtimeMs })),
);
const scripts = fc
  .array(fc.tuple(readingScripts({ partitions: 3, timeMax: 200 }), fc.option(waits)), {
    minLength: 1,
    maxLength: 3,
  })
  .map((parts) =>
    parts.flatMap(([records, wait]) => [...records, ...(wait === null ? [] : [wait])]),
  );

interface Run {
  readonly script: readonly ScriptStep[];
  readonly mode: Mode;
  readonly end: 'stop' | 'drain' | 'stop, drop, and go on';
}

const runs: fc.Arbitrary<Run> = fc.record({
  script: scripts,
  mode: fc.constantFrom(plainMode, ...otherModes),
  end: fc.constantFrom('stop', 'drain', 'stop, drop, and go on'),
});

async function runToItsEnd({ script, mode, end }: Run): Promise<ScriptRun> {
  const scripted = new ScriptRun(keeping, mode);
  await scripted.makeTopics(3);
  await scripted.start();
  for (const step of script) await scripted.step(step);
  if (end === 'stop, drop, and go on') {
    await scripted.finish(false);
    await drop(scripted, keeping, '/items');
    await scripted.start();
    for (const step of script.slice(0, 2)) await scripted.step(step);
  }
  await scripted.finish(end === 'drain');
  return scripted;
}

test('state that is rebuilt is what it was', async () => {
  const memory = fc.constantFrom(1, 50_000, 1e9);
  const unfolded = fc.constantFrom(1, 1000, 1e9);
  await fc.assert(
    fc.asyncProperty(runs, memory, unfolded, async (ran, stateMemoryMax, unfoldedBytesMax) => {
      const scripted = await runToItsEnd(ran);
      const outputs = scripted.outputs();
      await expectSameState(scripted, keeping, { stateMemoryMax, unfoldedBytesMax });
      expect(scripted.outputs()).toEqual(outputs);
    }),
    { numRuns: scriptsTried(12) },
  );
});

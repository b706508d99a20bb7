/**
 * Against jobs that do the same with `map`, whatever the order of the answers, and however the job
 * runs (batches, epochs, turns, crashes, restarts, take-overs, memory):
 *
 * - Ordered: each topic has the same records in the same order, behind windows, timers and other
 *   `mapAsync` steps too.
 * - Unordered: the same records, windows among them, and the same ones are late.
 * - Each question is asked once for each time that its memo has ended in event time; never more are
 *   open than the capacity says.
 * - State that is lost is rebuilt without asking anybody.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { KeyedStream, MapAsyncOptions } from '../../../src/dsl/index.ts';
import { count, job, sum, topic, tumbling } from '../../../src/dsl/index.ts';
import { json, keyJson } from '../../../src/formats/index.ts';
import type { Job } from '../../../src/runtime/index.ts';
import {
  type Outputs,
  runScript,
  ScriptRun,
  type ScriptStep,
} from '../../support/operator-harness.ts';
import { type Mode, otherModes, plainMode } from '../../support/operator-harness-modes.ts';
import {
  byReading,
  type Reading,
  readingScripts,
  readings,
  scriptsTried,
} from '../../support/operator-harness-scripts.ts';
import { Oracle } from '../../support/oracle.ts';

const [direct, windows, late, timers, cascade] = [
  ...['direct', 'windows', 'late', 'timers', 'cascade'],
].map((name) => topic(name, { key: keyJson<unknown>(), value: json<unknown>() })) as [
  ...[T, T, T, T, T],
];
type T = ReturnType<typeof topic<unknown, unknown>>;

const answerOf = ({ key, at, n }: Reading) => ({ key, at, n: n * 10 });

/** Behind the step: what depends on order, on event time, and on other steps that ask. */
function build(ask: (of: Asked) => Asked): Job {
  return job('asking', ({ from }) => {
    const byKey = from(readings, { ...byReading, outOfOrderness: 10 }).keyBy((r) => r.key);
    const asked = ask(byKey);
    asked.to(direct);
    const windowed = asked.window(tumbling(20)).aggregate({ n: count(), of: sum((r) => r.n) });
    windowed.to(windows);
    windowed.late.to(late);
    asked
      .process({
        onRecord: ({ at, n }, { timers: { event } }) => event.set(at + Math.abs(n)),
        onTimer: ({ time }, { watermark }) => [[time, watermark]],
      })
      .to(timers);
    ask(windowed.map((w): Reading => ({ key: '', at: w.windowStart, n: w.of })))
      .window(tumbling(40))
      .aggregate({ n: count(), of: sum((r) => r.n) }, { name: 'cascade' })
      .to(cascade);
  });
}

type Asked = KeyedStream<Reading, string>;

let steps = 0;

function asking(oracle: Oracle<Reading, Reading>, options: MapAsyncOptions<Reading, Reading>): Job {
  steps = 0;
  return build((stream) => stream.mapAsync(oracle.ask, { name: `ask-${steps++}`, ...options }));
}

const mapping = build((stream) => stream.map(answerOf));

type Op = ScriptStep | { readonly answer: number } | 'restart';

/**
 * One partition: when another one's records are read depends on when there is room for them, like on
 * when they come.
 */
const ops: fc.Arbitrary<Op[]> = fc
  .tuple(
    readingScripts({ recordsMax: 8 }),
    fc.array(fc.oneof(fc.record({ answer: fc.nat({ max: 9 }) }), fc.constant('restart' as const)), {
      maxLength: 12,
    }),
    fc.infiniteStream(fc.nat({ max: 4 })),
  )
  .map(([script, others, picks]) => {
    const mixed: Op[] = [];
    for (const step of script) {
      mixed.push(step, ...others.splice(0, picks.next().value ?? 0));
    }
    return [...mixed, ...others];
  });

const modes = fc.constantFrom<Mode>(plainMode, ...otherModes);

async function runOps(run: ScriptRun, oracle: Oracle<Reading, Reading>, all: readonly Op[]) {
  await run.makeTopics(1);
  await run.start();
  for (const op of all) {
    if (op === 'restart') {
      await run.stop();
      await run.start();
    } else if ('answer' in op) {
      oracle.answer(op.answer);
      await run.step({ pauseMs: 0 });
    } else {
      await run.step(op);
    }
  }
  oracle.beginToAnswer();
  await run.step({ pauseMs: 0 });
  await run.finish(true);
}

const scriptOf = (all: readonly Op[]) =>
  all.filter((op): op is ScriptStep => op !== 'restart' && !('answer' in op));

const expectedOf = async (all: readonly Op[]) =>
  (await runScript(mapping, scriptOf(all), plainMode)).outputs;

test('ordered: the same records in the same order as map gives', async () => {
  await fc.assert(
    fc.asyncProperty(ops, modes, fc.integer({ min: 1, max: 6 }), async (all, mode, capacity) => {
      const oracle = new Oracle(answerOf);
      const run = new ScriptRun(asking(oracle, { capacity }), mode);
      await runOps(run, oracle, all);
      expect(run.outputs()).toEqual(await expectedOf(all));
    }),
    { numRuns: scriptsTried(25) },
  );
});

/** What does not depend on the order in which records of a key came. */
function sorted(outputs: Outputs): Record<string, readonly string[]> {
  return Object.fromEntries(
    Object.entries(outputs).map(([name, records]) => [
      name,
      records.map((record) => JSON.stringify(record)).sort(),
    ]),
  );
}

test('unordered: the same records as map gives, and the same ones late', async () => {
  await fc.assert(
    fc.asyncProperty(ops, modes, async (all, mode) => {
      const oracle = new Oracle(answerOf);
      const run = new ScriptRun(asking(oracle, { order: 'unordered', capacity: 4 }), mode);
      await runOps(run, oracle, all);
      const [is, was] = [run.outputs(), await expectedOf(all)].map((outputs) => {
        // A timer says where the watermark stood, which depends on when a record set it.
        return sorted(
          Object.fromEntries(Object.entries(outputs).filter(([n]) => !/timers/.test(n))),
        );
      });
      expect(is).toEqual(was);
    }),
    { numRuns: scriptsTried(25) },
  );
});

/**
 * A large window and many timers that are due at once fire in slices, over several epochs with
 * commits between: a crash between any two of them neither loses nor repeats a result.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import { count, job, topic, tumbling, value } from '../../src/dsl/index.ts';
import { json, keyJson } from '../../src/formats/index.ts';
import { type Outputs, runScript, type ScriptStep } from '../support/operator-harness.ts';
import type { CommitFate } from '../support/operator-harness-broker.ts';
import { type Mode, plainMode } from '../support/operator-harness-modes.ts';
import { byReading, readings } from '../support/operator-harness-scripts.ts';

const keys = 4;
const results = <Value>(name: string) =>
  topic(name, { key: keyJson<string>(), value: json<Value>(), partitions: 1 });

/** Counts in a window, and again when a timer is due, whose state is removed then. */
const due = job('due', ({ from }) => {
  const byKey = from(readings, byReading).keyBy((r) => r.key);
  byKey.window(tumbling(100)).aggregate({ n: count() }).to(results('windows'));
  byKey
    .process({
      state: { seen: value<number>() },
      onRecord(_, { state, timers }) {
        state.seen.update((seen = 0) => seen + 1);
        timers.event.set(99);
      },
      onTimer(_, { state }) {
        const seen = state.seen.get() ?? -1;
        state.seen.clear();
        return [seen];
      },
    })
    .to(results('timers'));
});

const reading = (i: number, at: number) => ({ value: { key: `key-${i}`, at, n: 1 } });
const filled = Array.from({ length: keys }, (_, i) => reading(i, i));

/** Everything is due with one record. */
const script: ScriptStep[] = [{ records: filled }, { records: [reading(0, 1000)] }];

/** A commit after each record and after each firing. */
const apart = { epochRecords: 1, epochBytes: 1 } as const;

type State = Pick<Mode, 'state' | 'stateMemoryMax'>;
const states: [string, State][] = [
  ['the changelog', { state: 'changelog' }],
  ['both', { state: 'both' }],
  ['the state file, with next to no memory', { state: 'state file', stateMemoryMax: 1 }],
];

let expected: Outputs;
beforeAll(async () => {
  expected = (await runScript(due, script)).outputs;
});

function modeOf(state: State, atCommit: (n: number) => CommitFate): Mode {
  return { ...plainMode, ...state, epoch: apart, name: 'apart', atCommit };
}

/** Commits of a run without a crash. */
async function commitsOf(state: State): Promise<number> {
  let commits = 0;
  const mode = modeOf(state, (n) => {
    commits = n;
    return 'keep';
  });
  const { outputs } = await runScript(due, script, mode);
  expect(outputs).toEqual(expected);
  return commits;
}

describe('what is due at once', () => {
  test('is a window and a timer for each key', () => {
    const counts = Object.entries(expected).map(([name, records]) => [name, records.length]);
    expect(counts).toEqual([
      ['windows/0', keys + 1],
      ['timers/0', keys + 1],
    ]);
  });

  test.each(states)('fires with a commit after each result; state in %s', async (_, state) => {
    const [records, fired] = [keys + 1, 2 * (keys + 1)];
    expect(await commitsOf(state)).toBeGreaterThanOrEqual(records + fired);
  });

  test.each(states)('fires once, whatever commit is crashed at; state in %s', async (_, state) => {
    const commits = await commitsOf(state);
    for (const fate of ['crash before', 'crash after'] as const) {
      for (let at = 1; at <= commits; at++) {
        const mode = modeOf(state, (n) => (n === at ? fate : 'keep'));
        const { outputs, runs } = await runScript(due, script, mode);
        expect(outputs, `${fate} commit ${at} of ${commits}`).toEqual(expected);
        expect(runs).toBe(2);
      }
    }
  });
});

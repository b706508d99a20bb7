import { describe, expect, test } from 'vitest';
import {
  aggregating,
  count,
  job,
  list,
  map,
  reducing,
  type TtlOptions,
  topic,
  value,
} from '../../../src/dsl/index.ts';
import { json, keyJson, string } from '../../../src/formats/index.ts';
import type { Job } from '../../../src/runtime/index.ts';
import {
  type Outputs,
  runScript,
  ScriptRun,
  type ScriptStep,
  sameInEveryMode,
  scriptStartsAt,
  valuesOf,
} from '../../support/operator-harness.ts';
import { lookMs, type Mode, otherModes, plainMode } from '../../support/operator-harness-modes.ts';

interface Visit {
  readonly user: string;
  readonly at: number;
}

const visits = topic('visits', { key: string(), value: json<Visit>() });
const found = <Value>() => topic('found', { key: keyJson<string>(), value: json<Value>() });
const visit = (user: string, at: number) => ({ value: { user, at } });
const byVisit = { eventTime: (v: Visit) => v.at, quietAfter: 'off' } as const;
const textsOf = (outputs: Outputs) => valuesOf(outputs, 'found');

describe('state with a time-to-live', () => {
  test('of a list loses elements that end together in the order in which they came', async () => {
    const listed = job('listed', ({ from }) => {
      from(visits, byVisit)
        .keyBy(() => 'all')
        .process({
          state: { users: list<string>({ ttl: 100 }) },
          onRecord({ user }, { state }) {
            state.users.add(user);
          },
          onExpire: ({ value: user }) => [user],
        })
        .to(found());
    });
    const users = Array.from({ length: 12 }, (_, i) => `user ${i}`);
    const script = [{ records: [...users.map((user) => visit(user, 1)), visit('later', 1000)] }];
    expect(textsOf(await sameInEveryMode(listed, script))).toEqual(users);
  });

  test('tells what is lost as its users see it, and takes what onExpire sets', async () => {
    const lossy = job('lossy', ({ from }) => {
      from(visits, byVisit)
        .keyBy((v) => v.user)
        .process({
          state: {
            last: value<number>({ ttl: 100 }),
            most: reducing<number>((a, b) => Math.max(a, b), { ttl: 100 }),
            stats: aggregating({ n: count() }, { ttl: 100 }),
            places: map<string, number>({ ttl: 100 }),
            times: list<number>({ ttl: '100ms' }),
            losses: value<number>(),
          },
          onRecord({ user, at }, { state }) {
            state.last.set(at);
            state.most.add(at);
            state.stats.add(at);
            state.places.set(user, at);
            state.times.add(at);
            return [];
          },
          *onExpire(expired, { key, state, timestamp }) {
            state.losses.update((n = 0) => n + 1);
            yield { key, timestamp, loss: state.losses.get(), ...expired };
            if (expired.state === 'last') {
              yield `seen: ${[state.last.get(), state.most.get(), ...state.places.keys()]}`;
              if (timestamp < 200) state.last.set(expired.value + 1);
            }
          },
        })
        .to(found());
    });
    const script = [{ records: [visit('a', 1), visit('a', 0), visit('b', 1000)] }];
    const at = { key: 'a', timestamp: 101 };
    expect(textsOf(await sameInEveryMode(lossy, script))).toEqual([
      { key: 'a', timestamp: 100, loss: 1, state: 'times', value: 0 },
      { ...at, loss: 2, state: 'last', value: 0 },
      'seen: ,',
      { ...at, loss: 3, state: 'most', value: 1 },
      { ...at, loss: 4, state: 'stats', value: { n: 2 } },
      { ...at, loss: 5, state: 'places', item: 'a', value: 0 },
      { ...at, loss: 6, state: 'times', value: 1 },
      { key: 'a', timestamp: 201, loss: 7, state: 'last', value: 1 },
      'seen: ,',
    ]);
  });

  test('gives an entry the life that was said last', async () => {
    const said = job('said', ({ from }) => {
      from(visits, byVisit)
        .keyBy((v) => v.user)
        .process({
          state: { last: value<number>({ ttl: 50 }) },
          onRecord({ user, at }, { state }) {
            const own = { longer: 100, shorter: 10 }[user.split(', ')[at] ?? ''];
            state.last.set(at, own === undefined ? undefined : { ttl: own });
            return [];
          },
          onExpire: ({ value: at }, { key, timestamp }) => [`${key}: ${at} lost at ${timestamp}`],
        })
        .to(found());
    });
    const users = [
      'longer, shorter',
      'shorter, longer',
      'longer, usual',
      'usual, shorter',
      'usual',
    ];
    const records = [0, 1, 2].flatMap((at) =>
      users.filter((user) => at < user.split(', ').length).map((user) => visit(user, at)),
    );
    expect(
      textsOf(await sameInEveryMode(said, [{ records }, { records: [visit('', 500)] }])),
    ).toEqual([
      'longer, shorter: 1 lost at 11',
      'usual, shorter: 1 lost at 11',
      'usual: 0 lost at 50',
      'longer, usual: 1 lost at 51',
      'shorter, longer: 1 lost at 101',
    ]);
  });

  test('shows a timer what is alive at its time', async () => {
    const timed = job('timed', ({ from }) => {
      from(visits, byVisit)
        .keyBy((v) => v.user)
        .process({
          state: { last: value<number>({ ttl: 100 }) },
          onRecord({ at }, { state, timers }) {
            state.last.set(at);
            for (const after of [99, 100]) timers.event.set(at + after);
            return [];
          },
          onTimer: ({ time }, { state }) => [`${time} ${state.last.get()}`],
        })
        .to(found());
    });
    const script = [{ records: [visit('a', 0), visit('b', 1000)] }];
    expect(textsOf(await sameInEveryMode(timed, script))).toEqual([
      '99 0',
      '100 undefined',
      '1099 1000',
      '1100 undefined',
    ]);
  });

  test('does not make event time go on in silence or in a drain', async () => {
    const quiet = job('quiet', ({ from }) => {
      from(visits, { eventTime: (v) => v.at, quietAfter: 1000 })
        .keyBy((v) => v.user)
        .process({
          state: { last: value<number>({ ttl: 5000 }) },
          onRecord({ at }, { state, watermark }) {
            state.last.set(at);
            return [`${at} at ${watermark}`];
          },
          onExpire: ({ value: at }) => [`lost ${at}`],
        })
        .to(found());
    });
    const script = [
      { records: [visit('a', 0)] },
      { pauseMs: 60_000 },
      { records: [visit('b', 4000)] },
      { pauseMs: 60_000 },
      { records: [visit('c', 5002), visit('c', 5003)] },
    ];
    expect(textsOf(await sameInEveryMode(quiet, script))).toEqual([
      '0 at -1',
      '4000 at 3999',
      'lost 0',
      '5002 at 5001',
      '5003 at 5002',
    ]);
  });

  test('makes running aggregates and reductions begin anew', async () => {
    const running = job('running', ({ from }) => {
      const byUser = from(visits, byVisit).keyBy((v) => v.user);
      byUser.aggregate({ n: count() }, { ttl: 100 }).to(found());
      byUser.reduce((a, b) => ({ user: a.user, at: a.at + b.at }), { ttl: 100 }).to(found());
    });
    const times = [0, 99, 198, 300, 301].map((at) => visit('a', at));
    expect(textsOf(await sameInEveryMode(running, [{ records: times }]))).toEqual(
      [
        [1, 0],
        [2, 99],
        [3, 297],
        [1, 300],
        [2, 601],
      ].flatMap(([n, at]) => [{ n }, { user: 'a', at }]),
    );
  });

  test('is told that an entry of state without one can have none', async () => {
    const forever = job('forever', ({ from }) => {
      from(visits, byVisit)
        .keyBy((v) => v.user)
        .process({
          state: { last: value<number>() },
          onRecord: ({ at }, { state }) => state.last.set(at, { ttl: '1h' }),
        })
        .to(found());
    });
    await expect(runScript(forever, [{ records: [visit('a', 1)] }])).rejects.toThrow(
      'State "process-of-visits-keyed-1/last" has no time-to-live',
    );
  });

  test('is refused where it says nothing that could be', () => {
    expect(() => value({ ttl: 0 })).toThrow("The ttl of value() can't be 0");
    expect(() => list({ ttl: 'soon' })).toThrow('The ttl of list() can\'t be "soon"');
    const options = { after: 1, time: 'wall' } as unknown as TtlOptions; // as from JavaScript
    expect(() => map({ ttl: options })).toThrow('time in the ttl of map() can\'t be "wall"');
  });

  test('ends in slices where much ends at once, with commits in between', async () => {
    const elements = 40_000;
    let lost = 0;
    const mass = job('mass', ({ from }) => {
      from(visits, byVisit)
        .keyBy((v) => v.user)
        .process({
          state: { all: list<number>({ ttl: 10 }) },
          onRecord({ user }, { state }) {
            if (user === 'a') for (let i = 0; i < elements; i++) state.all.add(i);
            return [[...state.all.values()].length];
          },
          onExpire: () => {
            lost++;
          },
        })
        .to(found());
    });
    const run = new ScriptRun(mass, {
      ...plainMode,
      epoch: { turnMs: 30 * lookMs, epochMs: 600 * lookMs },
      shortTurns: true,
    });
    await run.makeTopics(1);
    await run.start();
    await run.append([visit('a', 0)]);
    const before = run.handle.metrics().commits;
    await run.append([visit('b', 100)]);
    await run.append([visit('c', 101)]);
    expect(lost).toBe(elements);
    expect(run.handle.metrics().commits - before).toBeGreaterThan(20);
    await run.finish(false);
    expect(textsOf(run.outputs())).toEqual([elements, 0, 0]);
  });
});

/** Each record sets the value of its user; what is lost is told. */
function keeping(ttl: TtlOptions | undefined, outOfOrderness = 0): Job {
  return job('keeping', ({ from }) => {
    from(visits, { ...byVisit, outOfOrderness })
      .keyBy((v) => v.user)
      .process({
        name: 'keep',
        state: {
          last: value<number>(ttl === undefined ? {} : { ttl }),
          all: map<string, number>(ttl === undefined ? {} : { ttl }),
        },
        onRecord({ user, at }, { state }) {
          const seen = `${user} ${at}: ${state.last.get()} ${[...state.all.values()]}`;
          if (at % 10 === 0) {
            state.last.set(at);
            state.all.set(`at ${at}`, at);
          }
          return [seen];
        },
        onExpire: ({ state, value: at }, { key, timestamp }) => [
          `${key} lost ${state} ${at} at ${timestamp}`,
        ],
      })
      .to(found());
  });
}

const living = (ms: number) => ({ after: ms }) as const;

const modes: readonly Mode[] = [
  plainMode,
  ...otherModes.filter(({ name }) => /restored|memory|taken over|third commit/.test(name)),
];

describe.each(modes)('a time-to-live that is changed: $name', (mode) => {
  async function changed(...runs: readonly [Job, ...ScriptStep[]][]): Promise<unknown[]> {
    const [first] = runs;
    if (first === undefined) return [];
    const run = new ScriptRun(first[0], mode);
    await run.makeTopics(1);
    for (const [next, ...steps] of runs) {
      await run.start(next);
      for (const step of steps) await run.step(step);
      await run.stop();
    }
    return textsOf(run.outputs());
  }

  const visited = (user: string, at: number) => ({ records: [visit(user, at)] });

  test('to a longer one lets what is there live on', async () => {
    const outputs = await changed(
      [keeping(living(100)), visited('a', 0)],
      [keeping(living(1000)), visited('b', 901), visited('a', 902), visited('b', 1005)],
    );
    expect(outputs).toEqual([
      'a 0: undefined ',
      'b 901: undefined ',
      'a 902: 0 0',
      'a lost last 0 at 1000',
      'a lost all 0 at 1000',
      'b 1005: undefined ',
    ]);
  });

  test('to a shorter one ends what is there at once', async () => {
    const outputs = await changed(
      [keeping(living(1000)), visited('a', 0), visited('b', 300)],
      [keeping(living(100)), visited('a', 305)],
    );
    expect(outputs).toEqual([
      'a 0: undefined ',
      'b 300: undefined ',
      'a lost last 0 at 100',
      'a lost all 0 at 100',
      'a 305: undefined ',
    ]);
  });

  test('from none to one begins the life of what is there', async () => {
    const outputs = await changed(
      [keeping(undefined), visited('a', 0), visited('a', 10), visited('b', 501)],
      [keeping(living(100)), visited('c', 580), visited('a', 599), visited('c', 601)],
    );
    expect(outputs).toEqual([
      'a 0: undefined ',
      'a 10: 0 0',
      'b 501: undefined ',
      'c 580: undefined ',
      'a 599: 10 0,10',
      'a lost last 10 at 600',
      'a lost all 0 at 600',
      'a lost all 10 at 600',
      'c 601: 580 580',
    ]);
  });

  test('to none and back begins it anew', async () => {
    const outputs = await changed(
      [keeping(living(100)), visited('a', 0)],
      [keeping(undefined), visited('b', 501), visited('a', 502)],
      [keeping(living(200)), visited('a', 700), visited('b', 703)],
    );
    expect(outputs).toEqual([
      'a 0: undefined ',
      'b 501: undefined ',
      'a 502: 0 0',
      'a 700: 0 0',
      'a lost all 0 at 701',
      'b 703: undefined ',
    ]);
  });

  test('from event time to the clock begins it anew', async () => {
    const outputs = await changed(
      [keeping(living(100)), visited('a', 0)],
      [
        keeping({ after: 1000, time: 'processing' }),
        visited('b', 501),
        { pauseMs: 999 },
        visited('a', 502),
        { pauseMs: 2 },
        visited('a', 503),
      ],
    );
    expect(outputs).toEqual([
      'a 0: undefined ',
      'b 501: undefined ',
      'a 502: 0 0',
      `a lost last 0 at ${scriptStartsAt + 1000}`,
      `a lost all 0 at ${scriptStartsAt + 1000}`,
      'a 503: undefined ',
    ]);
  });
});

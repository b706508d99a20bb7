/**
 * Each error policy, seen from outside: what goes on, what is counted, what a dead letter holds. That
 * a failing record leaves nothing is in poison.property.test.ts.
 */
import { describe, expect, test } from 'vitest';
import { type Header, RecordBatchBuilder } from '../../src/broker/index.ts';
import { count, job, type OnError, topic, tumbling } from '../../src/dsl/index.ts';
import { bytes, json, keyJson, string } from '../../src/formats/index.ts';
import { assert } from '../../src/platform/errors.ts';
import { isMillraceError, MillraceError } from '../../src/platform/index.ts';
import { describeGraph, type Job } from '../../src/runtime/index.ts';
import { readAll, ScriptRun, scriptStartsAt } from '../support/operator-harness.ts';

const words = topic('words', { key: string(), value: string() });
const out = topic('out', { key: keyJson<string>(), value: string() });
const raw = (name: string) => topic(name, { key: bytes(), value: bytes() });
const text = (of: Uint8Array | null) => (of === null ? null : Buffer.from(of).toString());

/** Fails on the words for which `fails` says so. */
function jobOf(onError: OnError, fails: (word: string) => boolean | Error): Job {
  const build: Parameters<typeof job>[1] = ({ from }) => {
    from(words, { quietAfter: 'off' })
      .map((word) => {
        const failure = fails(word);
        if (failure === false) return word;
        throw failure === true ? new Error(`no ${word}`) : failure;
      })
      .to(out);
  };
  return job('policies', build, { onError });
}

async function started(of: Job, partitions = 1): Promise<ScriptRun> {
  const run = new ScriptRun(of);
  await run.makeTopics(partitions);
  await run.start();
  return run;
}

const wordsOf = (...all: string[]) => all.map((value) => ({ key: 'k', value, timestamp: 5 }));
const written = (run: ScriptRun) => readAll(run.broker, out, 0).map(({ value }) => value);
const deadIn = (run: ScriptRun, name = 'dead') => readAll(run.broker, raw(name), 0);
const contextOf = ({ headers }: { readonly headers: readonly Header[] }) =>
  Object.fromEntries(headers.map(({ key, value }) => [key, text(value)]));

describe('skip', () => {
  test('leaves out what fails, and counts it by step and code', async () => {
    const run = await started(jobOf('skip', (word) => word === 'bad'));
    await run.append(wordsOf('a', 'bad', 'b', 'bad'));
    expect(written(run)).toEqual(['a', 'b']);
    expect(run.handle.metrics()).toMatchObject({
      recordsRead: 4,
      skippedRecords: 2,
      deadLetters: 0,
      failedRecords: [
        { step: 'map-1 of words', code: 'USER_FUNCTION', outcome: 'skipped', records: 2 },
      ],
    });
    await run.stop();
    expect(run.handle.status().metrics.skippedRecords).toBe(2);
  });

  test('is not for bugs, and not for what is no fault of a record', async () => {
    const bug = (word: string) => {
      try {
        assert(word === 'b', 'there is nothing but b');
        return false;
      } catch (error) {
        return new MillraceError('ENCODE', 'told as something else', { cause: error });
      }
    };
    const run = await started(jobOf('skip', bug));
    await expect(run.append(wordsOf('a'))).rejects.toThrow('told as something else');
    const full = await started(jobOf('skip', () => new MillraceError('IO', 'no disk')));
    await expect(full.append(wordsOf('a'))).rejects.toThrow('no disk');
  });

  test('counts what is due as nobody: a window whose result fails ends the job', async () => {
    const run = await started(
      job(
        'policies',
        ({ from }) => {
          from(words, { quietAfter: 'off' })
            .keyBy((word) => word)
            .window(tumbling(10))
            .aggregate({ n: count() })
            .map(() => {
              throw new Error('no result');
            })
            .to(topic('out', { key: keyJson<string>(), value: json<never>() }));
        },
        { onError: 'skip' },
      ),
    );
    await run.append(wordsOf('a'));
    await expect(run.append([{ value: 'b', timestamp: 30 }])).rejects.toThrow(
      'no result (a timer or window that was due, keyed "a")',
    );
  });
});

describe('dead letters', () => {
  test('hold the record as it was, and what is known of its failure', async () => {
    const of = jobOf({ deadLetters: 'dead' }, (word) => word.startsWith('bad'));
    const run = await started(of, 3);
    const headers = [
      { key: 'trace', value: Uint8Array.of(0, 255) },
      { key: 'trace', value: null },
    ];
    const builder = new RecordBatchBuilder();
    builder.append(7, Buffer.from('k'), Buffer.from('good'));
    builder.append(9, null, Buffer.from('bad'), headers);
    const append = { topic: 'words', partition: 2, recordCount: 2, maxTimestamp: 9 };
    await run.machine.advance(1000);
    await run.machine.until(run.broker.append([{ ...append, batches: builder.build() }]));
    await run.machine.settle();
    const [dead, ...others] = readAll(run.broker, raw('dead'), 2);
    expect(others).toEqual([]);
    expect(dead?.key).toBe(null);
    expect(dead?.value).toEqual(Uint8Array.from(Buffer.from('bad')));
    expect(dead?.timestamp).toBe(9);
    expect(dead?.headers.slice(0, 2)).toEqual(headers);
    expect(contextOf({ headers: dead?.headers.slice(2) ?? [] })).toEqual({
      'millrace.job': 'policies',
      'millrace.step': 'map-1 of words',
      'millrace.kind': 'map',
      'millrace.code': 'USER_FUNCTION',
      'millrace.message': 'no bad',
      'millrace.topic': 'words',
      'millrace.partition': '2',
      'millrace.offset': '1',
      'millrace.timestamp': '9',
      'millrace.failed-at': String(scriptStartsAt + 1000),
      'millrace.attempts': '1',
    });
    expect(run.handle.metrics()).toMatchObject({ skippedRecords: 0, deadLetters: 1 });
  });

  test('of what can not be decoded are its bytes; many of them take many turns', async () => {
    const fragile = topic('words', { key: string(), value: json<string>() });
    const of = job('policies', ({ from }) => {
      from(fragile, { onError: { deadLetters: 'dead' }, quietAfter: 'off' }).to(out);
    });
    const run = await started(of);
    const builder = new RecordBatchBuilder();
    const all = 1000;
    for (let i = 0; i < all; i++) builder.append(1e9 + i, null, Buffer.from(`{${i}`));
    builder.append(3, null, Buffer.from('"good"'));
    const append = { topic: 'words', partition: 0, recordCount: all + 1, maxTimestamp: 1e9 + all };
    await run.machine.until(run.broker.append([{ ...append, batches: builder.build() }]));
    await run.machine.settle();
    const dead = deadIn(run);
    expect(dead.map(({ value }) => text(value as Uint8Array))).toEqual(
      Array.from({ length: all }, (_, i) => `{${i}`),
    );
    expect(contextOf(dead[999] ?? { headers: [] })).toMatchObject({
      'millrace.step': 'from-words',
      'millrace.kind': 'source',
      'millrace.code': 'DECODE',
      'millrace.offset': '999',
    });
    expect(written(run)).toEqual(['good']);
    expect(run.handle.metrics().recordsRead).toBe(all + 1);
    expect(run.handle.status().watermark).toBe(2); // theirs do not count
  });

  test('can differ by topic', async () => {
    const others = topic('others', { key: string(), value: string() });
    const fails = (word: string) => {
      throw new Error(`no ${word}`);
    };
    const of = job(
      'policies',
      ({ from }) => {
        from(words).map(fails).to(out);
        from(others, { onError: { deadLetters: 'dead' } })
          .map(fails)
          .to(out);
      },
      { onError: 'skip' },
    );
    const run = await started(of);
    await run.append([...wordsOf('a'), { topic: 'others', value: 'b' }]);
    expect(deadIn(run).map(({ value }) => text(value as Uint8Array))).toEqual(['b']);
    expect(run.handle.metrics()).toMatchObject({ skippedRecords: 1, deadLetters: 1 });
  });

  test('a long message is cut', async () => {
    const run = await started(jobOf({ deadLetters: 'dead' }, () => new Error('x'.repeat(1e6))));
    await run.append(wordsOf('a'));
    const [dead] = deadIn(run);
    expect(contextOf(dead ?? { headers: [] })['millrace.message']).toBe('x'.repeat(2000));
  });
});

test('what a record wrote is taken back across the batches that it filled', async () => {
  const blobs = topic('blobs', { key: string(), value: string(), partitions: 1 });
  const of = job(
    'policies',
    ({ from }) => {
      from(words, { quietAfter: 'off' })
        .flatMap(function* (word) {
          for (let i = 0; i < 10; i++) yield `${word}${i}${'.'.repeat(100_000)}`;
          if (word === 'bad') throw new Error('late');
        })
        .to(blobs);
    },
    { onError: 'skip' },
  );
  const run = await started(of);
  await run.append(wordsOf('a', 'bad', 'b'));
  const expected = ['a', 'b'].flatMap((word) => Array.from({ length: 10 }, (_, i) => word + i));
  expect(readAll(run.broker, blobs, 0).map(({ value }) => String(value).slice(0, 2))).toEqual(
    expected,
  );
  expect(run.handle.metrics().recordsWritten).toBe(20);
});

describe('retry', () => {
  const retrying = (times: number, otherwise?: 'skip' | { deadLetters: string }): OnError => ({
    retry: { times, backOff: '2s' },
    ...(otherwise === undefined ? {} : { otherwise }),
  });

  test('commits what came before, waits, and goes on', async () => {
    let isDown = true;
    const run = await started(jobOf(retrying(5), (word) => word === 'later' && isDown));
    await run.append(wordsOf('a', 'later', 'b'));
    expect(written(run)).toEqual(['a']);
    expect(run.handle.status()).toMatchObject({
      state: 'running',
      waitingFor:
        'try 2 of a record on which step "map-1 of words" failed: no later ' +
        '(topic words, partition 0, offset 1, key "k")',
    });
    await run.machine.advance(1999);
    await run.append(wordsOf('c')); // new input wakes nobody
    expect(run.handle.status().waitingFor).toMatch(/^try 2/);
    await run.machine.advance(1); // fails again: 4 s
    expect(run.handle.status().waitingFor).toMatch(/^try 3/);
    isDown = false;
    await run.machine.advance(3999);
    expect(written(run)).toEqual(['a']);
    await run.machine.advance(1);
    expect(written(run)).toEqual(['a', 'later', 'b', 'c']);
    expect(run.handle.status().waitingFor).toBe(undefined);
    expect(run.handle.metrics()).toMatchObject({ skippedRecords: 0, recordsRead: 4 });
  });

  test('ends with what is to happen otherwise', async () => {
    const failing = () => true;
    const skipping = await started(jobOf(retrying(2, 'skip'), failing));
    await skipping.append(wordsOf('a'));
    await skipping.machine.advance(5999);
    expect(skipping.handle.metrics().skippedRecords).toBe(0);
    await skipping.machine.advance(1);
    expect(skipping.handle.metrics().skippedRecords).toBe(1);

    const keeping = await started(jobOf(retrying(2, { deadLetters: 'dead' }), failing));
    await keeping.append(wordsOf('a', 'b'));
    await keeping.machine.advance(12_000);
    expect(deadIn(keeping).map((dead) => contextOf(dead)['millrace.attempts'])).toEqual(['3', '3']);

    const ending = await started(jobOf(retrying(1), failing));
    await ending.append(wordsOf('a'));
    await expect(ending.step({ pauseMs: 2000 })).rejects.toThrow('no a');
  });

  test('a job that waits can be stopped, and tries again when it is started', async () => {
    let isDown = true;
    const run = await started(jobOf(retrying(1), () => isDown));
    await run.append(wordsOf('a'));
    await run.stop();
    expect(run.handle.status().state).toBe('stopped');
    isDown = false;
    await run.start();
    expect(written(run)).toEqual(['a']);
  });
});

describe('a policy', () => {
  test('is shown with the graph', () => {
    const of = jobOf({ retry: { times: 3 }, otherwise: { deadLetters: 'dead' } }, () => false);
    expect(describeGraph(of.graph)).toContain(
      ', on error: 3 more tries from 1s on, dead letters to dead\n',
    );
    expect(describeGraph(jobOf('fail', () => false).graph)).not.toContain('on error');
  });

  test.each<[unknown, RegExp]>([
    ['ignore', /^onError of job\("policies"\) can't be "ignore": use 'fail', 'skip'/],
    [{ deadLetter: 'dead' }, /can't be \{"deadLetter":"dead"\}/],
    [{ deadLetters: 'not a name' }, /"not a name" can't be the name of a topic/],
    [{ retry: { times: 0 } }, /times can't be 0: it takes a whole number from 1 on/],
    [{ retry: { times: 1, backoff: 1 } }, /has no option "backoff": did you mean "backOff"/],
    [{ retry: { times: 1 }, otherwise: 'stop' }, /can't be "stop"/],
    [{ deadLetters: 'words' }, /its dead letters go to topic "words", which it reads itself/],
    [{ deadLetters: 'out' }, /its dead letters go to topic "out", which it writes itself/],
  ])('%j is refused', (onError, message) => {
    let error: unknown;
    try {
      jobOf(onError as OnError, () => false);
    } catch (thrown) {
      error = thrown;
    }
    expect(isMillraceError(error, 'INVALID')).toBe(true);
    expect((error as Error).message).toMatch(message);
  });
});

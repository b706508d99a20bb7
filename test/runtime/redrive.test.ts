/**
 * Redriving: each dead letter goes back once, exactly as it was, to where it came from; wherever a
 * call is interrupted, and however often it is repeated.
 */
import { describe, expect, test } from 'vitest';
import { type Broker, RecordBatchBuilder } from '../../src/broker/index.ts';
import { job, topic } from '../../src/dsl/index.ts';
import { bytes, json, string } from '../../src/formats/index.ts';
import {
  type Job,
  openLog,
  type RedriveOptions,
  type RedriveSummary,
  redrive,
  run,
} from '../../src/runtime/index.ts';
import { redriveFrom } from '../../src/runtime/redrive.ts';
import { readAll, type ScriptRecord, ScriptRun } from '../support/operator-harness.ts';
import { type CommitFate, RunBroker } from '../support/operator-harness-broker.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const orders = topic('orders', { key: string(), value: json<number>() });
const outOf = (name: string) =>
  topic(`out-${name}`, { key: string(), value: json<number>(), partitions: 2 });
const raw = (name: string) => topic(name, { key: bytes(), value: bytes() });

/** Fails on odd numbers, until it is mended. */
function jobOf(name: string, isMended = false): Job {
  const build: Parameters<typeof job>[1] = ({ from }) => {
    from(orders, { quietAfter: 'off' })
      .map((n) => {
        if (n % 2 === 1 && !isMended) throw new Error(`${n} is odd`);
        return n;
      })
      .to(outOf(name));
  };
  return job(name, build, { onError: { deadLetters: 'dead' } });
}

const order = (n: number): ScriptRecord => ({
  ...{ partition: n % 4 === 3 ? 1 : 0, key: `k${n}`, value: n, timestamp: 100 + n },
});

/** A job that has failed on 1, 3, 5, 7, 9, 11; a batch of its own for each. */
async function failedRun(): Promise<ScriptRun> {
  const failed = new ScriptRun(jobOf('a'));
  await failed.makeTopics(2);
  await failed.start();
  for (const n of [1, 2, 3, 4, 5, 7, 9, 11]) await failed.append([order(n)]);
  return failed;
}

async function sendBack(
  of: ScriptRun,
  options: RedriveOptions = {},
  broker: Broker = of.broker,
): Promise<RedriveSummary> {
  const { clock } = of.machine.process().platform;
  const summary = await of.machine.until(redriveFrom(broker, clock, 'dead', options));
  await of.machine.settle();
  return summary;
}

const valuesIn = (of: ScriptRun, name: string) =>
  [0, 1].map((partition) =>
    readAll(of.broker, raw(name), partition).map(({ value }) =>
      Number(Buffer.from(value as Uint8Array)),
    ),
  );

describe('redrive', () => {
  test('sends each record back as it was, once', async () => {
    const failed = await failedRun();
    expect(await sendBack(failed, { dryRun: true })).toEqual({ redriven: 0, left: 6, ignored: 0 });
    expect(valuesIn(failed, 'orders')).toEqual([
      [1, 2, 4, 5, 9],
      [3, 7, 11],
    ]);
    await failed.stop();
    await failed.start(jobOf('a', true));
    expect(await sendBack(failed)).toEqual({ redriven: 6, left: 0, ignored: 0 });
    expect(valuesIn(failed, 'orders')).toEqual([
      [1, 2, 4, 5, 9, 1, 5, 9],
      [3, 7, 11, 3, 7, 11],
    ]);
    const [first, , , , , again] = readAll(failed.broker, raw('orders'), 0);
    expect(again).toEqual(first); // key, timestamp, headers
    expect(valuesIn(failed, 'out-a').flat().sort()).toEqual([1, 11, 2, 3, 4, 5, 7, 9]);
    expect(await sendBack(failed)).toEqual({ redriven: 0, left: 0, ignored: 0 });
    expect(valuesIn(failed, 'orders').flat()).toHaveLength(14);
  });

  test('sends what has failed once more, once more', async () => {
    const failed = await failedRun();
    expect(await sendBack(failed, { limit: 2 })).toEqual({ redriven: 2, left: 4, ignored: 0 });
    expect(readAll(failed.broker, raw('dead'), 0)).toHaveLength(5); // 1 and 5 are new
    expect(await sendBack(failed)).toEqual({ redriven: 6, left: 0, ignored: 0 });
    const dead = [0, 1].flatMap((partition) => readAll(failed.broker, raw('dead'), partition));
    expect(dead).toHaveLength(14);
    for (const { headers } of dead) expect(headers).toHaveLength(11); // of the last failure alone
  });

  test('can send to another topic, by key', async () => {
    const failed = await failedRun();
    await expect(sendBack(failed, { to: 'checked' })).rejects.toThrow('no topic "checked"');
    await failed.machine.until(failed.broker.createTopic('checked', { partitions: 2 }));
    expect(await sendBack(failed, { to: 'checked' })).toMatchObject({ redriven: 6 });
    expect(valuesIn(failed, 'checked').flat().sort()).toEqual([1, 11, 3, 5, 7, 9]);
    expect(valuesIn(failed, 'orders').flat()).toHaveLength(8);
    await expect(sendBack(failed, { to: 'dead' })).rejects.toThrow(/can't go back to that topic/);
  });

  test('sends the letters of one job, and leaves those of others', async () => {
    const failed = await failedRun();
    await failed.stop();
    await failed.start(jobOf('b'));
    const none = new RecordBatchBuilder();
    none.append(1, null, Buffer.from('13'));
    const append = { topic: 'dead', partition: 0, recordCount: 1, maxTimestamp: 1 };
    await failed.machine.until(failed.broker.append([{ ...append, batches: none.build() }]));
    await failed.stop();
    expect(await sendBack(failed, { job: 'b' })).toEqual({ redriven: 6, left: 0, ignored: 1 });
    expect(await sendBack(failed, { job: 'c' })).toEqual({ redriven: 0, left: 0, ignored: 1 });
    expect(await sendBack(failed, { limit: 4 })).toEqual({ redriven: 4, left: 2, ignored: 1 });
    expect(await sendBack(failed)).toEqual({ redriven: 2, left: 0, ignored: 1 });
    expect(valuesIn(failed, 'orders').flat()).toHaveLength(8 + 12);
  });

  test.each<CommitFate>(['crash before', 'crash after'])(
    'survives a %s each commit',
    async (fate) => {
      const failed = await failedRun();
      await failed.stop();
      let calls = 0;
      for (let isDone = false; !isDone; ) {
        calls++;
        // The first commit of a call is lost where the one before was not; it gets no answer else.
        const isLost = fate === 'crash after' || calls % 2 === 1;
        const broker = new RunBroker(failed.broker, {
          readBytesMax: 1,
          fateOf: () => (isLost ? fate : commits++ % 2 === 0 ? 'keep' : fate),
          beforeCommit: async () => {},
          onStop: () => {},
          onCrash: () => {},
        });
        let commits = 0;
        const { clock } = failed.machine.process().platform;
        redriveFrom(broker, clock, 'dead').then(
          () => {
            isDone = true;
          },
          () => {},
        );
        await failed.machine.settle();
        const claim = { task: 'a/dead/redrive', incarnation: calls };
        await failed.machine.until(failed.broker.release(claim)); // its process is dead
      }
      expect(calls).toBeGreaterThan(5);
      expect(valuesIn(failed, 'orders')).toEqual([
        [1, 2, 4, 5, 9, 1, 5, 9],
        [3, 7, 11, 3, 7, 11],
      ]);
    },
  );

  test('refuses what is not there, and what another call is at', async () => {
    const failed = await failedRun();
    const { clock } = failed.machine.process().platform;
    await expect(redriveFrom(failed.broker, clock, 'none')).rejects.toThrow('no topic "none"');
    await failed.machine.until(failed.broker.claim('a/dead/redrive'));
    await expect(sendBack(failed)).rejects.toMatchObject({ code: 'TASK_HELD' });
    await expect(redrive('/nowhere', 'dead', { dryRum: true } as never)).rejects.toThrow(
      'did you mean "dryRun"?',
    );
  });

  test('works on a directory, while jobs run in it', async () => {
    const directory = temporaryDirectory();
    const log = await openLog(directory);
    await log.createTopic(orders, 1);
    const broken = await run(jobOf('a'), { data: log });
    await Promise.all([1, 2, 3].map((n) => log.send(orders, { key: 'k', value: n })));
    await broken.stop({ drain: true });
    const mended = await run(jobOf('a', true), { data: log });
    expect(await redrive(log, 'dead')).toEqual({ redriven: 2, left: 0, ignored: 0 });
    await mended.stop({ drain: true });
    await log.close();
    expect(await redrive(directory, 'dead')).toEqual({ redriven: 0, left: 0, ignored: 0 });
    const again = await openLog(directory);
    const values: number[] = [];
    for await (const { value } of again.records(outOf('a'))) values.push(value ?? 0);
    await again.close();
    expect(values.sort()).toEqual([1, 2, 3]);
  });
});

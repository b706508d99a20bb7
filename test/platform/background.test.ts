import { threadId } from 'node:worker_threads';
import { afterEach, describe, expect, test } from 'vitest';
import { workerBackground } from '../../src/platform/background.ts';
import { type Background, inlineBackground, nodePlatform } from '../../src/platform/index.ts';

const url = new URL('./fixtures.ts', import.meta.url).href;
const backgrounds: Background[] = [];

function made(background: Background): Background {
  backgrounds.push(background);
  return background;
}

afterEach(async () => {
  for (const background of backgrounds.splice(0)) await background.close();
});

describe.each([
  ['on a worker thread', () => made(workerBackground())],
  ['inline', () => made(inlineBackground(nodePlatform()))],
])('background %s', (_name, make) => {
  test('calls the exported function and gives back its result', async () => {
    const result = await make().run({ url, name: 'double', argument: 21 });
    expect(result).toMatchObject({ result: 42 });
  });

  test('keeps the code of an error', async () => {
    const failed = make().run({ url, name: 'refuse', argument: null });
    await expect(failed).rejects.toMatchObject({
      name: 'MillraceError',
      code: 'DISK_FULL',
      message: 'no space here',
      retryable: true,
    });
  });

  test('goes on after a call that threw', async () => {
    const background = make();
    await expect(background.run({ url, name: 'throwPlain', argument: 1 })).rejects.toThrow('plain');
    expect(await background.run({ url, name: 'double', argument: 1 })).toMatchObject({ result: 2 });
  });

  test('names a function that is not there', async () => {
    const failed = make().run({ url, name: 'absent', argument: 1 });
    await expect(failed).rejects.toThrow('exports no function absent');
  });

  test.each([
    ['the log', 'one after another', 'log', [0, 1, 2]],
    ['state', 'side by side', 'state', [2, 1, 0]],
  ] as const)('runs calls for %s %s', async (_for, _how, lane, expected) => {
    const background = make();
    const log = new SharedArrayBuffer(4);
    await background.run({ url, name: 'double', argument: 1, lane }); // it is loaded
    const turns = [500, 50, 0];
    const order = turns.map((n) =>
      background.run<number>({ url, name: 'order', argument: { turns: n, log }, lane }),
    );
    expect(await Promise.all(order)).toEqual(expected);
  });

  test('tells what a call reports, before its result', async () => {
    const told: unknown[] = [];
    const onReport = (report: unknown) => told.push(report);
    const counted = make().run({ url, name: 'countDown', argument: 3, onReport });
    expect(await counted.then(() => [...told])).toEqual([{ left: 2 }, { left: 1 }, { left: 0 }]);
  });
});

describe('worker background', () => {
  test('runs outside the calling thread', async () => {
    const result = await made(workerBackground()).run<{ threadId: number }>({
      url,
      name: 'double',
      argument: 1,
    });
    expect(result.threadId).not.toBe(threadId);
  });

  test('fails the calls under way when the worker dies, and starts another one', async () => {
    const background = made(workerBackground());
    await background.run({ url, name: 'countCalls', argument: null });
    const [died, behind] = await Promise.allSettled([
      background.run({ url, name: 'die', argument: null }),
      background.run({ url, name: 'countCalls', argument: null }),
    ]);
    expect(died).toMatchObject({ status: 'rejected', reason: { code: 'IO', retryable: true } });
    expect(behind).toMatchObject({ status: 'rejected', reason: { code: 'IO' } });
    expect(await background.run({ url, name: 'countCalls', argument: null })).toBe(1);
  });

  test('passes failpoints on to the main thread while the worker waits', async () => {
    const passed: string[] = [];
    const background = made(workerBackground({ failpoint: (name) => passed.push(name) }));
    expect(await background.run({ url, name: 'passFailpoint', argument: null })).toBe('passed');
    expect(passed).toEqual(['sort.written']);
  });

  test('fails the call where the failpoint throws', async () => {
    const failpoint = (): never => {
      throw new Error('crash');
    };
    const background = made(workerBackground({ failpoint }));
    const failed = background.run({ url, name: 'passFailpoint', argument: null });
    await expect(failed).rejects.toThrow('failpoint sort.written');
  });

  test('waits for calls under way when it is closed, and takes no more', async () => {
    const background = made(workerBackground());
    const result = background.run({ url, name: 'double', argument: 2 });
    await background.close();
    expect(await result).toMatchObject({ result: 4 });
    const refused = background.run({ url, name: 'double', argument: 2 });
    await expect(refused).rejects.toMatchObject({ code: 'CLOSED' });
  });
});

/** `millrace status`: who runs what, and how far it is. */
import { hostname } from 'node:os';
import { filter, firstValueFrom } from 'rxjs';
import { expect, test } from 'vitest';
import { type JobHandle, job, openLog, run, string, topic } from '../../src/index.ts';
import { millrace } from '../support/millrace-command.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const words = topic('words', { key: string(), value: string() });
const copies = topic('copies', { key: string(), value: string() });
const copying = job('copying', ({ from }) => void from(words, { quietAfter: 'off' }).to(copies));

async function openWords() {
  const data = temporaryDirectory();
  const log = await openLog(data, { durability: 'process' });
  await log.createTopic(words, 2);
  const send = (...values: readonly string[]) =>
    Promise.all(values.map((value) => log.send(words, { key: 'k', value })));
  const status = async (...args: readonly string[]) => {
    const [code, output, errors] = await millrace('status', ...args, '--data', data);
    expect([code, errors]).toEqual([0, '']);
    return output;
  };
  return { data, log, send, status };
}

const stop = (handle: JobHandle) => handle.stop({ drain: true });

test('a task that runs is shown with its process, and with what it has not read', async () => {
  const { log, send, status } = await openWords();
  await send('a', 'b');
  await stop(await run(copying, { data: log, durability: 'process' }));
  await send('c', 'd', 'e');
  const where = { topic: 'words', partition: 1 };
  const partition = log.broker.endOf(where) === 5 ? 1 : 0;
  const inputs = [0, 1].map((each) => {
    const counts =
      each === partition ? { position: 2, end: 5, lag: 3 } : { position: 0, end: 0, lag: 0 };
    return { topic: 'words', partition: each, ...counts };
  });
  const released = JSON.parse(await status('--json'));
  expect(released).toEqual({
    ...{ job: 'copying', task: 'copying-0', state: 'released', process: null },
    ...{ epoch: expect.any(Number), lag: 3, inputs },
  });

  const handle = await run(copying, { data: log, durability: 'process' });
  await firstValueFrom(handle.status$.pipe(filter(({ state }) => state === 'running')));
  const running = JSON.parse(await status('copying', '--json'));
  expect(running).toMatchObject({
    ...{ state: 'running', process: { pid: process.pid, host: hostname() } },
  });
  await stop(handle);
  await log.close();
});

test('the tables have a line for each task, and for each of its inputs', async () => {
  const { log, status } = await openWords();
  await stop(await run(copying, { data: log, durability: 'process' }));
  await log.broker.claim('copying-0');
  expect(await status()).toMatch(
    new RegExp(
      '^task       state    process +epoch  behind\n' +
        '---------  -------  -+  -----  ------\n' +
        `copying-0  running  ${process.pid} on ${hostname()} +\\d +0\n` +
        '\n' +
        'task       input    position  behind\n' +
        '---------  -------  --------  ------\n' +
        'copying-0  words/0  0         0\n' +
        'copying-0  words/1  0         0\n$',
    ),
  );
  await log.close();
  expect(await status()).toContain('copying-0  dead  ');
});

test('only jobs have a status, and one that is not there is named', async () => {
  const { data, log } = await openWords();
  expect(await millrace('status', '--data', data)).toEqual([
    0,
    '',
    `No job has run in ${data} yet.\n`,
  ]);
  await stop(await run(copying, { data: log, durability: 'process' }));
  await log.broker.claim('ingest/words');
  await log.close();
  const [code, , errors] = await millrace('status', 'coping', '--data', data);
  expect([code, errors]).toEqual([
    1,
    'millrace: There is no job "coping". Did you mean "copying"? There are: copying.\n',
  ]);
});

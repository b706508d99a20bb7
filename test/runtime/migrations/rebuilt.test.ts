/** State that was migrated can be rebuilt: it has the newest version from the start then. */
import { expect, test } from 'vitest';
import type { RunOptions } from '../../../src/runtime/index.ts';
import { loseState } from '../../support/rebuilding.ts';
import { directoryOfVersion1, openLog, send, startJob, stateIn } from './migrated-directory.ts';
import { askingPage, type Visit, versionedJob } from './versioned-job.ts';

test('migrated state is rebuilt as it was', async () => {
  const machine = await directoryOfVersion1(20);
  const process = machine.process();
  const broker = await machine.until(openLog(process));
  const newest = versionedJob(3);
  const run = async (options: RunOptions, ...sent: readonly Visit[]) => {
    const handle = await startJob(newest, broker, process, options);
    while (handle.status().state === 'starting') await machine.advance(1);
    if (sent.length > 0) await machine.until(send(broker, sent));
    await machine.advance(1000); // folded
    await machine.until(handle.stop());
    return handle.status();
  };
  await run({}, { user: 'u7', page: askingPage, at: 100 });
  const before = await stateIn(machine);
  expect(before['kept/last']).toMatchObject({ versions: '3 3 1', entries: 20 });
  await loseState({ machine, broker }, newest);
  expect((await run({ rebuildState: true })).rebuild).toMatchObject({ done: true });
  expect(await stateIn(machine)).toEqual(before);
  await machine.until(broker.close());
});

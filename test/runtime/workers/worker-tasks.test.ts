import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isMillraceError } from '../../../src/platform/index.ts';
import { WorkerTasks } from '../../../src/runtime/workers/worker-tasks.ts';
import {
  eventsNoted,
  failureOf,
  type HostParts,
  HostRig,
  hostedTask,
  taskHostContract,
} from '../../contracts/task-host.ts';

const url = new URL('../../support/hosted-job.ts', import.meta.url).href;
const makeHost = (parts: HostParts) => new WorkerTasks({ ...parts, url, job: 'hosted' });

taskHostContract('WorkerTasks', makeHost);

describe('a worker thread of tasks', () => {
  let rig: HostRig;
  let host: WorkerTasks;
  beforeEach(async () => {
    rig = await HostRig.open((parts) => {
      host = makeHost(parts);
      return host;
    });
  });
  afterEach(() => rig.close());

  const ada = { at: 0, user: 'ada' };

  test('that dies fails its tasks so that they can start again, and takes nothing along', async () => {
    await rig.visit(ada);
    const dying = rig.host.start(hostedTask);
    await rig.untilSeen(1);
    await rig.visit({ ...ada, deed: 'exit' });
    const failure = await failureOf(dying.done);
    expect(isMillraceError(failure, 'IO') && failure.retryable).toBe(true);
    expect(String(failure)).toMatch(/task "hosted-0" is gone: exit code 3/);
    await rig.log.broker.claim('hosted-0'); // released, although nobody could tell the thread to
  });

  test('that is terminated while a function hangs leaves its task to another one', async () => {
    await rig.visit(ada);
    const { noted, events } = eventsNoted();
    const hanging = host.start(hostedTask, events);
    await rig.untilSeen(1);
    await rig.visit({ ...ada, deed: 'hang' });
    const failed = failureOf(hanging.done);
    await host.terminate();
    expect(isMillraceError(await failed, 'IO')).toBe(true);
    const told = noted.progress.length;
    const again = host.start(hostedTask); // in a new thread, where it hangs again
    const failedAgain = failureOf(again.done);
    await host.terminate();
    expect(String(await failedAgain)).toContain('is gone');
    expect(noted.progress.length).toBe(told);
    expect(await rig.usersSeen()).toEqual(['ada']);
  });

  test('whose job can not be loaded fails its tasks with the reason', async () => {
    const { broker, directory } = rig.log;
    const missing = new WorkerTasks({ broker, directory, url: `${url}.gone.ts`, job: 'hosted' });
    const failure = await failureOf(missing.start(hostedTask).done);
    expect(isMillraceError(failure, 'INVALID')).toBe(true);
    await missing.close();
    const other = new WorkerTasks({ broker, directory, url, job: 'other' });
    expect(String(await failureOf(other.start(hostedTask).done))).toContain(
      'exports no job named "other"; it has "hosted".',
    );
    await other.close();
  });
});

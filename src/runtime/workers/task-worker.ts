/**
 * The worker thread that runs tasks of one job: loads the job's module, follows the log by itself,
 * and does what it is told over its port. It writes through the main thread's broker; all else is
 * its own (files, folding, state files, the heap).
 */
import { openThreadBroker } from '../../broker/index.ts';
import { copyError, nodePlatform, portOf, thisThread, unreachable } from '../../platform/index.ts';
import { jobOfModule } from '../job-modules.ts';
import { LocalTasks } from './local-tasks.ts';
import type { RunningTask, TaskSpec } from './task-host.ts';
import type { TaskOrder, TaskReport, TaskWorkerData } from './worker-messages.ts';

const { data, port } = thisThread();
const { url, job, directory, log } = data as TaskWorkerData; // as worker-tasks.ts passes it
const platform = nodePlatform();
const running = new Map<number, RunningTask>();
const opened = open();
opened.catch(() => {}); // told to whoever starts a task

port.listen(
  (message) => void obey(message as TaskOrder), // as worker-tasks.ts sends it
  () => {},
);

async function open() {
  const broker = await openThreadBroker(platform, directory, portOf(log));
  const { graph } = await jobOfModule(url, job);
  return { broker, tasks: new LocalTasks({ graph, broker, platform, directory }) };
}

async function obey(order: TaskOrder): Promise<void> {
  switch (order.kind) {
    case 'start':
      return start(order.id, order.spec);
    case 'stop':
      await opened.catch(() => {}); // so that what was started is there
      running.get(order.id)?.stop({ drain: order.drain });
      return;
    case 'close':
      return close();
    default:
      return unreachable(order);
  }
}

async function start(id: number, spec: TaskSpec): Promise<void> {
  try {
    const { tasks } = await opened;
    const task = tasks.start(spec, {
      onStarted: (incarnation) => report({ id, kind: 'started', incarnation }),
      onProgress: (status) => report({ id, kind: 'progress', status }),
      onError: (error) => report({ id, kind: 'error', error: copyError(error) }),
      onRebuild: (status) => report({ id, kind: 'rebuild', status }),
      onMigration: (progress) => report({ id, kind: 'migration', progress }),
      onDrained: () => report({ id, kind: 'drained' }),
    });
    running.set(id, task);
    await task.done;
    report({ id, kind: 'stopped' });
  } catch (error) {
    report({ id, kind: 'failed', error: copyError(error) });
  } finally {
    running.delete(id);
  }
}

async function close(): Promise<void> {
  try {
    const { tasks, broker } = await opened;
    await tasks.close();
    await broker.close();
  } catch {
    portOf(log).close(); // what could not be opened was told
  }
  await platform.background.close();
  port.close();
}

function report(of: TaskReport): void {
  port.post(of);
}

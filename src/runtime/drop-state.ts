/** Removes state that a job no longer needs, while the job is stopped. */
import { type Broker, type Claim, type LogView, openBroker, openLogView } from '../broker/index.ts';
import {
  checkOptions,
  isMillraceError,
  MillraceError,
  nearest,
  nodePlatform,
  type Platform,
} from '../platform/index.ts';
import { type StoreRecord, storeKey } from '../state/index.ts';
import { changelogOf } from './open-task.ts';
import { expiryParts, expiryStore } from './operators/expiry.ts';
import { jobOf } from './query/run-query.ts';
import { takeSnapshot } from './query/task-snapshot.ts';
import { taskNameOf } from './stages/job-tasks.ts';
import { StateCommits } from './state-commits.ts';

export interface DropStateOptions {
  /** Whose state; may be left out where the directory has one job. */
  readonly job?: string;
  /** Files, time, randomness; default: those of Node.js. */
  readonly platform?: Platform;
}

/**
 * Drops `state` of a job that does not run: one piece of state, by the name that `inspectState`
 * shows, or all state of a step, by the step's identity. Returns the names of what was dropped. The
 * job begins anew with it; the space is free after its next fold.
 *
 * Fails with `TASK_HELD` while the job runs, `INVALID` where there is no such job or state, or as
 * opening the directory does.
 *
 * @example
 * await dropState('./data', 'totals/accumulator', { job: 'word-count' });
 */
export async function dropState(
  directory: string,
  state: string,
  options: DropStateOptions = {},
): Promise<readonly string[]> {
  checkOptions('dropState()', options, ['job', 'platform']);
  const platform = options.platform ?? nodePlatform();
  try {
    const broker = await openBroker(platform, directory, { create: false });
    try {
      return await dropFrom(broker, platform, { directory, state, job: options.job });
    } finally {
      await broker.close();
    }
  } finally {
    if (options.platform === undefined) await platform.background.close();
  }
}

interface DropArgument {
  readonly directory: string;
  readonly state: string;
  readonly job: string | undefined;
}

async function dropFrom(
  broker: Broker,
  platform: Platform,
  argument: DropArgument,
): Promise<readonly string[]> {
  const log = await openLogView(platform, argument.directory);
  try {
    const job = jobOf(argument, log.tasks);
    const claim = await claimStopped(broker, job);
    try {
      const dropped = chosen(storesOf(log, platform, argument.directory, job), argument, job);
      const commits = new StateCommits(broker, platform.clock, claim, changelogOf(claim.task));
      const names = dropped.map(([, { name }]) => name).sort();
      const changes = dropped.map(([number]) => ({ key: storeKey(number), value: null }));
      await commits.commit(changes, names);
      return names;
    } finally {
      await broker.release(claim);
    }
  } finally {
    log.close();
  }
}

async function claimStopped(broker: Broker, job: string): Promise<Claim> {
  try {
    return await broker.claim(taskNameOf(job));
  } catch (error) {
    if (!isMillraceError(error, 'TASK_HELD')) throw error;
    const [holder] = error.message.split('. '); // who runs it; a drop takes nothing over
    throw new MillraceError(
      'TASK_HELD',
      `State is dropped while its job is stopped. ${holder}. Stop it, then drop the state.`,
      { cause: error },
    );
  }
}

function storesOf(
  log: LogView,
  platform: Platform,
  directory: string,
  job: string,
): [number, StoreRecord][] {
  const task = taskNameOf(job);
  const path = `${directory}/state/${job}/${task}.db`;
  const open = () => {
    const isThere = platform.files.sizeOf(path) !== undefined;
    return isThere ? platform.openDatabase(path, { durable: true }) : undefined;
  };
  const { database, overlay } = takeSnapshot({ log, task, path, open });
  try {
    return [...overlay.stores];
  } finally {
    database.close();
  }
}

/** The stores that are meant, with those that are kept beside them. */
function chosen(
  stores: readonly [number, StoreRecord][],
  { state }: DropArgument,
  job: string,
): [number, StoreRecord][] {
  const found = stores.filter(
    ([, { name }]) => name === state || (name.startsWith(`${state}/`) && name !== timeStore),
  );
  if (state !== timeStore && found.length > 0 && !isBook(state)) return found;
  const names = stores.flatMap(([, { name }]) => (name === timeStore || isBook(name) ? [] : name));
  const steps = names.map((name) => name.slice(0, name.lastIndexOf('/')));
  const likely = nearest(state, [...names, ...steps]);
  const hint = likely === undefined ? '' : ` Did you mean "${likely}"?`;
  const there = names.length === 0 ? 'It has none.' : `It has: ${names.sort().join(', ')}.`;
  throw new MillraceError(
    'INVALID',
    `Job "${job}" has no state "${state}" that can be dropped.${hint} ${there}`,
  );
}

/** Event time is no state of a step. */
const timeStore = 'task/time';

/** Whether a store is kept for the time-to-live of another one. */
function isBook(name: string): boolean {
  return (['event', 'processing'] as const).some((time) =>
    expiryParts.some((part) => name.endsWith(expiryStore('', time, part))),
  );
}

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
import { epochsOf } from './epoch-log.ts';
import { changelogOf } from './open-task.ts';
import { expiryParts, expiryStore } from './operators/expiry.ts';
import { filesOf, jobOf } from './query/run-query.ts';
import { closeAll, takeSnapshots } from './query/task-snapshot.ts';
import { taskNamesIn } from './stages/recorded-tasks.ts';
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
 * job begins anew with it; the space is free after its next fold. Of a job that is several tasks it
 * is dropped in each of them, or, where that was interrupted, in those that are left when this is
 * called again.
 *
 * Fails with `TASK_HELD` while the job or one of its tasks runs, `INVALID` where there is no such
 * job or state, or as opening the directory does.
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
    const job = jobOf(argument, log);
    const claims = await claimAll(broker, log, job);
    try {
      const tasks = storesByTask(log, platform, argument.directory, job);
      const names = chosenNames([...tasks.values()].flat(), argument, job);
      // At once, so that they share an entry of the log if they can.
      const ended = await Promise.allSettled(
        claims.map((claim) => drop(broker, platform, claim, tasks.get(claim.task) ?? [], names)),
      );
      for (const end of ended) if (end.status === 'rejected') throw end.reason;
      return names;
    } finally {
      await releaseAll(broker, claims);
    }
  } finally {
    log.close();
  }
}

/** Drops what a task has of these. */
async function drop(
  broker: Broker,
  platform: Platform,
  claim: Claim,
  stores: readonly NumberedStore[],
  names: readonly string[],
): Promise<void> {
  const dropped = stores.filter(([, { name }]) => names.includes(name));
  if (dropped.length === 0) return; // it never had them, or an earlier call was interrupted
  const commits = new StateCommits(broker, platform.clock, claim, changelogOf(claim.task));
  const changes = dropped.map(([number]) => ({ key: storeKey(number), value: null }));
  // What several tasks do is not recorded, for it can't be done again by one of them.
  const isRecorded = broker.describeTopic(epochsOf(claim.task)) !== undefined;
  await commits.commit(changes, isRecorded ? names : []);
}

/** All tasks of the job; none of them where one is held. */
async function claimAll(broker: Broker, log: LogView, job: string): Promise<readonly Claim[]> {
  for (;;) {
    const tasks = taskNamesIn(log, job);
    const claims: Claim[] = [];
    try {
      for (const task of tasks) claims.push(await claimStopped(broker, task));
    } catch (error) {
      await releaseAll(broker, claims);
      throw error;
    }
    log.refresh();
    if (taskNamesIn(log, job).join() === tasks.join()) return claims;
    await releaseAll(broker, claims); // it was rescaled meanwhile
  }
}

async function releaseAll(broker: Broker, claims: readonly Claim[]): Promise<void> {
  for (const claim of claims) await broker.release(claim);
}

async function claimStopped(broker: Broker, task: string): Promise<Claim> {
  try {
    return await broker.claim(task);
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

type NumberedStore = readonly [number, StoreRecord];

function storesByTask(
  log: LogView,
  platform: Platform,
  directory: string,
  job: string,
): ReadonlyMap<string, readonly NumberedStore[]> {
  const open = (path: string) => {
    const isThere = platform.files.sizeOf(path) !== undefined;
    return isThere ? platform.openDatabase(path, { durable: true }) : undefined;
  };
  const snapshots = takeSnapshots(log, filesOf(log, directory, job, open));
  try {
    return new Map(snapshots.map(({ task, overlay }) => [task, [...overlay.stores]]));
  } finally {
    closeAll(snapshots);
  }
}

/** The names of the stores that are meant, and of those that are kept beside them; sorted. */
function chosenNames(
  stores: readonly NumberedStore[],
  { state }: DropArgument,
  job: string,
): readonly string[] {
  const all = [...new Set(stores.map(([, { name }]) => name))].sort();
  const found = all.filter(
    (name) => name === state || (name.startsWith(`${state}/`) && name !== timeStore),
  );
  if (state !== timeStore && found.length > 0 && !isBook(state)) return found;
  const names = all.filter((name) => name !== timeStore && !isBook(name));
  const steps = names.map((name) => name.slice(0, name.lastIndexOf('/')));
  const likely = nearest(state, [...names, ...steps]);
  const hint = likely === undefined ? '' : ` Did you mean "${likely}"?`;
  const there = names.length === 0 ? 'It has none.' : `It has: ${names.join(', ')}.`;
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

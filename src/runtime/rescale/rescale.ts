/**
 * Rescale: a stopped job gets another number of tasks, or other stages; its state is split and
 * merged by key group.
 *
 *   claim     the layout, and all tasks: nobody can run any
 *   settle    what is on its way between tasks is brought there (settle.ts)
 *   write     a state file for each new task (move-state.ts), then all of them in their places
 *   begin     each new task gets its positions and its changelog (begin-tasks.ts)
 *   record    one commit makes the new layout the job's; fenced if anybody has claimed a task since
 *   remove    what the old tasks had (leftovers.ts)
 *
 * Up to the record the job is what it was, and a rescale begins anew, removing what another one has
 * left; behind it the job is rescaled, and only removing is left to do.
 */
import {
  type Broker,
  type Claim,
  type LogView,
  openBroker,
  openLogView,
} from '../../broker/index.ts';
import {
  checkNumbers,
  checkOptions,
  isMillraceError,
  MillraceError,
  nodePlatform,
  type Platform,
} from '../../platform/index.ts';
import { checkGraph } from '../compiler/check.ts';
import type { Graph } from '../graph.ts';
import { prepareTopics } from '../open-task.ts';
import { type Job, settingsOf } from '../run.ts';
import {
  layoutTaskOf,
  layoutTopicOf,
  makeLayoutTopic,
  recordedLayout,
  writeLayout,
} from '../stages/layout.ts';
import { timesOf, unreadOf } from './former-state.ts';
import { type FormerLayout, formerLayoutOf, isSameLayout, newLayoutOf } from './layouts.ts';
import { removeFormer, removeUnfinished } from './leftovers.ts';
import { makeTasks } from './make-tasks.ts';
import { needsSettling, settle } from './settle.ts';

export interface RescaleOptions {
  /** The data directory. */
  readonly data: string;
  /**
   * How many tasks each stage is to have; the first one has no more than there are partitions to
   * read. Default: as many as the job asks for.
   */
  readonly tasks?: number;
  /** Told what is being done. */
  readonly onProgress?: (progress: string) => void;
  /** Files, time, randomness; default: those of Node.js. */
  readonly platform?: Platform;
}

/** What a rescale has done. */
export interface RescaleSummary {
  readonly job: string;
  /** How many tasks each stage had, and has now. */
  readonly from: readonly number[];
  readonly to: readonly number[];
  /** False where the job ran so already. */
  readonly isMoved: boolean;
  /** Rows of state that were moved. */
  readonly rows: number;
  /** State without keys that was not the same in all tasks: that of the first one was kept. */
  readonly unlike: readonly string[];
}

/**
 * Gives a stopped job another number of tasks, or the stages that its code asks for now. It goes on
 * with all of its state where it was. Interrupted, it can be repeated; or the job runs as before.
 *
 * Fails with `TASK_HELD` while the job runs, `INVALID` where it can't have so many tasks,
 * `STATE_MISMATCH` where its state does not fit its code, `FENCED` where somebody has taken over
 * one of its tasks meanwhile, or as the job fails.
 *
 * @example
 * await rescale(wordCount, { data: './data', tasks: 8 });
 */
export async function rescale(job: Job, options: RescaleOptions): Promise<RescaleSummary> {
  checkOptions('rescale()', options, ['data', 'tasks', 'onProgress', 'platform']);
  checkNumbers('rescale()', options, ['tasks']);
  const { tasks } = options;
  if (tasks !== undefined && !(Number.isInteger(tasks) && tasks >= 1 && tasks <= tasksMax)) {
    throw new MillraceError(
      'INVALID',
      `tasks of rescale() is ${tasks}, but a stage has 1 to ${tasksMax} tasks, a whole number: ` +
        'keys are shared out in so many groups.',
    );
  }
  checkGraph(job.graph);
  const platform = options.platform ?? nodePlatform();
  try {
    const broker = await openBroker(platform, options.data, { create: false });
    try {
      return await rescaleIn(broker, platform, job, options);
    } finally {
      await broker.close();
    }
  } finally {
    if (options.platform === undefined) await platform.background.close();
  }
}

/** As many as there are key groups. */
const tasksMax = 128;

async function rescaleIn(
  broker: Broker,
  platform: Platform,
  job: Job,
  options: RescaleOptions,
): Promise<RescaleSummary> {
  const log = await openLogView(platform, options.data);
  const { graph } = job;
  try {
    if (broker.describeTopic(layoutTopicOf(graph.job)) === undefined) {
      await makeLayoutTopic(broker, layoutTopicOf(graph.job));
    }
    const claim = await claimStopped(broker, layoutTaskOf(graph.job), graph.job);
    try {
      const { data, tasks, onProgress = () => {} } = options;
      const directory = `${data}/state/${graph.job}`;
      const settings = settingsOf(job, {}, platform);
      const of = { graph, broker, platform, log, data, directory, settings, claim, onProgress };
      return await new Rescale(of).run(tasks);
    } finally {
      await broker.release(claim).catch(() => {}); // a successor holds it
    }
  } finally {
    log.close();
  }
}

export interface RescaleParts {
  readonly graph: Graph;
  readonly broker: Broker;
  readonly platform: Platform;
  readonly log: LogView;
  readonly data: string;
  /** Where the job's state files are. */
  readonly directory: string;
  readonly settings: ReturnType<typeof settingsOf>;
  /** Of the layout. */
  readonly claim: Claim;
  onProgress(progress: string): void;
}

class Rescale {
  readonly #parts: RescaleParts;
  readonly #former: FormerLayout;

  constructor(parts: RescaleParts) {
    this.#parts = parts;
    this.#former = formerLayoutOf(parts.graph, parts.broker);
  }

  async run(tasks: number | undefined): Promise<RescaleSummary> {
    const { graph, broker, platform } = this.#parts;
    const { layout } = this.#former;
    this.#requireStopped();
    const leftovers = { ...this.#parts, job: graph.job };
    await removeUnfinished(leftovers, layout.generation);
    await removeFormer(leftovers);
    await prepareTopics(graph, broker);
    const to = newLayoutOf(graph, broker, layout.generation + 1, tasks);
    platform.failpoint('rescale.claimed');
    await this.#settle();
    platform.failpoint('rescale.settled');
    const summary = { job: graph.job, from: layout.tasks, to: to.record.tasks };
    if (isSameLayout(recordedLayout(graph.job, broker), this.#former, to)) {
      return { ...summary, isMoved: false, rows: 0, unlike: [] };
    }
    const claims = await this.#claimAll();
    try {
      this.#requireSettled();
      const made = await makeTasks(this.#parts, this.#former, to, claims);
      const { claim } = this.#parts;
      const clockMs = Math.max(claim.clockMs, platform.clock.now());
      await writeLayout(broker, graph.job, claim, to.record, clockMs, claims);
      platform.failpoint('rescale.recorded');
      await removeFormer(leftovers);
      platform.failpoint('rescale.removed');
      return { ...summary, isMoved: true, ...made };
    } finally {
      for (const claim of claims) await broker.release(claim).catch(() => {}); // taken over
    }
  }

  #requireStopped(): void {
    const { graph, broker } = this.#parts;
    for (const { name } of this.#former.tasks) {
      const holder = broker.describeTask(name)?.holder;
      if (holder?.isLive === true && !holder.isThis) {
        throw running(
          graph.job,
          `Task "${name}" is held by process ${holder.pid} on ${holder.host}`,
        );
      }
    }
  }

  async #settle(): Promise<void> {
    const { graph, broker } = this.#parts;
    if (this.#former.parts === undefined || !needsSettling(this.#former, graph)) return;
    const hasRun = this.#former.tasks.some(({ name }) => broker.describeTask(name) !== undefined);
    if (!hasRun) return;
    const times = timesOf(this.#parts, this.#former.tasks);
    await settle({ ...this.#parts, directory: this.#parts.data }, this.#former, times);
  }

  async #claimAll(): Promise<readonly Claim[]> {
    const { broker, graph } = this.#parts;
    const claims: Claim[] = [];
    try {
      for (const { name } of this.#former.tasks) {
        claims.push(await claimStopped(broker, name, graph.job));
      }
      return claims;
    } catch (error) {
      for (const claim of claims) await broker.release(claim).catch(() => {}); // taken over
      throw error;
    }
  }

  /** Nothing is on its way, now that nobody else can run a task. */
  #requireSettled(): void {
    const { graph, broker } = this.#parts;
    const [unread] = unreadOf(this.#former, graph.job, broker);
    if (unread === undefined) return;
    const why =
      this.#former.parts === undefined
        ? 'The code is not what it ran with, so they can not be read here: rescale with the code ' +
          'that it ran with first, or let it run until it has read all input'
        : 'Somebody has run a task meanwhile: repeat the rescale';
    throw new MillraceError(
      'STATE_MISMATCH',
      `Job "${graph.job}" has records on their way between its tasks, in ${unread.topic}/` +
        `${unread.partition}. ${why}.`,
    );
  }
}

async function claimStopped(broker: Broker, task: string, job: string): Promise<Claim> {
  try {
    return await broker.claim(task);
  } catch (error) {
    if (!isMillraceError(error, 'TASK_HELD')) throw error;
    const [holder = ''] = error.message.split('. '); // who runs it; a rescale takes nothing over
    throw running(job, holder, error);
  }
}

function running(job: string, holder: string, cause?: unknown): MillraceError {
  return new MillraceError(
    'TASK_HELD',
    `Job "${job}" is rescaled while it is stopped. ${holder}. Stop it, then rescale.`,
    { cause },
  );
}

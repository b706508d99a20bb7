/**
 * Runs a job: its one task, or its part of the tasks that several processes share; and answers
 * questions about it.
 *
 * A task that fails for good ends the job in this process: the others stop with a last commit.
 */
import type { Observable } from 'rxjs';
import type { Broker } from '../broker/index.ts';
import {
  isMillraceError,
  MillraceError,
  messageOf,
  type Platform,
  pause,
} from '../platform/index.ts';
import type { Graph } from './graph.ts';
import { JobMember, type TaskRun } from './members/job-member.ts';
import { prepareTopics } from './open-task.ts';
import { canPass, RestartPauses } from './restarts.ts';
import { isShared, type JobTasks, makeExchanges, taskNameOf, tasksOf } from './stages/job-tasks.ts';
import { layoutFor } from './stages/layout.ts';
import { planStages } from './stages/plan.ts';
import type { JobMetrics, JobState, JobStatus, JobTaskStatus } from './status.ts';
import { StatusFeed } from './status-feed.ts';
import { noCounts, recordsOf, sumOf, type TaskCounts } from './task-counts.ts';
import { type HostPlace, TaskHosts, type Workers } from './task-hosts.ts';
import { TaskRunner, type TaskSnapshot } from './task-runner.ts';
import type { TaskSettings } from './workers/task-host.ts';

/** A job that runs in this process. */
export interface JobHandle {
  /** The job's name. */
  readonly job: string;
  /** The status now: state, watermark, lag of each partition, metrics, the last failure. */
  status(): JobStatus;
  /**
   * The status now, and after each change; at most ten a second. Completes when the job has ended.
   */
  readonly status$: Observable<JobStatus>;
  /** Counters now. */
  metrics(): JobMetrics;
  /** Failures so far, the latest last; at most 100 are kept. */
  readonly errors: readonly Error[];
  /** Resolves when the job has stopped; rejects with the failure that ended it. */
  readonly done: Promise<void>;
  /**
   * Ends the job with a last commit; resolves when that is durable and the task is released. With
   * `drain` all input is read first, and event time runs on until every window and timer that is
   * waiting has fired.
   */
  stop(options?: { readonly drain?: boolean }): Promise<void>;
}

export interface JobRunnerOptions {
  readonly graph: Graph;
  readonly broker: Broker;
  readonly platform: Platform;
  /**
   * The data directory; undefined where the log is in memory, and the changelog holds all state.
   */
  readonly directory: string | undefined;
  readonly settings: TaskSettings;
  readonly workers: Workers | undefined;
  /** Called when the job has ended, however it did. */
  onEnd(): Promise<void>;
}

const errorsMax = 100;

/** A task that runs here. */
interface OwnTask {
  readonly runner: TaskRunner;
  readonly place: HostPlace;
  readonly stage: number;
}

export class JobRunner implements JobHandle {
  readonly done: Promise<void>;
  readonly #options: JobRunnerOptions;
  readonly #status: StatusFeed<JobStatus>;
  readonly #errors: Error[] = [];
  readonly #hosts: TaskHosts;
  /** By name. */
  readonly #tasks = new Map<string, OwnTask>();
  /** Undefined where the whole job is one task, or is not prepared yet. */
  #shared: JobTasks | undefined;
  #isPrepared = false;
  /** Of those that share the job. */
  #member: JobMember | undefined;
  /** A task of a shared job has failed for good: the others end. */
  #isFailing = false;
  #end: 'stopped' | 'failed' | undefined;
  #stop: { readonly drain: boolean } | undefined;
  /** Told of every stop. */
  readonly #ending = new AbortController();
  /** Ends the part that this process has in a shared job. */
  readonly #leaving = Promise.withResolvers<void>();
  readonly #drained = new Set<string>();
  /** What tasks have counted that run elsewhere now. */
  #before: TaskCounts = noCounts;

  constructor(options: JobRunnerOptions) {
    this.#options = options;
    this.#hosts = new TaskHosts(options);
    this.#status = new StatusFeed(options.platform.clock, () => this.status());
    this.#leaving.promise.catch(() => {}); // awaited once the job runs
    this.done = this.#run();
    this.done.catch(() => {}); // also told by status; nobody has to await it
  }

  get job(): string {
    return this.#options.graph.job;
  }

  get status$(): Observable<JobStatus> {
    return this.#status.status$;
  }

  get errors(): readonly Error[] {
    return this.#errors;
  }

  status(): JobStatus {
    const tasks = this.#snapshots();
    const watermarks = tasks.flatMap(({ watermark }) => watermark ?? []);
    return {
      job: this.job,
      state: this.#stateOf(tasks),
      waitingFor: this.#waitingFor(tasks),
      rebuild: tasks.find((task) => task.rebuild !== undefined)?.rebuild,
      watermark: watermarks.length === 0 ? undefined : Math.min(...watermarks),
      partitions: tasks.flatMap(({ partitions }) => partitions),
      tasks: this.#taskStatus(),
      metrics: this.metrics(),
      error: this.#errors.at(-1),
    };
  }

  metrics(): JobMetrics {
    const tasks = this.#snapshots();
    const { failed, ...counts } = tasks.map((task) => task.counts).reduce(sumOf, this.#before);
    const sum = (of: (task: TaskSnapshot) => number) =>
      tasks.reduce((total, task) => total + of(task), 0);
    return {
      ...counts,
      skippedRecords: recordsOf(failed, 'skipped'),
      deadLetters: recordsOf(failed, 'dead letter'),
      failedRecords: failed,
      restarts: sum(({ restarts }) => restarts),
      stateEntries: sum(({ stateEntries }) => stateEntries),
      unfoldedBytes: sum(({ unfoldedBytes }) => unfoldedBytes),
      stateFileBytes: sum(({ stateFileBytes }) => stateFileBytes),
      walBytes: sum(({ walBytes }) => walBytes),
    };
  }

  async stop(options: { readonly drain?: boolean } = {}): Promise<void> {
    const drain = options.drain ?? false;
    if (drain) this.#requireAll();
    this.#stop = { drain };
    this.#status.tell();
    this.#ending.abort();
    if (drain) this.#member?.keepAll();
    else if (this.#shared !== undefined) this.#leaving.resolve();
    for (const { runner } of this.#tasks.values()) runner.stop({ drain }).catch(() => {});
    await this.done;
  }

  async #run(): Promise<void> {
    try {
      this.#shared = await this.#untilItPasses(() => this.#prepare());
      this.#isPrepared = true;
      if (this.#shared === undefined) await this.#start(taskNameOf(this.job), 0).done;
      else await this.#runShared(this.#shared);
      this.#end = 'stopped';
    } catch (error) {
      if (this.#errors.at(-1) !== error) this.#keepError(error);
      this.#end = 'failed';
      throw error;
    } finally {
      await this.#hosts.close();
      this.#status.tell();
      this.#status.end();
      await this.#options.onEnd();
    }
  }

  /** Undefined where the whole job is one task. */
  async #prepare(): Promise<JobTasks | undefined> {
    const { graph, broker } = this.#options;
    // Before the layout: how many tasks can read is told by the partitions that there are.
    if (isShared(planStages(graph))) await prepareTopics(graph, broker);
    const layout = await layoutFor(graph, broker);
    if (layout === undefined) return undefined;
    const job = tasksOf(graph, layout);
    await makeExchanges(job, broker);
    return job;
  }

  async #untilItPasses<Result>(attempt: () => Promise<Result>): Promise<Result> {
    const pauses = new RestartPauses();
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        if (!canPass(error) || this.#ending.signal.aborted) throw error;
        this.#keepError(error);
        await pause(this.#options.platform.clock, pauses.after(0), this.#ending.signal);
      }
    }
  }

  /** As a member of those that share the job, until it is stopped or a task fails for good. */
  async #runShared(job: JobTasks): Promise<void> {
    const { broker, platform } = this.#options;
    if (this.#isLeaving) return;
    const member = await this.#untilItPasses(() =>
      JobMember.join({
        job: this.job,
        tasks: job.all.map(({ name, stage }) => ({ task: name, stage: stage.index })),
        ...{ broker, clock: platform.clock },
        run: (turn) => this.#runTask(job, turn),
        onFailure: (_, error) => {
          this.#isFailing = true;
          this.#leaving.reject(error);
        },
        onError: (error) => this.#keepError(error),
      }),
    );
    this.#member = member;
    this.#status.tell(); // also where it has no task
    try {
      if (this.#stop?.drain === true) member.keepAll();
      if (this.#isLeaving) this.#leaving.resolve();
      await this.#leaving.promise;
    } finally {
      await member.close();
    }
  }

  get #isLeaving(): boolean {
    return this.#stop?.drain === false;
  }

  /** A task that falls to this process, until it is given up or lost. */
  async #runTask(job: JobTasks, { task, signal, ...turn }: TaskRun): Promise<void> {
    const stage = job.all.find(({ name }) => name === task)?.stage.index ?? 0;
    const runner = this.#start(task, stage, turn);
    signal.addEventListener('abort', () => void runner.stop().catch(() => {}));
    try {
      await runner.done;
    } finally {
      this.#forget(task);
    }
  }

  /** A drain is over once all tasks are drained; until then none is released. */
  #noteDrained(task: string): void {
    this.#drained.add(task);
    if (this.#drained.size === this.#shared?.all.length) this.#leaving.resolve();
  }

  #start(task: string, stage: number, turn?: Pick<TaskRun, 'takeOver' | 'claimed'>): TaskRunner {
    const { settings, platform } = this.#options;
    const place = this.#hosts.take(stage);
    const layout = this.#shared?.layout;
    const runner = new TaskRunner({
      clock: platform.clock,
      host: place.host,
      spec: {
        task,
        layout,
        settings: { ...settings, takeOver: turn?.takeOver ?? settings.takeOver },
      },
      onClaimed: (incarnation) => turn?.claimed(incarnation),
      onError: (error) => {
        if (layout === undefined || !isElsewhere(error)) this.#keepError(error);
      },
      onState: () => this.#status.tell(),
      onChange: () => this.#status.tellSoon(),
      onDrained: () => this.#noteDrained(task),
    });
    this.#tasks.set(task, { runner, place, stage });
    if (this.#stop !== undefined) runner.stop(this.#stop).catch(() => {}); // told by `done`
    return runner;
  }

  /** What it has counted stays. */
  #forget(task: string): void {
    const own = this.#tasks.get(task);
    if (own === undefined) return;
    this.#hosts.leave(own.place, own.stage);
    this.#before = sumOf(this.#before, own.runner.snapshot().counts);
    this.#tasks.delete(task);
  }

  /** A drain ends when all tasks have told one another that nothing more comes. */
  #requireAll(): void {
    const others = this.#others();
    if (others === undefined) return;
    throw new MillraceError(
      'INVALID',
      `Job "${this.job}" can't be drained by this process alone: ${others} runs tasks of it. ` +
        'Stop the job there; this process has all tasks a moment later.',
    );
  }

  /** Other processes that run tasks of the job; undefined where there are none. */
  #others(): string | undefined {
    const others = (this.#shared?.all ?? []).flatMap(({ name }) => {
      const holder = this.#options.broker.describeTask(name)?.holder;
      return holder?.isLive === true && !holder.isThis ? [`${holder.pid} on ${holder.host}`] : [];
    });
    return others.length === 0 ? undefined : `process ${[...new Set(others)].join(', ')}`;
  }

  #waitingFor(tasks: readonly TaskSnapshot[]): string | undefined {
    const others = this.#end === undefined && this.#stop?.drain === true && this.#others();
    if (others) return `the drain: ${others} has taken tasks of the job; stop the job there`;
    return tasks.find((task) => task.waitingFor !== undefined)?.waitingFor;
  }

  #keepError(error: unknown): void {
    this.#errors.push(error instanceof Error ? error : new Error(messageOf(error)));
    if (this.#errors.length > errorsMax) this.#errors.shift();
  }

  #snapshots(): readonly TaskSnapshot[] {
    return [...this.#tasks.values()].map(({ runner }) => runner.snapshot());
  }

  #taskStatus(): readonly JobTaskStatus[] {
    const { broker } = this.#options;
    const all = this.#shared?.all ?? [{ name: taskNameOf(this.job), stage: { index: 0 } }];
    return all.map(({ name: task, stage }) => {
      const own = this.#tasks.get(task);
      const holder = broker.describeTask(task)?.holder;
      const isHeld = holder?.isLive === true;
      return {
        task,
        stage: stage.index,
        state: own?.runner.snapshot().state ?? (isHeld ? 'elsewhere' : 'free'),
        thread: own?.place.thread,
        process: isHeld ? { pid: holder.pid, host: holder.host } : undefined,
      };
    });
  }

  #stateOf(tasks: readonly TaskSnapshot[]): JobState {
    if (this.#end !== undefined) return this.#end;
    if (this.#stop !== undefined) return 'stopping';
    const states = tasks.map(({ state }) => state);
    const isFailing = this.#shared !== undefined && states.includes('failed');
    if (isFailing || this.#isFailing) return 'stopping';
    const first = (['failed', 'restarting', 'starting'] as const).find((of) => states.includes(of));
    return first ?? (this.#isPrepared ? 'running' : 'starting');
  }
}

/** Another process has the task. */
function isElsewhere(error: unknown): boolean {
  return isMillraceError(error, 'TASK_HELD') || isMillraceError(error, 'FENCED');
}

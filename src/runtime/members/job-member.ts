/**
 * A process that shares the tasks of a job with others: looks at the log, runs its part
 * (shares.ts), and gives up what is more.
 *
 *   look   every 500 ms, and soon after the log has changed
 *   run    a task that is free and falls to this member, until it is given up or lost
 *
 * What a member sees may be out of date. So the log decides: a claim is refused (`TASK_HELD`), a
 * task that another member has claimed meanwhile is fenced (`FENCED`). Both only mean that the
 * member looks again. A member that stood still finds its tasks with others, and joins again.
 */
import type { Broker, TaskDescription } from '../../broker/index.ts';
import { type Cancellable, type Clock, isMillraceError } from '../../platform/index.ts';
import { Membership } from './membership.ts';
import { movesOf, type SharedTask } from './shares.ts';

/** One task of a job. */
export interface JobTask {
  readonly task: string;
  readonly stage: number;
}

/** A task to be run. */
export interface TaskRun {
  readonly task: string;
  /** Aborts when the task is to be given up, with a last commit, or is lost. */
  readonly signal: AbortSignal;
  /** To claim it with: the task is held by this process, which runs it no more. */
  readonly takeOver: boolean;
  /** To be called after each claim: by it the member knows whether the task is lost since. */
  claimed(incarnation: number): void;
}

export interface JobMemberOptions {
  readonly job: string;
  /** All of the job, in an order that is the same in all processes. */
  readonly tasks: readonly JobTask[];
  readonly broker: Broker;
  readonly clock: Clock;
  /**
   * Claims the task and runs it; resolves when it is released. `TASK_HELD` and `FENCED` say that
   * another member has it. What can pass is for `run` to try again, as often as it likes.
   */
  run(run: TaskRun): Promise<void>;
  /** Told what else `run` failed with. The task stays here and is not run again. */
  onFailure(task: string, error: unknown): void;
  /** Told why joining again failed; it is tried at the next look. */
  onError(error: unknown): void;
}

export type MemberTaskState = 'running' | 'stopping' | 'failed';

/** A task that falls to this member; `running` from before it is claimed. */
export interface MemberTask {
  readonly task: string;
  readonly state: MemberTaskState;
}

interface Run {
  readonly stop: AbortController;
  /** Of its last claim; undefined before that. */
  incarnation: number | undefined;
  hasFailed: boolean;
  ended: Promise<void>;
}

const lookEveryMs = 500;
/** From a change of the log to the look at it; changes are frequent. */
const lookSoonMs = 100;

export class JobMember {
  readonly #options: JobMemberOptions;
  readonly #membership: Membership;
  readonly #runs = new Map<string, Run>();
  readonly #subscription: { close(): void };
  #nextLook: Cancellable | undefined;
  #lookSoon: Cancellable | undefined;
  #joining: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  #keepsAll = false;

  /** Joins the members of the job, and begins to look. Fails as `Membership.join` does. */
  static async join(options: JobMemberOptions): Promise<JobMember> {
    const membership = new Membership(options.broker, options.job);
    await membership.join();
    const member = new JobMember(options, membership);
    member.#look();
    return member;
  }

  private constructor(options: JobMemberOptions, membership: Membership) {
    this.#options = options;
    this.#membership = membership;
    this.#subscription = options.broker.subscribe(() => this.#lookLater());
  }

  /** What falls to this member now. */
  get tasks(): readonly MemberTask[] {
    return [...this.#runs].map(([task, run]) => ({ task, state: stateOf(run) }));
  }

  /** From here on it gives up nothing to others, and claims whatever is free. */
  keepAll(): void {
    this.#keepsAll = true;
    this.#look();
  }

  /**
   * Gives up everything; resolves when all tasks have ended. The place among the members goes
   * first: as long as this one counts, the tasks that it gives up fall to it.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#subscription.close();
    this.#cancelLooks();
    await this.#joining;
    const left = this.#membership.leave();
    const runs = [...this.#runs.values()];
    for (const run of runs) run.stop.abort();
    await Promise.allSettled([left, ...runs.map(({ ended }) => ended)]);
    await left;
  }

  #look(): void {
    this.#cancelLooks();
    if (this.#closing !== undefined) return;
    this.#nextLook = this.#options.clock.after(lookEveryMs, () => this.#look());
    const { me } = this.#membership;
    if (me === undefined) this.#joinAgain();
    else this.#move(me);
  }

  #move(me: string): void {
    const tasks = this.#options.tasks.map((task) => this.#seen(task, me));
    const members = this.#keepsAll ? [me] : this.#membership.live;
    const { claim, giveUp } = movesOf({ me, members, tasks });
    for (const task of giveUp) this.#giveUp(task);
    for (const task of claim) this.#start(task, false);
    for (const { task, owner } of tasks) {
      if (owner === me && !this.#runs.has(task) && !giveUp.includes(task)) this.#start(task, true);
    }
  }

  /** What runs here is this member's, claimed or not, unless the log knows better. */
  #seen({ task, stage }: JobTask, me: string): SharedTask {
    const described = this.#options.broker.describeTask(task);
    const run = this.#runs.get(task);
    if (run !== undefined && isLost(run, described)) this.#giveUp(task);
    const holder = described?.holder;
    const others = holder?.isLive === true && !holder.isThis ? holder.instance : undefined;
    const isMine = run !== undefined || holder?.isThis === true;
    const owner = others ?? (isMine ? me : undefined);
    return { task, stage, owner, isEnding: run?.stop.signal.aborted ?? false };
  }

  #start(task: string, takeOver: boolean): void {
    const stop = new AbortController();
    const ended = Promise.resolve();
    const run: Run = { stop, incarnation: undefined, hasFailed: false, ended };
    this.#runs.set(task, run);
    const claimed = (incarnation: number) => {
      run.incarnation = incarnation;
    };
    run.ended = this.#run({ task, signal: stop.signal, takeOver, claimed }, run);
  }

  async #run(turn: TaskRun, run: Run): Promise<void> {
    try {
      await this.#options.run(turn);
    } catch (error) {
      if (!isElsewhere(error)) {
        run.hasFailed = !turn.signal.aborted;
        this.#options.onFailure(turn.task, error);
      }
    }
    if (!run.hasFailed) this.#runs.delete(turn.task);
    this.#lookLater();
  }

  #giveUp(task: string): void {
    const run = this.#runs.get(task);
    if (run?.hasFailed === true) this.#runs.delete(task);
    else run?.stop.abort();
  }

  #joinAgain(): void {
    this.#joining ??= this.#membership
      .join()
      .catch((error) => this.#options.onError(error))
      .finally(() => {
        this.#joining = undefined;
        this.#lookLater();
      });
  }

  #lookLater(): void {
    if (this.#closing !== undefined) return;
    this.#lookSoon ??= this.#options.clock.after(lookSoonMs, () => this.#look());
  }

  #cancelLooks(): void {
    this.#nextLook?.cancel();
    this.#lookSoon?.cancel();
    this.#lookSoon = undefined;
  }
}

/**
 * Another one has claimed the task since. Where it has no input, no commit of it would be fenced;
 * and the other one may be dead or have released it again.
 */
function isLost({ incarnation }: Run, described: TaskDescription | undefined): boolean {
  if (incarnation === undefined || described === undefined) return false;
  return described.incarnation > incarnation && described.holder?.isThis !== true;
}

/** Another member has the task: no failure. */
function isElsewhere(error: unknown): boolean {
  return isMillraceError(error, 'TASK_HELD') || isMillraceError(error, 'FENCED');
}

function stateOf({ stop, hasFailed }: Run): MemberTaskState {
  if (hasFailed) return 'failed';
  return stop.signal.aborted ? 'stopping' : 'running';
}

/** Processes that share a job on a simulated machine, over one log in memory. */
import { MemoryBroker } from '../../../src/broker/index.ts';
import { isMillraceError, pause } from '../../../src/platform/index.ts';
import { JobMember, type JobTask, type TaskRun } from '../../../src/runtime/members/job-member.ts';
import { SimulatedMachine, type SimulatedProcess } from '../../support/simulated-platform.ts';

export const job = 'shared';

export interface ProcessesOptions {
  readonly tasks: readonly JobTask[];
  /** How long starting a task, and ending it, takes next, in ms. */
  readonly delayMs: () => number;
  /** How often a task commits, in ms; undefined: it has no input. */
  readonly commitEveryMs: number | undefined;
}

/** Which process has claimed each task, and not begun to release it. */
type Owners = Map<string, JobProcess>;

/** As in a run of a job: claims, recovers, commits, ends with a last commit. */
export class JobProcess {
  readonly name: string;
  readonly broker: MemoryBroker;
  readonly machine: SimulatedProcess;
  /** Claims that were granted here. */
  readonly started: string[] = [];
  readonly failures: unknown[] = [];
  /** Makes a task fail, at its start. */
  failureOf: (task: string) => Error | undefined = () => undefined;
  isStopped = false;
  member: JobMember | undefined;
  readonly #options: ProcessesOptions;
  readonly #owners: Owners;

  constructor(
    name: string,
    machine: SimulatedProcess,
    log: MemoryBroker,
    { owners, ...options }: ProcessesOptions & { readonly owners: Owners },
  ) {
    this.name = name;
    this.machine = machine;
    this.#options = options;
    this.#owners = owners;
    const { clock } = machine.platform;
    this.broker = log.process(name, { clock, isLive: () => this.isLive });
  }

  get isLive(): boolean {
    return this.machine.isAlive && !this.isStopped;
  }

  async join(): Promise<void> {
    this.member = await JobMember.join({
      ...{ job, tasks: this.#options.tasks, broker: this.broker },
      clock: this.machine.platform.clock,
      run: (run) => this.#run(run),
      onFailure: (_task, error) => this.failures.push(error),
      onError: (error) => this.failures.push(error),
    });
  }

  stop(): void {
    this.isStopped = true;
    this.machine.stop();
  }

  resume(): void {
    this.isStopped = false;
    this.machine.resume();
  }

  get running(): string[] {
    const tasks = this.member?.tasks ?? [];
    return tasks.filter(({ state }) => state === 'running').map(({ task }) => task);
  }

  async #run({ task, signal, takeOver, claimed }: TaskRun): Promise<void> {
    const { delayMs, commitEveryMs = Number.POSITIVE_INFINITY } = this.#options;
    const { clock } = this.machine.platform;
    const claim = await this.broker.claim(task, { takeOver });
    claimed(claim.incarnation);
    this.#own(task);
    this.started.push(task);
    const failure = this.failureOf(task);
    if (failure !== undefined) throw failure;
    const { incarnation } = claim;
    await pause(clock, delayMs(), new AbortController().signal);
    for (let { epoch } = claim; !signal.aborted; ) {
      epoch++;
      await this.broker.commit({
        ...{ task, incarnation, epoch, clockMs: 0, positions: [], appends: [] },
      });
      if (commitEveryMs === Number.POSITIVE_INFINITY) await aborted(signal);
      else await pause(clock, commitEveryMs, signal);
    }
    await pause(clock, delayMs(), new AbortController().signal);
    this.#disown(task);
    await this.broker.release(claim);
  }

  /** Nobody takes a task from a process that lives. */
  #own(task: string): void {
    const before = this.#owners.get(task);
    if (before !== undefined && before !== this && before.isLive) {
      this.failures.push(new Error(`${this.name} took ${task} from ${before.name}, which lives`));
    }
    this.#owners.set(task, this);
  }

  #disown(task: string): void {
    if (this.#owners.get(task) === this) this.#owners.delete(task);
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve());
  });
}

export class Processes {
  readonly machine: SimulatedMachine = new SimulatedMachine();
  readonly all: JobProcess[] = [];
  readonly #options: ProcessesOptions;
  readonly #log: MemoryBroker;
  readonly #owners: Owners = new Map();

  constructor(options: ProcessesOptions) {
    this.#options = options;
    this.#log = new MemoryBroker({ clock: this.machine.process().platform.clock });
    this.#log.subscribe(() => {});
  }

  /** Starts a process, which joins when it comes to it. */
  start(): JobProcess {
    const name = `p${String(this.all.length).padStart(2, '0')}`;
    const options = { ...this.#options, owners: this.#owners };
    const process = new JobProcess(name, this.machine.process(), this.#log, options);
    this.all.push(process);
    process.join().catch((error) => process.failures.push(error));
    return process;
  }

  /** Those that live and have not left. */
  get live(): JobProcess[] {
    return this.all.filter((process) => process.isLive && !this.hasLeft.has(process));
  }

  readonly hasLeft: Set<JobProcess> = new Set();

  leave(process: JobProcess): void {
    this.hasLeft.add(process);
    process.member?.close().catch((error) => process.failures.push(error));
  }

  /** The process that holds each task, as the log has it. */
  get holders(): (string | undefined)[] {
    return this.#options.tasks.map(({ task }) => {
      const holder = this.#log.describeTask(task)?.holder;
      return holder?.isLive === true ? holder.instance : undefined;
    });
  }

  /** Each task is held by one that runs it, no other one runs it, and the loads are fair. */
  get isSettled(): boolean {
    const { holders, live } = this;
    const loads = live.map(({ name }) => holders.filter((holder) => holder === name).length);
    return (
      this.#options.tasks.every(({ task }, i) => {
        const runners = live.filter(({ running }) => running.includes(task));
        return runners.length === 1 && runners[0]?.name === holders[i];
      }) &&
      live.every(({ member }) => member?.tasks.every(({ state }) => state === 'running')) &&
      Math.max(...loads) - Math.min(...loads) <= 1
    );
  }

  /** Lets them look until they have settled; how many looks that took, `looksMax` for too many. */
  async settle(looksMax: number): Promise<number> {
    for (let looks = 0; looks < looksMax; looks++) {
      if (this.isSettled) return looks;
      await this.machine.advance(500);
    }
    return looksMax;
  }

  get starts(): number {
    return this.all.reduce((sum, { started }) => sum + started.length, 0);
  }

  get failures(): unknown[] {
    return this.all.flatMap(({ failures }) => failures);
  }
}

export function stages(...sizes: readonly number[]): JobTask[] {
  return sizes.flatMap((size, stage) =>
    Array.from({ length: size }, (_, i) => ({ task: `${job}-1.${stage}.${i}`, stage })),
  );
}

export function codeOf(error: unknown): string {
  return isMillraceError(error) ? error.code : String(error);
}

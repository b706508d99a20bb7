/**
 * Runs one task until it is stopped or fails: epoch, commit, and waiting for something to do. This
 * is the only place of a job that awaits.
 */
import type { Commit } from '../broker/index.ts';
import type { Cancellable, Clock } from '../platform/index.ts';
import type { StateFileSizes } from './fold-changelog.ts';
import { Folding, foldEagerBytes } from './folding.ts';
import { type OpenedTask, type OpenTaskOptions, openTask } from './open-task.ts';
import type { Task } from './task.ts';

export interface TaskLoopOptions extends OpenTaskOptions {
  /** Told after each commit and whenever the task begins to wait. */
  onProgress(): void;
  /** Told that a task of a shared job is drained: see `RunningTask.stop`. */
  onDrained?(): void;
}

/** Encoding more changed entries than these takes a turn of the event loop of its own. */
const changesInTurn = 256;

export class TaskLoop {
  readonly #options: TaskLoopOptions;
  readonly #opened: OpenedTask;
  readonly #folding: Folding | undefined;
  readonly #subscription: { close(): void };
  #stopping: 'no' | 'now' | 'drained' | 'settled' = 'no';
  #wake: (() => void) | undefined;
  #timer: Cancellable | undefined;
  #draining = false;
  /** Those that read from the task are told that nothing more comes. */
  #hasEnded = false;
  #commits = 0;

  private constructor(options: TaskLoopOptions, opened: OpenedTask) {
    this.#options = options;
    this.#opened = opened;
    this.#folding = this.#makeFolding();
    this.#subscription = options.broker.subscribe(() => this.#onChange());
    this.task.asking.open(this.#clock, () => this.#wakeUp());
  }

  /** Undefined where `signal` has ended it before. */
  static async open(options: TaskLoopOptions): Promise<TaskLoop | undefined> {
    const opened = await openTask(options);
    return opened === undefined ? undefined : new TaskLoop(options, opened);
  }

  get task(): Task {
    return this.#opened.task;
  }

  get commits(): number {
    return this.#commits;
  }

  get unfoldedBytes(): number {
    return this.#folding?.unfoldedBytes ?? 0;
  }

  get stateFileSizes(): StateFileSizes {
    return this.#folding?.sizes ?? { stateFileBytes: 0, walBytes: 0 };
  }

  get waitingFor(): string | undefined {
    const problem = this.#folding?.problem;
    const because = problem === undefined ? '' : `: ${problem}`;
    if (this.#mustWait()) {
      const unfolded = `${this.unfoldedBytes} bytes of changelog are not in the state file yet`;
      return `folding: ${unfolded}${because}`;
    }
    const held = this.task.errors.waitingFor ?? this.task.asking.waitingFor;
    return held ?? (problem === undefined ? undefined : `folding${because}`);
  }

  /** Until more is folded: too much changelog waits for it, or too much memory. */
  #mustWait(): boolean {
    const { state } = this.task.parts;
    if (this.#folding === undefined || this.unfoldedBytes === 0) return false;
    if (state.isFull) state.tend();
    return this.#folding.isFull || state.isFull;
  }

  /**
   * Ends `run` after the epoch under way is committed; `drain`: after all input is read and all
   * windows are closed.
   */
  stop(drain: boolean): void {
    if (this.#stopping === 'now') return;
    this.#stopping = drain ? 'drained' : 'now';
    this.#wakeUp();
  }

  /** Ends `run` once nothing is left to do for a task that is opened with `settling`. */
  settle(): void {
    if (this.#stopping === 'no') this.#stopping = 'settled';
  }

  /** Resolves once stopped; rejects with what made the task fail. The task is not used again. */
  async run(): Promise<void> {
    try {
      while (this.#stopping !== 'now') await this.#step();
    } finally {
      await this.#close();
    }
  }

  async #step(): Promise<void> {
    const { task } = this;
    if (this.#mustWait()) {
      this.#folding?.hurry();
      return this.#wait(Number.POSITIVE_INFINITY);
    }
    const { pauseMs } = task.errors;
    if (pauseMs > 0) return this.#wait(pauseMs);
    task.beginEpoch();
    while (!task.turn() && !task.isFull()) await soon(this.#clock);
    if (task.parts.state.changes > changesInTurn) await soon(this.#clock);
    const commit = task.endEpoch();
    task.asking.ask();
    if (commit !== undefined) await this.#commit(commit);
    if (task.hasInput() || task.isDue()) {
      if (commit === undefined) await soon(this.#clock);
    } else if (this.#stopping === 'drained' && !task.asking.isOpen && task.hasEndedInput) {
      await this.#drainOn();
    } else if (this.#stopping === 'settled' && !task.asking.isOpen) {
      this.#stopping = 'now';
    } else if (this.#stopping !== 'now') {
      await this.#wait(task.wakeInMs());
    }
  }

  async #commit(commit: Commit): Promise<void> {
    const { broker } = this.#options;
    const { changelog, task } = this.#opened;
    const appended = await broker.commit(commit);
    task.committed(appended);
    this.#commits++;
    const at = appended.findIndex((append) => append.topic === changelog);
    const append = commit.appends[at];
    const answer = appended[at];
    if (append !== undefined && answer !== undefined) {
      this.#folding?.add(append.batches, answer.baseOffset + answer.recordCount);
    }
    this.#options.onProgress();
  }

  async #drainOn(): Promise<void> {
    if (!this.#draining) {
      this.#draining = true;
      this.task.drain();
    } else if (!this.#hasEnded) {
      if (!this.task.drained) return;
      this.#hasEnded = true;
      this.task.end();
    } else if (this.#options.shared === undefined) {
      this.#stopping = 'now';
    } else {
      this.#options.onDrained?.();
      while (this.#stopping === 'drained')
        await new Promise<void>((wake) => {
          this.#wake = wake;
        });
    }
  }

  /** Until there is input, the clock has something to do, or the task is to stop. */
  async #wait(delayMs: number): Promise<void> {
    this.#options.onProgress();
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (delayMs < Number.POSITIVE_INFINITY) {
        this.#timer = this.#clock.after(Math.min(delayMs, 2 ** 30), () => this.#wakeUp());
      }
      this.#onChange(); // what came between looking and waiting
    });
  }

  #onChange(): void {
    if (this.#wake === undefined || !this.task.hasInput()) return;
    if (!this.#mustWait() && this.task.errors.pauseMs === 0) this.#wakeUp();
  }

  #wakeUp(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  async #close(): Promise<void> {
    this.task.asking.close();
    this.#subscription.close();
    this.#timer?.cancel();
    await this.#folding?.close();
    this.#opened.close();
    try {
      await this.#options.broker.release(this.#opened.claim);
    } catch (error) {
      if (this.#stopping !== 'no') this.#options.onError(error); // else the failure is told
    }
  }

  #makeFolding(): Folding | undefined {
    const { broker, platform, durable, onError, onProgress } = this.#options;
    const { foldIntervalMs, foldCpuShare, unfoldedBytesMax, walBytesMax } = this.#options;
    const { statePath, claim, changelog, foldedOffset } = this.#opened;
    if (statePath === undefined) return undefined;
    return new Folding({
      platform,
      broker,
      claim,
      changelog,
      statePath,
      durable,
      foldedOffset,
      intervalMs: foldIntervalMs,
      cpuShare: foldCpuShare,
      bytesEager: Math.min(foldEagerBytes, unfoldedBytesMax / 2),
      bytesMax: unfoldedBytesMax,
      walBytesMax,
      onFolded: (offset) => this.task.parts.state.foldedTo(offset),
      onError: (error) => {
        onError(error);
        onProgress();
      },
      onRoom: () => {
        this.#wakeUp();
        onProgress();
      },
    });
  }

  get #clock(): Clock {
    return this.#options.platform.clock;
  }
}

function soon(clock: Clock): Promise<void> {
  return new Promise((resolve) => clock.soon(resolve));
}

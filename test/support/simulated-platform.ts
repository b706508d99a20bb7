/**
 * A machine with processes, in one thread and under a test's control: files that a power cut loses
 * (losing-files.ts), time that stands still, locks that die with their holders, randomness from a
 * seed, SQLite.
 *
 *   machine ── process ── platform        the engine runs on a platform
 *      │          └─ kill, stop, resume
 *      ├─ advance, settle                 time, for all processes
 *      └─ powerCut                        the machine as it starts again
 *
 * A killed process loses its timers, callbacks, locks, transactions and handles; whatever its code
 * still does throws `Crash`, or waits for ever. What it wrote stays. A stopped process keeps
 * everything, and does nothing until it is resumed. To crash at a named step or file operation,
 * kill the process in `onFailpoint` or in `files.beforeOperation`.
 */
import type Database from 'better-sqlite3';
import { InTurn } from '../../src/platform/background.ts';
import type {
  BackgroundCall,
  Clock,
  Failpoint,
  Platform,
  ProcessLock,
} from '../../src/platform/index.ts';
import { type Choose, seededChoices } from './choices.ts';
import { LosingFileSystem } from './losing-files.ts';
import type { LosingNode } from './losing-nodes.ts';
import { Crash, type LosingProcess } from './losing-process.ts';
import { SimulatedDatabases } from './simulated-databases.ts';
import { SimulatedTime } from './simulated-time.ts';

export interface SimulatedMachineOptions {
  /** For random bytes. Default 1. */
  readonly seed?: number;
  /** Wall clock when the machine is switched on, in ms since the epoch. Default 2026-01-01. */
  readonly startsAt?: number;
}

interface MachineParts {
  readonly files: LosingFileSystem;
  readonly databases: SimulatedDatabases;
  readonly firstPid: number;
}

export class SimulatedMachine {
  /** Called at each named step of every process; may kill the process. */
  onFailpoint: (name: Failpoint, process: SimulatedProcess) => void = () => {};
  /** Wall clock minus elapsed time; a test makes the clock jump by changing it. */
  clockOffsetMs: number;
  readonly files: LosingFileSystem;
  readonly time: SimulatedTime = new SimulatedTime();
  readonly databases: SimulatedDatabases;
  readonly choose: Choose;
  /** Who holds the lock in a file. */
  readonly lockHolders: Map<LosingNode, SimulatedLock> = new Map();
  readonly #processes = new Map<number, SimulatedProcess>();
  #nextPid: number;

  constructor(options: SimulatedMachineOptions = {}, parts: Partial<MachineParts> = {}) {
    this.choose = seededChoices(options.seed ?? 1);
    this.clockOffsetMs = options.startsAt ?? Date.UTC(2026);
    this.files = parts.files ?? new LosingFileSystem();
    this.files.now = () => this.now();
    this.databases = parts.databases ?? new SimulatedDatabases();
    this.#nextPid = parts.firstPid ?? 1000;
  }

  now(): number {
    return this.clockOffsetMs + this.time.elapsedMs;
  }

  /** Starts a process. */
  process(): SimulatedProcess {
    const process = new SimulatedProcess(this, this.#nextPid++);
    this.#processes.set(process.pid, process);
    return process;
  }

  isAlive(pid: number): boolean {
    return this.#processes.get(pid)?.isAlive ?? false;
  }

  /** Runs everything that can run now. */
  settle(): Promise<void> {
    return this.time.settle();
  }

  /** Moves the time on, and runs what falls due. */
  advance(ms: number): Promise<void> {
    return this.time.advance(ms);
  }

  /** Settles, in steps of `stepMs`, until the promise has. Fails after `limitMs`. */
  async until<Result>(promise: Promise<Result>, stepMs = 1, limitMs = 60_000): Promise<Result> {
    let done = false;
    const finish = (): void => {
      done = true;
    };
    promise.then(finish, finish);
    await this.settle();
    for (let waitedMs = 0; !done; waitedMs += stepMs) {
      if (waitedMs > limitMs) throw new Error(`nothing happened for ${limitMs} ms`);
      await this.advance(stepMs);
    }
    return promise;
  }

  /** Kills every process; returns the machine as it starts again, an hour later. */
  powerCut(choose: Choose): SimulatedMachine {
    for (const process of this.#processes.values()) process.kill();
    const databases = new SimulatedDatabases();
    const files = this.files.powerCut(choose, (before, after) => {
      databases.copyFrom(this.databases, before, after);
    });
    return new SimulatedMachine(
      { seed: this.choose(2 ** 31), startsAt: this.now() + 3_600_000 },
      { files, databases, firstPid: this.#nextPid },
    );
  }
}

export class SimulatedProcess {
  readonly pid: number;
  readonly platform: Platform;
  readonly #machine: SimulatedMachine;
  readonly #files: LosingProcess;
  readonly #connections: Database.Database[] = [];
  readonly #locks: SimulatedLock[] = [];
  #state: 'running' | 'stopped' | 'killed' = 'running';
  #held: (() => void)[] = [];
  readonly #inTurn = new InTurn();

  constructor(machine: SimulatedMachine, pid: number) {
    this.pid = pid;
    this.#machine = machine;
    this.#files = machine.files.process((run) => this.#soon(run));
    this.platform = this.#makePlatform();
  }

  get isAlive(): boolean {
    return this.#state !== 'killed';
  }

  /** kill -9. */
  kill(): void {
    if (this.#state === 'killed') return;
    this.#state = 'killed';
    this.#held = [];
    this.#files.kill();
    for (const lock of this.#locks) lock.release();
    for (const connection of this.#connections) connection.close();
  }

  /** Kills the process in the middle of what it does: for `onFailpoint` and `beforeOperation`. */
  crash(): never {
    this.kill();
    throw new Crash(`process ${this.pid} was killed`);
  }

  /** SIGSTOP, between two turns of its event loop. */
  stop(): void {
    if (this.#state === 'running') this.#state = 'stopped';
  }

  /** SIGCONT. */
  resume(): void {
    if (this.#state !== 'stopped') return;
    this.#state = 'running';
    for (const run of this.#held.splice(0)) this.#soon(run);
  }

  #makePlatform(): Platform {
    return {
      files: this.#files,
      clock: this.#clock(),
      process: {
        pid: this.pid,
        host: 'simulated',
        startedAtMs: 0,
        memoryBytesMax: 2 ** 32,
        isAlive: (pid) => this.#machine.isAlive(pid),
      },
      background: {
        running: undefined,
        run: <Result>(call: BackgroundCall) => this.#runInBackground<Result>(call),
        close: () => Promise.resolve(),
      },
      randomBytes: (length) => Uint8Array.from({ length }, () => this.#machine.choose(256)),
      openLock: (path) => this.#openLock(path),
      openDatabase: (path, options) => this.#openDatabase(path, options.durable),
      copyDatabase: (database, path) => {
        const { databases, time } = this.#machine;
        return time.hold(databases.backUp(database, this.#placeholder(path, false)));
      },
      failpoint: (name) => {
        this.#files.requireAlive();
        this.#machine.onFailpoint(name, this);
        this.#files.requireAlive();
      },
    };
  }

  #clock(): Clock {
    const { time } = this.#machine;
    return {
      now: () => this.#machine.now(),
      monotonicMs: () => time.elapsedMs,
      after: (delayMs, run) => {
        let cancelled = false;
        const timer = time.after(delayMs, () => this.#run(() => (cancelled ? undefined : run())));
        const cancel = (): void => {
          cancelled = true;
          timer.cancel();
        };
        return { cancel };
      },
      soon: (run) => this.#soon(run),
    };
  }

  #soon(run: () => void): void {
    this.#machine.time.soon(() => this.#run(run));
  }

  #run(run: () => void): void {
    if (this.#state === 'stopped') this.#held.push(run);
    if (this.#state !== 'running') return;
    try {
      run();
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
    }
  }

  /**
   * In simulated time: a call that pauses lets others run. A killed process never hears of it.
   */
  async #runInBackground<Result>(call: BackgroundCall): Promise<Result> {
    const transfer = [...(call.transfer ?? [])];
    const argument: unknown = structuredClone(call.argument, { transfer });
    await new Promise<void>((resolve) => this.#soon(resolve));
    const result = this.#inTurn.run(call, () => this.#callExport({ ...call, argument }));
    try {
      return structuredClone(await result) as Result; // the caller knows what the function returns
    } catch (error) {
      if (this.isAlive) throw error;
      return new Promise(() => {});
    }
  }

  async #callExport({ url, name, argument, onReport }: BackgroundCall): Promise<unknown> {
    const { time } = this.#machine;
    const module: Readonly<Record<string, unknown>> = await time.hold(import(url));
    const run = module[name];
    if (typeof run !== 'function') throw new TypeError(`${url} exports no function ${name}`);
    return run(argument, this.platform, (report: unknown) => {
      this.#run(() => onReport?.(structuredClone(report)));
    });
  }

  #openDatabase(path: string, durable: boolean): Database.Database {
    const database = this.#machine.databases.open(this.#placeholder(path, durable));
    this.#connections.push(database);
    return database;
  }

  #openLock(path: string): ProcessLock {
    const lock = new SimulatedLock(this.#machine, this, this.#placeholder(path, true));
    this.#locks.push(lock);
    return lock;
  }

  /** SQLite makes the names of its own files durable. */
  #placeholder(path: string, durable: boolean): LosingNode {
    if (!this.#files.exists(path)) this.#files.open(path, 'create').close();
    if (durable) this.#machine.files.syncName(path);
    const node = this.#machine.files.find(path);
    if (node?.kind !== 'file') throw new Error(`${path} is no database`);
    return node;
  }
}

export class SimulatedLock implements ProcessLock {
  readonly #machine: SimulatedMachine;
  readonly #process: SimulatedProcess;
  readonly #file: LosingNode;

  constructor(machine: SimulatedMachine, process: SimulatedProcess, file: LosingNode) {
    this.#machine = machine;
    this.#process = process;
    this.#file = file;
  }

  tryAcquire(): boolean {
    if (!this.#process.isAlive) throw new Crash(`process ${this.#process.pid} was killed`);
    const holder = this.#machine.lockHolders.get(this.#file);
    if (holder === this) throw new Error('the lock is taken once at a time');
    if (holder !== undefined) return false;
    this.#machine.lockHolders.set(this.#file, this);
    return true;
  }

  release(): void {
    if (this.#machine.lockHolders.get(this.#file) === this) {
      this.#machine.lockHolders.delete(this.#file);
    }
  }

  close(): void {
    this.release();
  }
}

/**
 * Processes that share a job, while trips come in: who runs which task as the log knows, and
 * whether what was counted is right.
 */
import { join } from 'node:path';
import { type Log, openLog } from '../../src/runtime/index.ts';
import { firstLayout, tasksOf } from '../../src/runtime/stages/job-tasks.ts';
import { Counted } from './counted.ts';
import { type Death, partitions, results, shared, type Trip, trips } from './shared-job.ts';
import { Sharer } from './sharer-process.ts';

const groups = 8;
const tripsAtOnce = 5;
const feedEveryMs = 20;

/** The log of the job, and the trips that come into it. */
export class Shared {
  readonly log: Log;
  /** All of the job. */
  readonly taskNames: readonly string[];
  /** Of the tasks that read the trips, by partition. */
  readonly readers: readonly string[];
  readonly #directory: string;
  readonly sharers: Sharer[] = [];
  readonly #sent = Array.from({ length: partitions }, () => 0);
  readonly #sending: Promise<unknown>[] = [];
  #feeding: NodeJS.Timeout | undefined;
  #deaths = 0;
  readonly #counted: Counted;

  static async open(directory: string): Promise<Shared> {
    const log = await openLog(directory, { durability: 'process' });
    await log.createTopic(trips);
    await log.createTopic(results);
    return new Shared(log, directory);
  }

  private constructor(log: Log, directory: string) {
    this.log = log;
    const { graph } = shared;
    const { all } = tasksOf(graph, firstLayout(graph, log.broker));
    this.taskNames = all.map(({ name }) => name);
    this.readers = all.flatMap(({ name, stage }) => (stage.index === 0 ? name : []));
    this.#counted = new Counted(log.broker);
    this.#directory = directory;
  }

  /** Begins to send trips, steadily. */
  feed(): void {
    this.#feeding = setInterval(() => {
      for (let i = 0; i < tripsAtOnce; i++) {
        for (let source = 0; source < partitions; source++) this.#send(source);
      }
    }, feedEveryMs);
  }

  async endFeed(): Promise<void> {
    clearInterval(this.#feeding);
    await Promise.all(this.#sending);
  }

  async close(): Promise<void> {
    await this.endFeed();
    for (const { child } of this.sharers) child.kill('SIGKILL');
    await Promise.allSettled(this.sharers.map(({ end }) => end));
    await this.log.close();
  }

  /** Starts a process that shares the job. */
  join(workers?: number): Sharer {
    const sharer = new Sharer(this.#directory, workers);
    this.sharers.push(sharer);
    return sharer;
  }

  /** The thread that reads a partition dies of its next trip. */
  sendDeath(source: number, how: Death): void {
    const once = join(this.#directory, `death-${this.#deaths++}`);
    this.#send(source, { how, once });
  }

  /** The tasks that a process holds, by name. */
  heldBy({ pid }: Sharer): string[] {
    return this.taskNames.filter((task) => {
      const holder = this.log.broker.describeTask(task)?.holder;
      return holder?.isLive === true && holder.pid === pid;
    });
  }

  /** How often each task was claimed: who has it still has it as long as this stays. */
  incarnations(tasks: readonly string[] = this.taskNames): Record<string, number | undefined> {
    const of = (task: string) => this.log.broker.describeTask(task)?.incarnation;
    return Object.fromEntries(tasks.map((task) => [task, of(task)]));
  }

  /** How much each task has committed. */
  epochs(tasks: readonly string[]): number[] {
    return tasks.map((task) => this.log.broker.describeTask(task)?.epoch ?? 0);
  }

  /**
   * Resolves once it is so; asked again after each change of the log. Rejects when a process fails.
   */
  async until(isSo: () => boolean): Promise<void> {
    if (isSo()) return;
    await new Promise<void>((resolve, reject) => {
      for (const { end } of this.sharers) end.catch(reject);
      const subscription = this.log.broker.subscribe(() => {
        if (!isSo()) return;
        subscription.close();
        resolve();
      });
    });
  }

  /** Resolves once each of them holds so many tasks, and all of them are held. */
  async untilHeld(...shares: readonly (readonly [Sharer, number])[]): Promise<void> {
    await this.until(() => shares.every(([sharer, tasks]) => this.heldBy(sharer).length === tasks));
  }

  /**
   * Waits until all trips sent so far are counted. Fails where one is counted twice, or a group is
   * counted out of order.
   */
  async untilCounted(): Promise<void> {
    await Promise.all(this.#sending.splice(0));
    const { sent } = this;
    await this.until(() => this.#counted.look() >= sent);
  }

  get sent(): number {
    return this.#sent.reduce((sum, n) => sum + n);
  }

  #send(source: number, death?: Trip['death']): void {
    const n = this.#sent[source] ?? 0;
    this.#sent[source] = n + 1;
    const group = `g${(n + source) % groups}`;
    const value: Trip = { source, n, group, ...(death === undefined ? {} : { death }) };
    this.#sending.push(this.log.send(trips, { key: null, value, partition: source }));
  }
}

/**
 * One simulation: a job whose tasks one to three processes share, under everything that a seed
 * draws, and whether its outputs are right.
 *
 *   input        is there before, or comes in portions; out of order within its partitions
 *   processes    join, leave, are killed (also at a commit), stand still and go on as zombies
 *   commits      whose outcome nobody knows, although they are durable or are not
 *   clocks       wall clocks jump, forwards and back
 *   in the end   one process goes on, and the job is drained, or its streams fall quiet
 */
import { MemoryBroker } from '../../src/broker/index.ts';
import type { Graph } from '../../src/runtime/graph.ts';
import { tasksOf } from '../../src/runtime/stages/job-tasks.ts';
import { recordedLayout } from '../../src/runtime/stages/layout.ts';
import { type Choose, seededChoices } from '../support/choices.ts';
import { appendAll, readOutputs, watermarksGoneBack } from './log.ts';
import { type CommitFate, SimulatedJobProcess } from './process.ts';
import { type Lane, Scheduler } from './scheduler.ts';
import { type InputRecord, type Outputs, outTopics, type Shape, shapes } from './shapes.ts';

export interface Finding {
  readonly shape: string;
  /** What is wrong; empty where nothing is. */
  readonly wrong: readonly string[];
  readonly trace: readonly string[];
  readonly counts: Counts;
}

export type Happening = 'join' | 'leave' | 'kill' | 'freeze' | 'wake' | 'jump' | 'commit';
export type Counts = Record<Happening, number> & { commits: number; steps: number };

const startsAt = Date.UTC(2026);
const processesMax = 3;
const endMs = 20 * 60_000;

/** Runs the simulation of a seed. */
export async function simulate(seed: number): Promise<Finding> {
  const simulation = new Simulation(seed);
  try {
    await simulation.run();
    return simulation.finding(await simulation.violations());
  } catch (error) {
    return simulation.finding([error instanceof Error ? `${error.stack}` : String(error)]);
  }
}

class Simulation {
  readonly #choose: Choose;
  readonly #scheduler: Scheduler;
  readonly #shape: Shape;
  readonly #graph: Graph;
  readonly #log: MemoryBroker;
  readonly #input: readonly InputRecord[];
  readonly #isGiven: boolean;
  readonly #partitions: readonly [number, number];
  readonly #trace: string[] = [];
  readonly #counts: Counts = {
    ...{ join: 0, leave: 0, kill: 0, freeze: 0, wake: 0, jump: 0, commit: 0 },
    ...{ commits: 0, steps: 0 },
  };
  #processes: SimulatedJobProcess[] = [];
  #appended = 0;
  #nextFate: CommitFate = 'kept';

  constructor(seed: number) {
    this.#choose = seededChoices(seed);
    this.#scheduler = new Scheduler(this.#choose);
    const shape = shapes[this.#choose(shapes.length)];
    if (shape === undefined) throw new Error('there are shapes');
    this.#shape = shape;
    this.#graph = shape.build(2 + this.#choose(3)).graph;
    this.#partitions = [1 + this.#choose(4), 1 + this.#choose(2)];
    this.#isGiven = !shape.isQuiet && this.#choose(2) === 0;
    this.#input = inputOf(shape, this.#partitions, this.#choose);
    this.#log = this.#newLog(this.#scheduler);
    this.#note(`${shape.name}, ${this.#input.length} records, ${this.#isGiven ? 'given' : 'live'}`);
  }

  finding(wrong: readonly string[]): Finding {
    this.#counts.steps = this.#scheduler.steps;
    return { shape: this.#shape.name, wrong, trace: this.#trace, counts: this.#counts };
  }

  async run(): Promise<void> {
    if (this.#isGiven) this.#append(this.#input.length);
    this.#join();
    if (this.#choose(2) === 0) this.#join();
    for (let left = 3 + this.#choose(10); left > 0; left--) {
      await this.#scheduler.run([20, 200, 2000, 9000][this.#choose(4)] ?? 0);
      this.#happen();
      if (this.#choose(2) === 0) this.#append(1 + this.#choose(20));
    }
    await this.#finish();
  }

  /** What must hold, whatever has happened. */
  async violations(): Promise<string[]> {
    const outputs = readOutputs(this.#log);
    const layout = recordedLayout(this.#graph.job, this.#log);
    if (layout === undefined) return ['the job never began'];
    const tasks = tasksOf(this.#graph, layout).all.map(({ name }) => name);
    return [
      ...this.#processes.flatMap(({ failures }) => failures),
      ...watermarksGoneBack(this.#log, tasks),
      ...this.#shape.check(this.#input, outputs),
      ...(this.#isGiven ? differences(outputs, await this.#ofOneTask()) : []),
    ];
  }

  #newLog(scheduler: Scheduler): MemoryBroker {
    const lane: Lane = { isDead: false, isFrozen: false, clockOffsetMs: startsAt };
    const log = new MemoryBroker({ clock: scheduler.clockOf(lane) });
    log.createTopicNow('a', { partitions: this.#partitions[0] });
    log.createTopicNow('b', { partitions: this.#partitions[1] });
    for (const name of outTopics) log.createTopicNow(name, { partitions: 2 });
    log.subscribe(() => {});
    return log;
  }

  #note(what: string): void {
    this.#trace.push(`${this.#scheduler.elapsedMs.toFixed(1)} ${what}`);
  }

  #append(count: number): void {
    const records = this.#input.slice(this.#appended, this.#appended + count);
    if (records.length === 0) return;
    this.#appended += records.length;
    this.#note(`${records.length} records come`);
    appendAll(this.#log, records);
  }

  #join(): void {
    const name = `p${this.#processes.length}`;
    const started = this.#start(name, this.#graph, this.#log, this.#scheduler);
    this.#processes.push(started);
    this.#note(`${name} joins`);
    this.#counts.join++;
  }

  #start(name: string, graph: Graph, log: MemoryBroker, scheduler: Scheduler) {
    return new SimulatedJobProcess({
      ...{ name, graph, log, scheduler, choose: this.#choose, clockOffsetMs: startsAt },
      fateOf: () => this.#fate(),
      trace: (what) => this.#note(what),
    });
  }

  #fate(): CommitFate {
    const fate = this.#nextFate;
    this.#nextFate = 'kept';
    this.#counts.commits++;
    return fate;
  }

  /** One thing, to a process to which it can happen. */
  #happen(): void {
    const awake = this.#processes.filter(({ isAwake, isLeaving }) => isAwake && !isLeaving);
    const zombies = this.#processes.filter(({ isZombie }) => isZombie);
    const process = awake[this.#choose(Math.max(1, awake.length))];
    const zombie = zombies[this.#choose(Math.max(1, zombies.length))];
    if (process === undefined || (awake.length < processesMax && this.#choose(3) === 0)) {
      this.#join();
      return;
    }
    if (zombie !== undefined && this.#choose(2) === 0) {
      this.#wake(zombie);
      return;
    }
    const what = (['leave', 'kill', 'freeze', 'jump', 'commit', 'commit'] as const)[
      this.#choose(6)
    ];
    if (what === undefined) return;
    this.#counts[what]++;
    if (what === 'commit') {
      const fates = ['unknown before', 'unknown after', 'kill before', 'kill after'] as const;
      this.#nextFate = fates[this.#choose(fates.length)] ?? 'kept';
      return;
    }
    if (what === 'jump') process.lane.clockOffsetMs += (this.#choose(1201) - 600) * 1000;
    else process[what]();
    this.#note(`${process.name}: ${what}`);
  }

  #wake(zombie: SimulatedJobProcess): void {
    zombie.wake();
    this.#note(`${zombie.name}: wake`);
    this.#counts.wake++;
  }

  /** What is left of the input comes, and one process goes on to the end. */
  async #finish(): Promise<void> {
    this.#nextFate = 'kept';
    this.#append(this.#input.length);
    for (const process of this.#processes) if (process.isZombie) this.#wake(process);
    if (!this.#processes.some(({ isAwake, isLeaving }) => isAwake && !isLeaving)) this.#join();
    await this.#scheduler.run(this.#choose(3000));
    const [last, ...others] = this.#processes.filter(
      ({ isAwake, isLeaving }) => isAwake && !isLeaving,
    );
    if (last === undefined) throw new Error(`nobody is left: ${this.#failures().join('\n')}`);
    for (const process of others) process.leave();
    this.#note(`${last.name} goes on to the end`);
    this.#scheduler.isRough = false;
    await this.#until('others leave', () =>
      this.#processes.every((of) => of === last || of.lane.isDead),
    );
    await this.#scheduler.run(this.#shape.isQuiet ? 60_000 : 2000);
    last.leave({ drain: !this.#shape.isQuiet });
    await this.#until('the job ends', () => last.hasLeft);
  }

  #failures(): string[] {
    return this.#processes.flatMap(({ failures }) => failures);
  }

  async #until(what: string, isDone: () => boolean): Promise<void> {
    if (await this.#scheduler.run(endMs, isDone)) return;
    throw new Error(`waits for ever until ${what}\n${this.#failures().join('\n')}`);
  }

  /** What one task makes of the input, which is there before it begins. */
  async #ofOneTask(): Promise<Outputs> {
    const scheduler = new Scheduler(this.#choose);
    scheduler.isRough = false;
    const log = this.#newLog(scheduler);
    appendAll(log, this.#input);
    const { graph } = this.#shape.build(1);
    const process = this.#start('reference', graph, log, scheduler);
    await scheduler.run(1000);
    process.leave({ drain: true });
    if (!(await scheduler.run(endMs, () => process.hasLeft)))
      throw new Error('one task never ends');
    if (process.failures.length > 0) throw new Error(`one task: ${process.failures.join()}`);
    return readOutputs(log);
  }
}

/** Per key the same results, with the same times, in the same order. */
function differences(found: Outputs, expected: Outputs): string[] {
  return outTopics.flatMap((topic) => {
    const [of, reference] = [byKey(found, topic), byKey(expected, topic)];
    return [...new Set([...of.keys(), ...reference.keys()])].flatMap((key) => {
      const [a, b] = [of.get(key) ?? [], reference.get(key) ?? []];
      const at = Array.from({ length: Math.max(a.length, b.length) }).findIndex(
        (_, i) => a[i] !== b[i],
      );
      if (at === -1) return [];
      return `${topic}: result ${at} of ${key} is ${a[at]}; that of one task is ${b[at]}`;
    });
  });
}

function byKey(outputs: Outputs, topic: string): Map<string, string[]> {
  const results = new Map<string, string[]>();
  for (const { key, timestamp, value } of outputs.get(topic) ?? []) {
    const of = results.get(key ?? '') ?? [];
    of.push(`${timestamp - startsAt} ${JSON.stringify(value)}`);
    results.set(key ?? '', of);
  }
  return results;
}

function inputOf(
  { name, disorderMs }: Shape,
  [a, b]: readonly [number, number],
  choose: Choose,
): InputRecord[] {
  const keys = 1 + choose(8);
  const stepMs = 1 + choose(400);
  const areTwo = ['union', 'quiet', 'join'].includes(name);
  let time = startsAt;
  return Array.from({ length: 10 + choose(70) }, (_, i) => {
    time += choose(10) === 0 ? choose(3000) : choose(stepMs);
    const topic = areTwo && choose(2) === 0 ? 'b' : 'a';
    return {
      ...{ topic, id: i + 1, key: `k${choose(keys)}`, group: `g${choose(3)}` },
      partition: choose(topic === 'a' ? a : b),
      time: time - choose(disorderMs + 1),
    } as const;
  });
}

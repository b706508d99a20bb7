/**
 * `simulate(job, { input, seeds })`: whether the results of a job depend on anything but its input.
 *
 * The batch is one run: all records are there, in the order of the input, and nothing happens. It
 * is compared with a second batch, and then with one run for each seed, whose schedule
 * (schedule.ts) has records arrive in another order, in other portions, with silence between them,
 * and crashes. Each run has other answers of Date and Math.random.
 *
 * A difference is made smaller, input and schedule, and thrown as a test that can be pasted.
 */
import { inspect, isDeepStrictEqual } from 'node:util';
import { checkNumbers, checkOptions, MillraceError } from '../platform/index.ts';
import type { Job, SourceNode, TopicSpec } from '../runtime/index.ts';
import { randomOf } from './random.ts';
import { batchSchedule, type Schedule, type ScheduleStep, scheduleOf } from './schedule.ts';
import { shrunk } from './shrink.ts';
import { withSimulatedGlobals } from './simulated-globals.ts';
import { type ReadRecord, type TestDriver, testDriver } from './test-driver.ts';

/** A record of the input. */
export interface SimulatedRecord {
  readonly topic: string | TopicSpec;
  readonly value: unknown;
  /** In ms since the epoch. */
  readonly timestamp: number;
  /** Default null. */
  readonly key?: unknown;
  /** Default 0. */
  readonly partition?: number;
}

export interface SimulateOptions {
  readonly input: readonly SimulatedRecord[];
  /** How many seeds are tried, from 1 on; or which ones. Default 100. */
  readonly seeds?: number | readonly number[];
  /**
   * What must be equal, by output topic and key. `all` (default): all records, in any order, with
   * their timestamps. `last`: the value of the last one, for running results, whose ways there may
   * differ. A function makes of the records of a key what is compared.
   */
  readonly compare?: 'all' | 'last' | ((records: readonly ReadRecord[]) => unknown);
  /** Whether records change places within the out-of-orderness of their source. Default true. */
  readonly shuffle?: boolean;
  /** Whether wall-clock time passes between records; not for processing time. Default true. */
  readonly silence?: boolean;
  /** Default true. */
  readonly crashes?: boolean;
  /** Exactly this schedule instead of seeds: to repeat what was found. */
  readonly schedule?: Schedule;
}

const optionNames = [
  ...['input', 'seeds', 'compare', 'shuffle', 'silence', 'crashes', 'schedule'],
] as const;

/** Runs for making a difference smaller. */
const shrinkTriesMax = 400;

/** A job gave other results than its batch. */
export class SimulationError extends Error {
  override readonly name = 'SimulationError';
  /** Undefined where two batches differ, or a schedule was given. */
  readonly seed: number | undefined;
  /** The smallest input found that has a difference. */
  readonly input: readonly SimulatedRecord[];
  readonly schedule: Schedule;
  /** Source text of a test that fails as long as the difference is there. */
  readonly test: string;

  constructor(
    message: string,
    found: Omit<Difference, 'what'> & { readonly seed: number | undefined; readonly test: string },
  ) {
    super(message);
    this.seed = found.seed;
    this.input = found.input;
    this.schedule = found.schedule;
    this.test = found.test;
  }
}

/** A run that differs from its batch. */
interface Difference {
  readonly input: readonly SimulatedRecord[];
  readonly schedule: Schedule;
  readonly what: string;
}

/**
 * Runs a job over the input, once as a batch and then under each seed, and compares. Returns how
 * many runs were compared. Throws a `SimulationError` for a difference, or what the job throws;
 * `INVALID` for input whose lateness depends on how it arrives.
 *
 * @example
 * simulate(flightDelays, {
 *   input: [{ topic: flights, key: 'JFK', value: flight, timestamp: flight.date }],
 *   seeds: 200,
 * });
 */
export function simulate(job: Job, options: SimulateOptions): number {
  checkOptions('simulate()', options, optionNames);
  const { input, schedule, seeds = 100, shuffle = true, silence = true, crashes = true } = options;
  if (typeof seeds === 'number') checkNumbers('simulate()', { seeds }, ['seeds']);
  const comparison = new Comparison(job, options);
  if (schedule !== undefined) {
    comparison.check(input, schedule, undefined);
    return 1;
  }
  const tried = typeof seeds === 'number' ? Array.from({ length: seeds }, (_, i) => i + 1) : seeds;
  comparison.check(input, batchSchedule(input.length), undefined);
  for (const seed of tried) {
    const random = randomOf(seed);
    const variation = { shuffle, silence, crashes };
    const steps = scheduleOf(input, sourcesOf(job), random, variation);
    comparison.check(input, steps, seed);
  }
  return tried.length + 1;
}

class Comparison {
  readonly #job: Job;
  readonly #options: SimulateOptions;
  readonly #partitions: number;
  /** Of the whole input, which is the same for each seed. */
  #batch: ReadonlyMap<string, unknown> | undefined;

  constructor(job: Job, options: SimulateOptions) {
    this.#job = job;
    this.#options = options;
    this.#partitions = Math.max(1, ...options.input.map(({ partition = 0 }) => partition + 1));
  }

  check(input: readonly SimulatedRecord[], schedule: Schedule, seed: number | undefined): void {
    const found = this.#difference(input, schedule);
    if (found === undefined) return;
    const { input: small, schedule: steps, what } = this.#shrink(found);
    const test = this.#testOf(small, steps);
    const by = seed === undefined ? 'in the same schedule' : `under seed ${seed}`;
    const message = `Job "${this.#job.name}" gives other results than its batch ${by}. ${what}\n\n`;
    const again =
      seed === undefined ? '' : `simulate(job, { input, seeds: [${seed}] }) repeats it. `;
    throw new SimulationError(`${message}${again}The smallest test found:\n\n${test}`, {
      ...{ input: small, schedule: steps, seed, test },
    });
  }

  #difference(input: readonly SimulatedRecord[], schedule: Schedule): Difference | undefined {
    const batch = this.#batchOf(input);
    const other = this.#run(input, schedule, 2);
    for (const place of new Set([...batch.keys(), ...other.keys()])) {
      const [expected, got] = [batch.get(place), other.get(place)];
      if (isDeepStrictEqual(expected, got)) continue;
      const what = `Of ${place}, the batch has ${literal(expected)}, the run ${literal(got)}.`;
      return { input, schedule, what };
    }
    return undefined;
  }

  #batchOf(input: readonly SimulatedRecord[]) {
    if (input !== this.#options.input) return this.#run(input, batchSchedule(input.length), 1);
    this.#batch ??= this.#run(input, batchSchedule(input.length), 1);
    return this.#batch;
  }

  #shrink(found: Difference): Difference {
    let smallest = found;
    shrunk(
      found.schedule,
      (steps) => {
        const next = this.#difference(...renumbered(found.input, steps));
        if (next !== undefined) smallest = next;
        return next !== undefined;
      },
      shrinkTriesMax,
    );
    return smallest;
  }

  /** What is compared, by topic and key. */
  #run(
    input: readonly SimulatedRecord[],
    schedule: Schedule,
    globals: number,
  ): ReadonlyMap<string, unknown> {
    return withSimulatedGlobals(globals, () => {
      using driver = testDriver(this.#job, { partitions: this.#partitions });
      for (const step of schedule) play(driver, input, step);
      if (!driver.isRunning) driver.restart();
      driver.drain();
      if (!driver.isRunning) driver.restart().drain();
      const results = new Map<string, unknown>();
      for (const topic of sinksOf(this.#job)) {
        const byKey = Map.groupBy(driver.read(topic), ({ key }) => literal(key));
        for (const [key, records] of byKey) {
          results.set(`topic ${topic}, key ${key}`, this.#compared(records));
        }
      }
      return results;
    });
  }

  #compared(records: readonly ReadRecord[]): unknown {
    const { compare = 'all' } = this.#options;
    if (typeof compare === 'function') return compare(records);
    if (compare === 'last') return records.at(-1)?.value;
    const plain = records.map(({ value, timestamp }) => ({ value, timestamp }));
    return plain.sort((a, b) => a.timestamp - b.timestamp || order(literal(a), literal(b)));
  }

  #testOf(input: readonly SimulatedRecord[], schedule: Schedule): string {
    const { compare } = this.#options;
    const name = JSON.stringify(`${this.#job.name} gives what its batch gives`);
    const named = input.map(({ topic, ...rest }) => ({ topic: nameOf(topic), ...rest }));
    const lines = (items: readonly unknown[]) =>
      items.map((item) => `      ${literal(item)},\n`).join('');
    const comparing = compare === undefined ? '' : `    compare: ${codeOf(compare)},\n`;
    return (
      `test(${name}, () => {\n  simulate(job, {\n    input: [\n${lines(named)}    ],\n` +
      `    schedule: [\n${lines(schedule)}    ],\n${comparing}  });\n});\n`
    );
  }
}

function play(driver: TestDriver, input: readonly SimulatedRecord[], step: ScheduleStep): void {
  if (!driver.isRunning) driver.restart();
  if (step.kind === 'epoch') driver.epochRecords = step.records;
  if (step.kind === 'silence') driver.advanceWallTime(step.ms);
  if (step.kind === 'crash') driver.crashAtCommit(step.at);
  if (step.kind !== 'record') return;
  const record = input[step.index];
  if (record === undefined) {
    throw new MillraceError(
      'INVALID',
      `simulate(): the schedule has record ${step.index}, and the input only ${input.length}.`,
    );
  }
  const { topic, value, key = null, timestamp, partition = 0 } = record;
  const fed = { key, timestamp, partition };
  if (step.run) driver.feed(nameOf(topic), value, fed);
  else driver.append(nameOf(topic), value, fed);
}

/** The records that a schedule still has, in the order of the input. */
function renumbered(
  input: readonly SimulatedRecord[],
  schedule: Schedule,
): [readonly SimulatedRecord[], Schedule] {
  const kept = new Set(schedule.flatMap((step) => (step.kind === 'record' ? [step.index] : [])));
  const places = new Map([...kept].sort((a, b) => a - b).map((index, place) => [index, place]));
  const steps = schedule.map((step) =>
    step.kind === 'record' ? { ...step, index: places.get(step.index) ?? 0 } : step,
  );
  return [input.filter((_, index) => kept.has(index)), steps];
}

function sourcesOf({ graph }: Job): SourceNode[] {
  return graph.nodes.filter((node) => node.kind === 'source');
}

function sinksOf({ graph }: Job): Set<string> {
  return new Set(graph.nodes.flatMap((node) => (node.kind === 'sink' ? [node.topic.name] : [])));
}

function nameOf(topic: SimulatedRecord['topic']): string {
  return typeof topic === 'string' ? topic : topic.name;
}

function codeOf(compare: NonNullable<SimulateOptions['compare']>): string {
  return typeof compare === 'function' ? compare.toString() : `'${compare}'`;
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** As it is written in TypeScript, where it is plain data. */
function literal(value: unknown): string {
  const all = Number.POSITIVE_INFINITY;
  return inspect(value, {
    ...{ depth: all, breakLength: all, maxArrayLength: all, maxStringLength: all },
    ...{ compact: true, sorted: true },
  });
}

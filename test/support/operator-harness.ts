/**
 * The operator harness: runs a job over a script in every mode (operator-harness-modes.ts), and
 * holds that the results are the same: record for record, in the order of each partition. So an
 * operator may depend on nothing but its records, the clock and its state: not on batches, epochs,
 * turns, crashes, or on who else holds an object.
 *
 *   script   records (one atomic append) | a pause | downtime | ... and a drain at the end
 *   results  key, value, timestamp and headers of each record, by topic and partition
 *
 * Time stands still but in pauses and downtime. A restart forgets for how long the streams have
 * been silent, so a script that counts on silence must pause until all that waits for it has
 * happened, or results may differ.
 */
import { expect } from 'vitest';
import {
  type Append,
  type Broker,
  type Header,
  MemoryBroker,
  RecordBatchBuilder,
  RecordCursor,
  type TopicOptions,
} from '../../src/broker/index.ts';
import { topic } from '../../src/dsl/index.ts';
import { bytes } from '../../src/formats/index.ts';
import { isMillraceError, type Platform } from '../../src/platform/index.ts';
import {
  type Graph,
  type Job,
  type JobHandle,
  type RunOptions,
  run,
  type TopicSpec,
} from '../../src/runtime/index.ts';
import { RunBroker } from './operator-harness-broker.ts';
import { lookMs, type Mode, otherModes, plainMode } from './operator-harness-modes.ts';
import { SimulatedMachine, type SimulatedProcess } from './simulated-platform.ts';

/** A record of the input. */
export interface ScriptRecord {
  /** Default: the job's first source. */
  readonly topic?: string;
  /** Default 0. */
  readonly partition?: number;
  readonly key?: unknown;
  readonly value: unknown;
  /** Timestamp of the record, in ms; default 0. */
  readonly timestamp?: number;
}

export type ScriptStep =
  /** They become visible together. */
  | { readonly records: readonly ScriptRecord[] }
  /** The clock goes on while the job runs. */
  | { readonly pauseMs: number }
  /** The clock goes on while no job runs. */
  | { readonly downtimeMs: number };

export interface ScriptOptions {
  /** Whether event time runs to the end of what waits when the script has ended. Default true. */
  readonly drain?: boolean;
  /** Of each source topic. Default: as many as the script names, at least 1. */
  readonly partitions?: number;
  /** Of each sink topic. Default: the log's. */
  readonly futureTimestampsMaxMs?: number;
  /** Default: all. */
  readonly modes?: readonly Mode[];
}

export interface OutputRecord {
  readonly key: unknown;
  readonly value: unknown;
  readonly timestamp: number;
  readonly headers: readonly Header[];
}

/** By `topic/partition`. */
export type Outputs = Readonly<Record<string, readonly OutputRecord[]>>;

/** Wall clock of the simulated machine when a script begins. */
export const scriptStartsAt: number = Date.UTC(2026);

/** Runs the script in the plain mode and in the others; returns what all of them wrote. */
export async function sameInEveryMode(
  job: Job,
  script: readonly ScriptStep[],
  options: ScriptOptions = {},
): Promise<Outputs> {
  const { outputs: expected } = await runScript(job, script, plainMode, options);
  for (const mode of options.modes ?? otherModes) {
    const { outputs, runs } = await runScript(job, script, mode, options);
    expect(outputs, mode.name).toEqual(expected);
    expect(JSON.stringify(outputs), mode.name).toBe(JSON.stringify(expected)); // order of members
    if (mode.afterStep !== undefined || mode.atCommit !== undefined) {
      expect(runs, `runs when ${mode.name}`).toBeGreaterThan(1);
    }
  }
  return expected;
}

/** The values of a topic, partition by partition. */
export function valuesOf(outputs: Outputs, topic: string): unknown[] {
  return Object.entries(outputs).flatMap(([name, records]) =>
    name.startsWith(`${topic}/`) ? records.map(({ value }) => value) : [],
  );
}

export interface ScriptResult {
  readonly outputs: Outputs;
  /** How often the job was started. */
  readonly runs: number;
}

/** Runs the script once. Fails where the job does. */
export async function runScript(
  job: Job,
  script: readonly ScriptStep[],
  mode: Mode = plainMode,
  options: ScriptOptions = {},
): Promise<ScriptResult> {
  const scripted = new ScriptRun(job, mode);
  const { futureTimestampsMaxMs } = options;
  if (futureTimestampsMaxMs !== undefined) await scripted.makeSinkTopics({ futureTimestampsMaxMs });
  await scripted.makeTopics(options.partitions ?? partitionsOf(script));
  await scripted.start();
  for (const step of script) await scripted.step(step);
  await scripted.finish(options.drain ?? true);
  return { outputs: scripted.outputs(), runs: scripted.runs };
}

/** The job, a machine and a log; for tests that look at more than the results. */
export class ScriptRun {
  readonly machine: SimulatedMachine = new SimulatedMachine({ startsAt: scriptStartsAt });
  readonly broker: Broker;
  runs = 0;
  #job: Job;
  readonly #mode: Mode;
  readonly #clock = this.machine.process().platform.clock;
  #handle: JobHandle | undefined;
  #wanted: 'running' | 'stopped' | 'drained' = 'running';
  /** Handles that others have taken over from: they fail with FENCED, and with nothing else. */
  readonly #superseded = new Set<JobHandle>();
  #commits = 0;
  #failure: unknown;

  constructor(job: Job, mode: Mode = plainMode) {
    this.#job = job;
    this.#mode = mode;
    this.broker = new MemoryBroker({ clock: this.#clock });
  }

  /** Of the run under way. */
  get handle(): JobHandle {
    if (this.#handle === undefined) throw new Error('no run has begun');
    return this.#handle;
  }

  async makeTopics(partitions: number): Promise<void> {
    await this.#make(sourcesOf(this.#job.graph), { partitions });
  }

  /** Otherwise the job makes them. */
  async makeSinkTopics(options: TopicOptions): Promise<void> {
    await this.#make(sinksOf(this.#job.graph), options);
  }

  async #make(topics: readonly TopicSpec[], options: TopicOptions): Promise<void> {
    const made = topics.map(({ name }) => this.broker.createTopic(name, options));
    await this.machine.until(Promise.all(made));
  }

  /** Starts the job, or another one in its place. */
  async start(job: Job = this.#job): Promise<void> {
    this.#job = job;
    this.#wanted = 'running';
    await this.#begin();
    await this.#settle();
  }

  async step(step: ScriptStep): Promise<void> {
    if ('records' in step) {
      await this.append(step.records);
    } else if ('pauseMs' in step) {
      await this.machine.advance(step.pauseMs);
    } else {
      await this.stop();
      await this.machine.advance(step.downtimeMs);
      await this.start();
    }
    await this.#settle();
    await this.#afterStep();
  }

  async append(records: readonly ScriptRecord[]): Promise<void> {
    const appends = appendsOf(this.#job.graph, records, this.#mode.batchRecords);
    this.broker.append(appends).catch((error: unknown) => this.#fail(error));
    await this.#settle();
  }

  async stop(): Promise<void> {
    this.#wanted = 'stopped';
    await this.#ask(false);
  }

  async finish(drain: boolean): Promise<void> {
    this.#wanted = drain ? 'drained' : 'stopped';
    await this.#ask(drain);
    expect(this.handle.status().state, this.#mode.name).toBe('stopped');
  }

  outputs(): Outputs {
    const outputs: Record<string, readonly OutputRecord[]> = {};
    for (const topic of [...sinksOf(this.#job.graph), ...deadLettersIn(this.#job.graph)]) {
      for (const { partition } of this.broker.describeTopic(topic.name)?.partitions ?? []) {
        outputs[`${topic.name}/${partition}`] = readAll(this.broker, topic, partition);
      }
    }
    return outputs;
  }

  async #afterStep(): Promise<void> {
    if (this.#mode.afterStep === 'restart') {
      await this.stop();
      await this.start();
    } else if (this.#mode.afterStep === 'take over') {
      this.#superseded.add(this.handle);
      await this.start();
    }
  }

  async #ask(drain: boolean): Promise<void> {
    this.handle.stop({ drain }).catch(() => {}); // told by #watch
    await this.#settle();
  }

  /** Until nothing can go on without the clock; runs that end on the way are followed by others. */
  async #settle(): Promise<void> {
    await this.machine.settle();
    const handle = this.#handle;
    if (handle !== undefined && !this.#superseded.has(handle)) this.#failure ??= handle.errors[0];
    const failure = this.#failure;
    this.#failure = undefined; // told once: the test may start a corrected job
    if (failure !== undefined) throw failure;
  }

  async #begin(): Promise<void> {
    this.runs++;
    const process = this.machine.process();
    const { graph, ...job } = this.#job;
    const changed = this.#mode.graph?.(graph) ?? graph;
    const handle = await run({ ...job, graph: changed }, this.#runOptions(process));
    this.#handle = handle;
    this.#watch(handle);
    if (this.#wanted === 'drained') handle.stop({ drain: true }).catch(() => {}); // as above
  }

  #watch(handle: JobHandle): void {
    handle.done.catch((error: unknown) => {
      if (!this.#superseded.has(handle) || !isMillraceError(error, 'FENCED')) this.#fail(error);
    });
  }

  #runOptions(process: SimulatedProcess): RunOptions {
    const { epoch, state, stateMemoryMax } = this.#mode;
    const broker = this.#runBroker(process);
    // Folded when there is too much of it, never by the clock.
    const folding = { foldIntervalMs: 1e12, unfoldedBytesMax: state === 'both' ? 700 : 1 };
    return {
      broker,
      epoch,
      takeOver: true,
      platform: this.#mode.shortTurns === true ? hurried(process.platform) : process.platform,
      ...(state === 'changelog' ? {} : { stateDirectory: '/data', ...folding }),
      ...(stateMemoryMax === undefined ? {} : { stateMemoryMax }),
    };
  }

  #runBroker(process: SimulatedProcess): RunBroker {
    const { readBytesMax = Number.POSITIVE_INFINITY, commitTurns = 0, atCommit } = this.#mode;
    return new RunBroker(this.broker, {
      readBytesMax,
      fateOf: () => atCommit?.(++this.#commits) ?? 'keep',
      beforeCommit: async () => {
        for (let turn = 0; turn < commitTurns; turn++) {
          await new Promise<void>((resolve) => this.#clock.soon(resolve));
        }
      },
      onStop: () => this.#clock.soon(() => this.#restartAfterStop()),
      onCrash: () => {
        process.kill();
        this.#beginAgain();
      },
    });
  }

  #restartAfterStop(): void {
    const again = () => this.#beginAgain();
    this.handle.stop().then(again, () => {}); // failures are told by #watch
  }

  #beginAgain(): void {
    if (this.#wanted === 'stopped') return;
    this.#begin().catch((error: unknown) => this.#fail(error));
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
  }
}

/** A clock that has gone on a little at each look, too little for anybody to call it silence. */
function hurried(platform: Platform): Platform {
  let looks = 0;
  const monotonicMs = () => platform.clock.monotonicMs() + lookMs * looks++;
  return { ...platform, clock: { ...platform.clock, monotonicMs } };
}

function partitionsOf(script: readonly ScriptStep[]): number {
  const records = script.flatMap((step) => ('records' in step ? step.records : []));
  return Math.max(1, ...records.map(({ partition = 0 }) => partition + 1));
}

/** Whole topics, since scripts write to them. */
function sourcesOf(graph: Graph): TopicSpec[] {
  return graph.nodes.flatMap((node) => (node.kind === 'source' ? [node.topic as TopicSpec] : []));
}

/** Two sinks may write one topic. */
function sinksOf(graph: Graph): TopicSpec[] {
  const sinks = graph.nodes.flatMap((node) => (node.kind === 'sink' ? [node.topic] : []));
  return [...new Map(sinks.map((topic) => [topic.name, topic])).values()];
}

/** As they are: nobody decodes what may be undecodable. */
function deadLettersIn(graph: Graph): TopicSpec[] {
  const names = graph.nodes.flatMap((node) => {
    const otherwise = node.kind === 'source' ? node.onError?.otherwise : undefined;
    return typeof otherwise === 'object' ? [otherwise.deadLetters] : [];
  });
  return [...new Set(names)].map((name) => topic(name, { key: bytes(), value: bytes() }));
}

function appendsOf(graph: Graph, records: readonly ScriptRecord[], batchRecords: number): Append[] {
  const sources = sourcesOf(graph);
  const nameOf = ({ topic = sources[0]?.name ?? '' }: ScriptRecord) => topic;
  const groups = Object.groupBy(records, (r) => `${nameOf(r)}/${r.partition ?? 0}`);
  return Object.values(groups).flatMap((group = []) => {
    const [first] = group;
    const topic = sources.find(({ name }) => first !== undefined && name === nameOf(first));
    if (first === undefined || topic === undefined) throw new Error('no source reads this record');
    return [appendOf(topic, first.partition ?? 0, group, batchRecords)];
  });
}

function appendOf(
  topic: TopicSpec,
  partition: number,
  records: readonly ScriptRecord[],
  batchRecords: number,
): Append {
  const builder = new RecordBatchBuilder();
  const batches: Uint8Array[] = [];
  for (const { key = null, value, timestamp = 0 } of records) {
    const keyBytes = key === null ? null : topic.key.encode(key);
    builder.append(timestamp, keyBytes, value === null ? null : topic.value.encode(value));
    if (builder.recordCount === batchRecords) batches.push(builder.build());
  }
  if (builder.recordCount > 0) batches.push(builder.build());
  const maxTimestamp = Math.max(...records.map(({ timestamp = 0 }) => timestamp));
  const recordCount = records.length;
  return {
    topic: topic.name,
    partition,
    batches: Buffer.concat(batches),
    recordCount,
    maxTimestamp,
  };
}

/** Every record of a partition. */
export function readAll(broker: Broker, topic: TopicSpec, partition: number): OutputRecord[] {
  const cursor = new RecordCursor();
  const records: OutputRecord[] = [];
  for (let offset = 0; ; offset = cursor.endOffset()) {
    const batches = broker.read({ topic: topic.name, partition }, offset, 64 * 1024);
    if (batches === undefined) return records;
    cursor.reset(batches.bytes);
    while (cursor.next()) {
      const { bytes, keyStart, keyEnd, valueStart, valueEnd, timestamp } = cursor;
      records.push({
        key: keyStart < 0 ? null : topic.key.decode(bytes, keyStart, keyEnd),
        value: valueStart < 0 ? null : topic.value.decode(bytes, valueStart, valueEnd),
        timestamp,
        headers: cursor.headers(),
      });
    }
  }
}

/**
 * Replays: what a job makes of its input is made again, into topics of its own, on a state of its
 * own. The live job may run meanwhile; nothing of it is touched.
 *
 *   claim      the replay's own task: no two replays of one name at once
 *   topics     made anew, for each topic that the job writes
 *   work       the records of a range (replay-records.ts), or the recorded epochs of the live run
 *              (replay-recorded.ts); the state is thrown away
 *   compare    with what the live job wrote, if that is wanted
 */
import type { Broker, Claim } from '../../broker/index.ts';
import {
  checkNumbers,
  checkOptions,
  MillraceError,
  nodePlatform,
  type Platform,
} from '../../platform/index.ts';
import { checkGraph } from '../compiler/check.ts';
import { nameSteps } from '../compiler/names.ts';
import type { EpochBudget } from '../epoch-limit.ts';
import { asksOutside } from '../graph.ts';
import { Log, openLog } from '../log.ts';
import { epochDefaults, type Job, stateMemoryDefaultOf } from '../run.ts';
import { requireOneTask, taskNameOf } from '../stages/job-tasks.ts';
import type { FailedRecords } from '../status.ts';
import { recordsOf, type TaskCounts } from '../task-counts.ts';
import { compareTopics, type TopicComparison } from './compare-topics.ts';
import { foldBytesMax } from './rebuild.ts';
import { RebuiltFile } from './rebuilt-file.ts';
import { ReplayOutput } from './replay-output.ts';
import { type ReplayBound, rangesOf } from './replay-range.ts';
import { RecordedReplay } from './replay-recorded.ts';
import { replayRecords } from './replay-records.ts';
import { ReplayTopics } from './replay-topics.ts';
import type { ReplayWork, WorkDone } from './replay-work.ts';
import { type ScratchState, StateInMemory } from './scratch-state.ts';
import { Turns } from './turns.ts';

export interface ReplayOptions {
  /** The data directory, or a log that is open already, which stays open. Give this or `broker`. */
  readonly data?: string | Log;
  /** A broker that is open already; it stays open. */
  readonly broker?: Broker;
  /** With `broker`: the directory for the replay's state; without it, state is in memory. */
  readonly stateDirectory?: string;
  /**
   * Names the replay, and its topics: `<topic>.replay-<name>`. A replay of the same name begins
   * anew: what the one before has written is deleted. Default `1`.
   */
  readonly name?: string;
  /** Topics to write to, by those that the job writes. They must be empty, or not be there yet. */
  readonly topics?: Readonly<Record<string, string>>;
  /** The first record to read. Default `'earliest'`: all that are there. */
  readonly from?: 'earliest' | ReplayBound;
  /** The first record not to read. Default `'latest'`: to where the topics end now. */
  readonly to?: 'latest' | ReplayBound;
  /**
   * Does again what the live run did, epoch by epoch, from its beginning to its last commit now:
   * the output is what it wrote, byte for byte. Takes neither `from` nor `to`. Default false.
   */
  readonly asRecorded?: boolean;
  /** Compares the results with what the live job has written. Default false. */
  readonly compare?: boolean;
  /** Ends the replay before its end. */
  readonly signal?: AbortSignal;
  /** Told how far it is, after each commit. */
  readonly onProgress?: (progress: ReplayProgress) => void;
  /** About what entries of state may take in memory, in bytes; the default is that of `run`. */
  readonly stateMemoryMax?: number;
  /** How long an epoch may be; the defaults suit all but tests. */
  readonly epoch?: Partial<EpochBudget>;
  /** Files, time, randomness; default: those of Node.js. */
  readonly platform?: Platform;
}

/** How far a replay is. */
export interface ReplayProgress {
  /** Records read; with `asRecorded` commits done again. */
  readonly done: number;
  readonly total: number;
  readonly recordsRead: number;
  readonly recordsWritten: number;
  readonly lateRecords: number;
  readonly skippedRecords: number;
  readonly deadLetters: number;
}

export interface ReplaySummary extends Omit<ReplayProgress, 'done' | 'total'> {
  /** False where `signal` has ended it: the topics hold a part of the results. */
  readonly isComplete: boolean;
  /** Where the results are, by the topic that the live job writes. */
  readonly topics: Readonly<Record<string, string>>;
  /** Records that were left out, by step and code. */
  readonly failedRecords: readonly FailedRecords[];
  /** With `compare`, of a complete replay: one for each topic. */
  readonly comparisons: readonly TopicComparison[];
}

const optionNames = [
  ...['data', 'broker', 'stateDirectory', 'name', 'topics', 'from', 'to', 'asRecorded', 'compare'],
  ...['signal', 'onProgress', 'stateMemoryMax', 'epoch', 'platform'],
] as const;

/**
 * Reads the input of a job again, at full speed and on a fresh state, and writes what comes of it
 * to topics of its own; resolves when all is read, all windows are closed, and all is durable. Two
 * replays of the same records write the same records, in the same order in each partition.
 *
 * Where a record fails, the policy of its source says what happens, as in a run; where that is to
 * fail, the replay fails with it. Fails with `TOPIC_MISSING`; with `OFFSET_OUT_OF_RANGE` where
 * records are gone that it should read; with `TASK_HELD` while another replay has the same name;
 * with `asRecorded` also with `NOT_REPEATABLE` where the job does something else now, and with
 * `FILE_MISMATCH` where not all is recorded.
 *
 * @example
 * const { recordsWritten, topics } = await replay(delays, { data: './data', name: 'fixed' });
 */
export async function replay(job: Job, options: ReplayOptions): Promise<ReplaySummary> {
  checkReplayOptions(options);
  checkGraph(job.graph);
  checkTasks(job, options);
  if (asksOutside(job.graph) && options.asRecorded !== true) {
    throw invalid(
      `Job "${job.name}" asks outside (mapAsync), and would be answered otherwise now. Replay it ` +
        'with { asRecorded: true } (--as-recorded), which takes the answers of then.',
    );
  }
  nameSteps(job.graph);
  const { data, broker, stateDirectory } = options;
  if (broker !== undefined) {
    const platform = options.platform ?? nodePlatform();
    return new ReplayRun(job, options, { broker, platform, directory: stateDirectory }).run();
  }
  if (data instanceof Log) return new ReplayRun(job, options, data).run();
  const platform = options.platform ?? nodePlatform();
  const log = await openLog(data ?? '', { create: false, platform });
  try {
    return await new ReplayRun(job, options, log).run();
  } finally {
    await log.close();
    if (options.platform === undefined) await platform.background.close();
  }
}

/** A replay is one task: what depends on the tasks of the live run can't be done. */
function checkTasks({ graph }: Job, { asRecorded = false, compare = false }: ReplayOptions): void {
  if (asRecorded) {
    const instead = asksOutside(graph)
      ? 'What it asked outside can be asked only once more: give the job another name.'
      : 'Replay the records that are there, not as recorded: the results are the same.';
    requireOneTask(graph, 'a replay as recorded', instead);
  }
  if (!compare) return;
  const instead =
    'Its results are the same for each key, but not in one order across keys: leave "compare" ' +
    'out, and compare what the topics hold of each key.';
  requireOneTask(graph, 'comparing', instead);
}

function checkReplayOptions(options: ReplayOptions): void {
  checkOptions('replay()', options, optionNames);
  checkNumbers('replay()', options, ['stateMemoryMax']);
  checkOptions('epoch of replay()', options.epoch ?? {}, Object.keys(epochDefaults));
  checkNumbers('epoch of replay()', options.epoch ?? {}, Object.keys(epochDefaults));
  const { data, broker, name = '1', asRecorded = false, from, to } = options;
  if ((data === undefined) === (broker === undefined)) {
    throw invalid("replay() needs either { data: './data' } or { broker }: where the topics are.");
  }
  if (!/^[a-zA-Z0-9._-]{1,100}$/.test(name)) {
    throw invalid(
      `"${name}" can't be the name of a replay: use 1 to 100 letters, digits, dots, underscores ` +
        'or hyphens.',
    );
  }
  if (asRecorded && (from !== undefined || to !== undefined)) {
    throw invalid(
      'A replay as recorded takes neither "from" nor "to": what a run did follows from all that ' +
        'it did before. Leave them out.',
    );
  }
}

/** Where a replay takes place. */
type Place = Pick<Log, 'broker' | 'platform'> & { readonly directory: string | undefined };

class ReplayRun {
  readonly #job: Job;
  readonly #options: ReplayOptions;
  readonly #place: Place;
  readonly #name: string;
  readonly #topics: ReplayTopics;

  constructor(job: Job, options: ReplayOptions, place: Place) {
    this.#job = job;
    this.#options = options;
    this.#place = place;
    this.#name = options.name ?? '1';
    const { broker } = place;
    const { topics: given = {} } = options;
    this.#topics = new ReplayTopics({ broker, graph: job.graph, name: this.#name, given });
  }

  async run(): Promise<ReplaySummary> {
    const { broker, platform } = this.#place;
    const claim = await broker.claim(`${this.#job.name}/replay-${this.#name}`);
    const output = new ReplayOutput(broker, platform.clock, claim);
    try {
      const counts = await this.#work(claim, output);
      await output.flush();
      return await this.#summary(counts);
    } finally {
      await output.release();
    }
  }

  async #work(claim: Claim, output: ReplayOutput): Promise<TaskCounts> {
    const { signal = new AbortController().signal, epoch, onProgress } = this.#options;
    const work: ReplayWork = {
      ...{ ...this.#place, graph: this.#job.graph, task: taskNameOf(this.#job.name), output },
      ...{ budget: { ...epochDefaults, ...epoch }, topics: this.#topics, signal },
      onProgress: (done) => onProgress?.(progressOf(done)),
    };
    const hasWritten = claim.epoch > 0;
    return this.#options.asRecorded === true
      ? this.#replayRecorded(work, claim, hasWritten)
      : this.#replayRecords(work, claim, hasWritten);
  }

  async #replayRecords(work: ReplayWork, claim: Claim, hasWritten: boolean): Promise<TaskCounts> {
    const { from = 'earliest', to = 'latest' } = this.#options;
    const ranges = rangesOf(work.broker, work.graph, { from, to });
    await this.#topics.make(hasWritten);
    const { directory } = this.#place;
    const state = directory === undefined ? new StateInMemory() : this.#fileIn(directory, claim);
    return discarding(state, () => replayRecords(work, state, ranges));
  }

  async #replayRecorded(work: ReplayWork, claim: Claim, hasWritten: boolean): Promise<TaskCounts> {
    if (this.#place.directory === undefined) {
      throw invalid('A replay as recorded needs a directory for its state: give "stateDirectory".');
    }
    const recorded = new RecordedReplay(work);
    await recorded.survey();
    await this.#topics.make(hasWritten);
    const file = this.#fileIn(this.#place.directory, claim);
    return discarding(file, () => recorded.run(file));
  }

  #fileIn(directory: string, claim: Claim): RebuiltFile {
    const { platform, broker } = this.#place;
    const parent = `${directory}/replays/${this.#job.name}`;
    platform.files.makeDirectory(parent);
    return new RebuiltFile({
      ...{ platform, broker, claim, changelog: '', durable: false, foldBytes: foldBytesMax },
      statePath: `${parent}/${this.#name}.db`,
      stateMemoryMax: this.#options.stateMemoryMax ?? stateMemoryDefaultOf(platform),
    });
  }

  async #summary(counts: TaskCounts): Promise<ReplaySummary> {
    const { broker, platform } = this.#place;
    const { names } = this.#topics;
    const { compare = false, signal } = this.#options;
    const isComplete = signal?.aborted !== true;
    const turns = new Turns(platform.clock, epochDefaults.turnMs);
    const comparisons: TopicComparison[] = [];
    for (const [topic, replayed] of Object.entries(names)) {
      if (!compare || !isComplete) continue;
      comparisons.push(await compareTopics(broker, topic, replayed, turns));
    }
    return {
      isComplete,
      ...{ topics: names, ...countsShown(counts), failedRecords: counts.failed, comparisons },
    };
  }
}

async function discarding<Result>(
  state: ScratchState,
  use: () => Promise<Result>,
): Promise<Result> {
  try {
    return await use();
  } finally {
    await state.discard();
  }
}

function progressOf({ done, total, ...counts }: WorkDone): ReplayProgress {
  return { done, total, ...countsShown(counts) };
}

function countsShown({ recordsRead, recordsWritten, lateRecords, failed }: TaskCounts) {
  return {
    ...{ recordsRead, recordsWritten, lateRecords },
    skippedRecords: recordsOf(failed, 'skipped'),
    deadLetters: recordsOf(failed, 'dead letter'),
  };
}

function invalid(message: string): MillraceError {
  return new MillraceError('INVALID', message);
}

/** Starts jobs: `run(job, { data })`. */
import {
  type Broker,
  durabilities,
  type EmbeddedBrokerOptions,
  openBroker,
} from '../broker/index.ts';
import {
  checkChoice,
  checkNumbers,
  checkOptions,
  checkShare,
  MillraceError,
  nodePlatform,
  type Platform,
} from '../platform/index.ts';
import { checkGraph } from './compiler/check.ts';
import { nameSteps } from './compiler/names.ts';
import type { EpochBudget } from './epoch-limit.ts';
import type { Graph } from './graph.ts';
import { type JobHandle, JobRunner } from './job-runner.ts';
import { Log } from './log.ts';
import { requireOneTask } from './stages/job-tasks.ts';
import { planStages } from './stages/plan.ts';
import type { Workers } from './task-hosts.ts';
import type { TaskSettings } from './workers/task-host.ts';

/** A job: a name and the graph that it runs. */
export interface Job {
  readonly kind: 'job';
  readonly name: string;
  readonly graph: Graph;
}

export interface RunOptions {
  /**
   * The data directory, made where there is none; or a log that is open already, which stays open
   * when the job ends. Give this or `broker`.
   */
  readonly data?: string | Log;
  /** A broker that is open already; it stays open when the job ends. */
  readonly broker?: Broker;
  /**
   * With `broker`: the directory for the job's state; without it, the changelog in the log is all
   * there is.
   */
  readonly stateDirectory?: string;
  /** `disk` (default) or `process`; see `EmbeddedBrokerOptions`. */
  readonly durability?: 'disk' | 'process';
  /**
   * Fence off another live process that runs the job. Default false. Processes share a job with
   * `parallelism`, and need no such thing: it is refused.
   */
  readonly takeOver?: boolean;
  /**
   * Where the state file is missing, damaged or otherwise refused: compute the state anew, by doing
   * again all that the job has done since it began. Default false: the job fails, and says why the
   * file is refused.
   */
  readonly rebuildState?: boolean;
  /**
   * How many threads run the job's tasks. Default: they run in the thread that calls. Needs `data`
   * and `module`.
   */
  readonly workers?: number;
  /**
   * URL of the module whose default export is the job, or an array with it: threads load it.
   * @example run(job, { data: './data', workers: 4, module: import.meta.url })
   */
  readonly module?: string | URL;
  /** How often committed state is folded into the state file, in ms. Default 10,000. */
  readonly foldIntervalMs?: number;
  /**
   * The share of the time for which folding works, on a thread of its own, writing and syncing
   * included: after each portion it rests in proportion. It works without rest where more than half
   * of `unfoldedBytesMax` waits for it, or reading does. More than 0, at most 1. Default 0.25.
   */
  readonly foldCpuShare?: number;
  /**
   * About what entries of state may take in memory, in bytes; what is used least goes, and is read
   * from the state file when it is asked for. Default 512 MiB, at most a quarter of what the
   * process may take.
   */
  readonly stateMemoryMax?: number;
  /**
   * Changelog that may wait to be folded before reading stops, in bytes. A restart reads it, and
   * nothing else. Default 48 MiB, at most a fifth of `stateMemoryMax`.
   */
  readonly unfoldedBytesMax?: number;
  /**
   * How large the state file's write-ahead log may become before folding waits until it can be
   * emptied, in bytes. A transaction that someone keeps open on the file keeps it from that; the
   * status says who. Default 256 MiB.
   */
  readonly walBytesMax?: number;
  /** How long an epoch may be; the defaults suit all but tests. */
  readonly epoch?: Partial<EpochBudget>;
  /** Size of journal files, large appends and the like, for a directory that this call opens. */
  readonly log?: Omit<EmbeddedBrokerOptions, 'durability'>;
  /** Files, time, randomness; default: those of Node.js. */
  readonly platform?: Platform;
}

const runOptions = [
  'data',
  'broker',
  'stateDirectory',
  'durability',
  'takeOver',
  'rebuildState',
  'workers',
  'module',
  'foldIntervalMs',
  'foldCpuShare',
  'stateMemoryMax',
  'unfoldedBytesMax',
  'walBytesMax',
  'epoch',
  'log',
  'platform',
] as const satisfies readonly (keyof RunOptions)[];

const foldCpuShareDefault = 0.25;
const stateMemoryDefault = 512 * 1024 * 1024;
const stateMemoryShare = 0.25;

const numbers: readonly (keyof RunOptions)[] = [
  'workers',
  'foldIntervalMs',
  'stateMemoryMax',
  'unfoldedBytesMax',
  'walBytesMax',
];

export const epochDefaults: EpochBudget = {
  turnMs: 5,
  epochMs: 50,
  epochBytes: 8 * 1024 * 1024,
  epochRecords: Number.POSITIVE_INFINITY,
};

const takeOverInstead =
  'Stop its other processes, or let this one share the job with them: leave takeOver out.';

/** What one task has read came of what others did, which is not recorded. */
const rebuildInstead =
  'Restore the whole directory from one backup; or give the job another name, which begins anew ' +
  'with the records that are there; or make its results again beside it: millrace replay FILE.';

/**
 * Runs a job in this process until it is stopped, and returns its handle at once; what keeps it
 * from running is told by `handle.done` and `handle.status()`. Mistakes in the job or the options
 * are thrown here, before anything is opened.
 *
 * @example
 * const handle = await run(flightDelays, { data: './data' });
 * process.once('SIGINT', () => handle.stop());
 * await handle.done;
 */
export async function run(job: Job, options: RunOptions = {}): Promise<JobHandle> {
  checkRunOptions(options);
  checkGraph(job.graph);
  nameSteps(job.graph);
  if (options.takeOver === true) requireOneTask(job.graph, 'takeOver', takeOverInstead);
  if (options.rebuildState === true) requireOneTask(job.graph, 'rebuildState', rebuildInstead);
  const workers = workersOf(options);
  const platform = platformOf(options);
  const opened = await openLog(platform, options);
  return new JobRunner({
    graph: job.graph,
    broker: opened.broker,
    platform,
    directory: opened.directory,
    settings: settingsOf(job, options, platform),
    workers,
    onEnd: opened.close,
  });
}

/** Of each task: those of a stage share the job's memory; most jobs have one with much state. */
export function settingsOf({ graph }: Job, options: RunOptions, platform: Platform): TaskSettings {
  const tasks = Math.max(...planStages(graph).stages.map(({ parallelism }) => parallelism));
  const stateMemoryMax = (options.stateMemoryMax ?? stateMemoryDefaultOf(platform)) / tasks;
  return {
    durable: (options.durability ?? 'disk') === 'disk',
    takeOver: options.takeOver ?? false,
    rebuildState: options.rebuildState ?? false,
    budget: { ...epochDefaults, ...options.epoch },
    foldIntervalMs: options.foldIntervalMs ?? 10_000,
    foldCpuShare: options.foldCpuShare ?? foldCpuShareDefault,
    stateMemoryMax,
    unfoldedBytesMax: Math.min(options.unfoldedBytesMax ?? 48 * 1024 * 1024, stateMemoryMax / 5),
    walBytesMax: options.walBytesMax ?? 256 * 1024 * 1024,
    run: Buffer.from(platform.randomBytes(8)).toString('hex'),
  };
}

function workersOf({ workers, module, data }: RunOptions): Workers | undefined {
  if (workers === undefined) return undefined;
  if (data === undefined || module === undefined) {
    throw new MillraceError(
      'INVALID',
      'workers of run() are threads that load the job for themselves: give { data }, and module: ' +
        'the URL of the module that exports the job, such as import.meta.url.',
    );
  }
  return { count: workers, module: String(module) };
}

/** What entries of state may take where nothing is said. */
export function stateMemoryDefaultOf({ process }: Platform): number {
  return Math.min(stateMemoryDefault, process.memoryBytesMax * stateMemoryShare);
}

function checkRunOptions(options: RunOptions): void {
  checkOptions('run()', options, runOptions);
  checkNumbers('run()', options, numbers);
  const { epoch = {}, durability = 'disk', foldCpuShare = foldCpuShareDefault } = options;
  checkShare('foldCpuShare of run()', foldCpuShare);
  checkOptions('epoch of run()', epoch, Object.keys(epochDefaults));
  checkNumbers('epoch of run()', epoch, Object.keys(epochDefaults));
  checkChoice('durability of run()', durability, durabilities);
}

function platformOf({ platform, data }: RunOptions): Platform {
  if (platform !== undefined) return platform;
  return data instanceof Log ? data.platform : nodePlatform();
}

interface OpenedLog {
  readonly broker: Broker;
  readonly directory: string | undefined;
  close(): Promise<void>;
}

async function openLog(platform: Platform, options: RunOptions): Promise<OpenedLog> {
  const { data, broker, durability } = options;
  if ((data === undefined) === (broker === undefined)) {
    throw new MillraceError(
      'INVALID',
      "run() needs either { data: './data' } or { broker }: where the topics are.",
    );
  }
  if (broker !== undefined) {
    return { broker, directory: options.stateDirectory, close: async () => {} };
  }
  if (data instanceof Log) {
    return { broker: data.broker, directory: data.directory, close: async () => {} };
  }
  const directory = data ?? '';
  const log = { ...options.log, ...(durability === undefined ? {} : { durability }) };
  const opened = await openBroker(platform, directory, log);
  return {
    broker: opened,
    directory,
    close: async () => {
      await opened.close();
      if (options.platform === undefined) await platform.background.close();
    },
  };
}

/**
 * A broker that keeps its log in memory: for tests, and for jobs whose input and output are in the
 * process.
 */
import { assert, type Clock } from '../platform/index.ts';
import type { Append, Appended, Claim, ClaimOptions, Commit, TopicOptions } from './broker.ts';
import { LogBroker, topicPlan } from './log-broker.ts';
import { MemoryLog, MemoryStore } from './memory-store.ts';
import type { Holder } from './operation.ts';

export interface MemoryBrokerOptions {
  /** Tells the time against which timestamps in the future are checked. */
  readonly clock: Clock;
  /** Default `memory`. */
  readonly id?: string;
  /** Bytes of appends gathered into one entry. Default 8 MiB. */
  readonly entryBytesMax?: number;
}

export interface MemoryProcessOptions {
  /** Of the process. Default: that of the broker. A process that is stopped has one that stops. */
  readonly clock?: Clock;
  /** Whether the others take it for alive now. Default: until it is closed. */
  isLive?(): boolean;
}

/** The processes that share a log, and whether they live. */
interface Shared {
  readonly log: MemoryLog;
  readonly processes: Map<string, () => boolean>;
}

/** The log in memory; nothing outlives the process. `run(job, { broker })` runs a job on it. */
export class MemoryBroker extends LogBroker {
  readonly #options: MemoryBrokerOptions;
  readonly #shared: Shared;
  readonly #holder: Holder;

  /** Only the options are for callers; `process()` gives the rest. */
  constructor(
    options: MemoryBrokerOptions,
    shared: Shared = { log: new MemoryLog(), processes: new Map() },
    instance = 'memory',
    isLive = () => true, // whoever shares the memory is alive until it releases
  ) {
    const { clock, id = 'memory', entryBytesMax = 8 * 1024 * 1024 } = options;
    const holder: Holder = { instance, pid: shared.processes.size, host: 'memory' };
    super({
      ...{ id, clock, holder, store: new MemoryStore(shared.log, clock) },
      committer: { entryBytesMax, lockTimeoutMs: 30_000, running: () => undefined },
      isLive: (other) => other.instance === instance || isLiveIn(shared, other),
    });
    shared.processes.set(instance, isLive);
    this.#options = options;
    this.#shared = shared;
    this.#holder = holder;
  }

  /**
   * The same log as another process has it: with a committer and a view of its own, which lags
   * until the clock has had a turn, and as a holder that may die. Names are used once.
   */
  process(name: string, options: MemoryProcessOptions = {}): MemoryBroker {
    assert(!this.#shared.processes.has(name), 'each process has a name of its own');
    const { clock = this.#options.clock, isLive } = options;
    return new MemoryBroker({ ...this.#options, clock }, this.#shared, name, isLive);
  }

  override async close(): Promise<void> {
    await super.close();
    this.#shared.processes.set(this.#holder.instance, () => false);
  }

  /** As `createTopic`; done when it returns, as all that follows. */
  createTopicNow(name: string, options: TopicOptions & { readonly internal?: boolean } = {}): void {
    this.committer.submitNow({ kind: 'alone', plan: topicPlan(name, options) });
  }

  appendNow(appends: readonly Append[]): void {
    this.committer.submitNow({ kind: 'append', appends, producer: undefined });
  }

  claimNow(task: string, options: ClaimOptions = {}): Claim {
    const plan = this.claimPlan(task, options);
    return this.committer.submitNow({ kind: 'alone', plan }) as Claim; // what the plan answers
  }

  commitNow(commit: Commit): readonly Appended[] {
    const answer = this.committer.submitNow({ kind: 'commit', commit });
    return answer as readonly Appended[]; // what Overlay.plan answers
  }
}

function isLiveIn({ processes }: Shared, { instance }: Holder): boolean {
  return processes.get(instance)?.() ?? false;
}

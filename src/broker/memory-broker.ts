/**
 * A broker that keeps its log in memory: for tests, and for jobs whose input and output are in the
 * process.
 */
import type { Clock } from '../platform/index.ts';
import type { Append, Appended, Claim, ClaimOptions, Commit, TopicOptions } from './broker.ts';
import { LogBroker, topicPlan } from './log-broker.ts';
import { MemoryStore } from './memory-store.ts';
import type { Holder } from './operation.ts';

export interface MemoryBrokerOptions {
  /** Tells the time against which timestamps in the future are checked. */
  readonly clock: Clock;
  /** Default `memory`. */
  readonly id?: string;
  /** Bytes of appends gathered into one entry. Default 8 MiB. */
  readonly entryBytesMax?: number;
}

/** The log in memory; nothing outlives the process. `run(job, { broker })` runs a job on it. */
export class MemoryBroker extends LogBroker {
  constructor(options: MemoryBrokerOptions) {
    const holder: Holder = { instance: 'memory', pid: 0, host: 'memory' };
    super({
      id: options.id ?? 'memory',
      store: new MemoryStore(),
      clock: options.clock,
      committer: {
        entryBytesMax: options.entryBytesMax ?? 8 * 1024 * 1024,
        lockTimeoutMs: 30_000,
        running: () => undefined,
      },
      holder,
      isLive: () => true, // whoever shares the memory is alive until it releases
    });
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

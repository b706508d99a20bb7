/**
 * A broker that keeps its log in memory: for tests, and for jobs whose input and output are in the
 * process.
 */
import type { Clock } from '../platform/index.ts';
import { LogBroker } from './log-broker.ts';
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
}

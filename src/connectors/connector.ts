/**
 * Runs an ingest or a delivery: begins again at its last commit after failures that can pass, and
 * answers questions about it.
 *
 *   starting -> running -> stopping -> ended
 *      ^           |
 *      +-- restarting (exponential back-off) ...      or failed: what a restart can't mend
 */
import type { Observable } from 'rxjs';
import { type Clock, messageOf, pause } from '../platform/index.ts';
import { canPass, RestartPauses, StatusFeed } from '../runtime/index.ts';
import type { ConnectorKind } from './connector-task.ts';

export type ConnectorState =
  | 'starting'
  | 'running'
  | 'restarting'
  | 'stopping'
  | 'ended'
  | 'failed';

export interface ConnectorStatus {
  readonly kind: ConnectorKind;
  readonly name: string;
  /** What is read or written outside the log. */
  readonly outside: string;
  readonly topic: string;
  readonly state: ConnectorState;
  /** Records that were committed since the handle was made. */
  readonly records: number;
  /** Records that were refused to their senders. */
  readonly refusedRecords: number;
  readonly commits: number;
  readonly restarts: number;
  /** Records of the topic that are not delivered yet; 0 for an ingest. */
  readonly lag: number;
  /** The failure that ended or restarted it last. */
  readonly error: Error | undefined;
}

/** An ingest or a delivery that runs in this process. */
export interface ConnectorHandle {
  readonly name: string;
  status(): ConnectorStatus;
  /** The status now, and after changes; at most ten a second. Completes at the end. */
  readonly status$: Observable<ConnectorStatus>;
  /** Resolves at the end: that of the source, or after a stop. Rejects with what ended it. */
  readonly done: Promise<void>;
  /** Ends it after what is under way is committed. */
  stop(): Promise<void>;
}

/** How an attempt hears of the end, and tells what it does. */
export interface AttemptControl {
  /** Aborted by a stop, with a drain or without. */
  readonly ending: AbortSignal;
  /** Aborted by a stop without a drain. */
  readonly stopped: AbortSignal;
  /** It is open and goes on. */
  running(): void;
  /** It has committed so many records. */
  committed(records: number): void;
  refused(records: number): void;
}

export interface ConnectorOptions {
  readonly kind: ConnectorKind;
  readonly name: string;
  readonly outside: string;
  readonly topic: string;
  readonly clock: Clock;
  /** A failure ends it, whatever it is. */
  readonly once: boolean;
  lag(): number;
  /** From the last commit to the end, a stop, or a failure. */
  attempt(control: AttemptControl): Promise<void>;
  /** Called at the end, however it came. */
  onEnd(): Promise<void>;
}

export class Connector implements ConnectorHandle {
  readonly done: Promise<void>;
  readonly #options: ConnectorOptions;
  readonly #status: StatusFeed<ConnectorStatus>;
  readonly #ending = new AbortController();
  readonly #stopped = new AbortController();
  #state: ConnectorState = 'starting';
  #counts = { records: 0, refusedRecords: 0, commits: 0, restarts: 0 };
  #error: Error | undefined;

  constructor(options: ConnectorOptions) {
    this.#options = options;
    this.#status = new StatusFeed(options.clock, () => this.status());
    this.done = this.#run();
    this.done.catch(() => {}); // also told by status; nobody has to await it
  }

  get name(): string {
    return this.#options.name;
  }

  get status$(): Observable<ConnectorStatus> {
    return this.#status.status$;
  }

  status(): ConnectorStatus {
    const { kind, name, outside, topic, lag } = this.#options;
    const [state, error] = [this.#state, this.#error];
    return { kind, name, outside, topic, state, ...this.#counts, lag: lag(), error };
  }

  async stop(options: { readonly drain?: boolean } = {}): Promise<void> {
    if (this.#state !== 'ended' && this.#state !== 'failed') this.#setState('stopping');
    if (options.drain !== true) this.#stopped.abort();
    this.#ending.abort();
    await this.done;
  }

  async #run(): Promise<void> {
    let outcome: 'ended' | 'failed' = 'failed';
    try {
      await this.#untilEnd();
      outcome = 'ended';
    } finally {
      try {
        await this.#options.onEnd();
      } finally {
        this.#setState(outcome);
        this.#status.end();
      }
    }
  }

  async #untilEnd(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#stopped;
    const pauses = new RestartPauses();
    for (;;) {
      const began = clock.monotonicMs();
      if ((await this.#attempt()) || signal.aborted) return;
      this.#counts.restarts++;
      this.#setState('restarting');
      await pause(clock, pauses.after(clock.monotonicMs() - began), signal);
      if (signal.aborted) return;
    }
  }

  /** False after a failure that can pass. */
  async #attempt(): Promise<boolean> {
    try {
      await this.#options.attempt(this.#control());
      return true;
    } catch (error) {
      this.#error = error instanceof Error ? error : new Error(messageOf(error));
      if (this.#options.once || !canPass(error)) throw error;
      return false;
    }
  }

  #control(): AttemptControl {
    return {
      ending: this.#ending.signal,
      stopped: this.#stopped.signal,
      running: () => {
        if (!this.#ending.signal.aborted) this.#setState('running');
      },
      committed: (records) => {
        this.#counts.records += records;
        this.#counts.commits++;
        this.#status.tellSoon();
      },
      refused: (records) => {
        this.#counts.refusedRecords += records;
        this.#status.tellSoon();
      },
    };
  }

  #setState(state: ConnectorState): void {
    this.#state = state;
    this.#status?.tell();
  }
}

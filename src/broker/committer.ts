/**
 * The committer: gathers what the members of this process hand in, and makes it one entry at a
 * time.
 *
 *   submit --> queue --> [ begin: lock, apply others' entries
 *                          check each request against the catalogue
 *                          write one entry, fdatasync, apply
 *                          end: unlock ] --> answer the members, wake the readers
 *
 * Nothing between begin and end awaits or runs user code. A member that is fenced or invalid is
 * left out and told; the others go on. One entry per fdatasync: recovery depends on it
 * (docs/architecture.md, "The end of the journal").
 */
import {
  type Cancellable,
  type Clock,
  isMillraceError,
  MillraceError,
  messageOf,
} from '../platform/index.ts';
import type { Appended } from './broker.ts';
import type { Catalogue } from './catalogue.ts';
import type { EntryStore, PlannedOperation } from './entry-store.ts';
import { Overlay, type SharedRequest } from './requests.ts';
import { noStall, type Stall, stallOf } from './stall.ts';

/**
 * A request that gets an entry of its own; `plan` may refuse by throwing, or have nothing to write.
 */
export interface AloneRequest {
  readonly kind: 'alone';
  plan(catalogue: Catalogue): {
    readonly operations: readonly PlannedOperation[];
    readonly answer: unknown;
  };
}

type Request = SharedRequest | AloneRequest;

interface Waiting {
  readonly request: Request;
  readonly since: number;
  resolve(answer: unknown): void;
  reject(error: unknown): void;
}

interface Planned {
  readonly waiting: Waiting;
  readonly answer: unknown;
}

interface Group {
  readonly operations: PlannedOperation[];
  readonly planned: Planned[];
}

export interface CommitterOptions {
  /** Bytes of appends gathered into one entry. */
  readonly entryBytesMax: number;
  /** How long a request waits for another process to give up the lock, in ms. */
  readonly lockTimeoutMs: number;
  /** What runs in the background now: named as a cause of slow answers. */
  running(): string | undefined;
}

/** How often the lock is asked for again where no other process calls this one, in ms. */
const lockPollMs = 5;

export class Committer {
  readonly #store: EntryStore;
  readonly #clock: Clock;
  readonly #options: CommitterOptions;
  readonly #onApplied: () => void;
  #queue: Waiting[] = [];
  #scheduled = false;
  #closed = false;
  /** After a failure that leaves the journal in doubt: every later request is refused with it. */
  #failure: MillraceError | undefined;
  /** Since when the lock has been asked for in vain. */
  #refusedSince: number | undefined;
  #worstStall = noStall;
  /** Runs while the lock is waited for. */
  #poll: Cancellable | undefined;

  constructor(store: EntryStore, clock: Clock, options: CommitterOptions, onApplied: () => void) {
    this.#store = store;
    this.#clock = clock;
    this.#options = options;
    this.#onApplied = onApplied;
  }

  /** The slowest answer so far. */
  get worstStall(): Stall {
    return this.#worstStall;
  }

  submitShared(request: SharedRequest): Promise<readonly Appended[]> {
    return this.#submit(request) as Promise<readonly Appended[]>; // what Overlay.plan answers
  }

  submitAlone<Answer>(
    plan: (catalogue: Catalogue) => {
      readonly operations: readonly PlannedOperation[];
      readonly answer: Answer;
    },
  ): Promise<Answer> {
    return this.#submit({ kind: 'alone', plan }) as Promise<Answer>; // what `plan` answers
  }

  /**
   * Done before it returns, for who can't wait: only where no other process has the lock. Fails as
   * `submitShared` and `submitAlone` do.
   */
  submitNow(request: Request): unknown {
    if (this.#closed) throw closedError();
    if (this.#failure !== undefined) throw this.#failure;
    const done: { answer?: unknown; error?: unknown } = {};
    this.#queue.push({
      request,
      since: this.#clock.monotonicMs(),
      resolve: (answer) => Object.assign(done, { answer }),
      reject: (error) => Object.assign(done, { error }),
    });
    while (!('answer' in done || 'error' in done)) this.#flush();
    if ('error' in done) throw done.error;
    return done.answer;
  }

  /** Refuses what comes from now on; what was handed in is finished. */
  async close(): Promise<void> {
    this.#closed = true;
    const last = this.#queue.at(-1);
    if (last === undefined) return;
    await new Promise<void>((resolve) => {
      const { resolve: answer, reject } = last;
      last.resolve = (value) => {
        answer(value);
        resolve();
      };
      last.reject = (error) => {
        reject(error);
        resolve();
      };
    });
  }

  #submit(request: Request): Promise<unknown> {
    if (this.#closed) return Promise.reject(closedError());
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#queue.push({ request, since: this.#clock.monotonicMs(), resolve, reject });
      this.#schedule();
    });
  }

  /**
   * Two turns of the event loop later: a producer and a task that both follow from the last commit
   * then share the next one. Measured with one of each: half the syncs, and a third off the median.
   */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#clock.soon(() => this.#clock.soon(() => this.#flush()));
  }

  /** Another process has given up the lock to this one. */
  takeTurn(): void {
    if (this.#poll === undefined) return;
    this.#poll.cancel();
    this.#flush();
  }

  #flush(): void {
    this.#scheduled = false;
    this.#poll = undefined;
    if (this.#queue.length === 0) return;
    const began = this.#clock.monotonicMs();
    let mayWrite: boolean;
    try {
      mayWrite = this.#store.begin();
    } catch (error) {
      if (isMillraceError(error) && error.retryable) this.#refuseWaiting(error);
      else this.fail(error);
      return;
    }
    if (mayWrite) this.#commitOne(began);
    else this.#waitForLock(began);
    if (this.#queue.length > 0) this.#schedule();
  }

  #commitOne(began: number): void {
    const since = this.#queue[0]?.since ?? began;
    const group = this.#gather();
    try {
      if (group.operations.length > 0) this.#store.write(group.operations);
    } catch (error) {
      for (const { waiting } of group.planned) waiting.reject(error);
      if (!isMillraceError(error) || !error.retryable) this.fail(error);
      return;
    } finally {
      this.#store.end();
    }
    this.#noteStall(since, began);
    for (const { waiting, answer } of group.planned) waiting.resolve(answer);
    this.#onApplied();
  }

  #noteStall(since: number, began: number): void {
    const answered = this.#clock.monotonicMs();
    const refused = this.#refusedSince;
    this.#refusedSince = undefined;
    if (answered - since <= this.#worstStall.ms) return;
    const { syncMs } = this.#store;
    const times = { since, refused, began, answered, syncMs };
    this.#worstStall = stallOf(times, this.#options.running());
  }

  /** Takes from the queue what fits into one entry, and refuses what is invalid. */
  #gather(): Group {
    const group: Group = { operations: [], planned: [] };
    const overlay = new Overlay(this.#store.catalogue, this.#clock);
    let bytes = 0;
    let taken = 0;
    for (const waiting of this.#queue) {
      const { request } = waiting;
      if (request.kind === 'alone') {
        if (taken > 0) break;
        this.#planInto(group, waiting, () => request.plan(this.#store.catalogue));
        taken++;
        break;
      }
      const size = sizeOf(request);
      if (taken > 0 && (bytes + size > this.#options.entryBytesMax || overlay.mustWait(request)))
        break;
      this.#planInto(group, waiting, () => {
        const plan = overlay.plan(request);
        return { operations: [...plan.before, ...plan.appends], answer: plan.answer };
      });
      bytes += size;
      taken++;
    }
    this.#queue = this.#queue.slice(taken);
    return group;
  }

  #planInto(
    group: Group,
    waiting: Waiting,
    plan: () => { readonly operations: readonly PlannedOperation[]; readonly answer: unknown },
  ): void {
    try {
      const { operations, answer } = plan();
      for (const operation of operations) group.operations.push(operation);
      group.planned.push({ waiting, answer });
    } catch (error) {
      waiting.reject(error);
    }
  }

  #waitForLock(now: number): void {
    this.#refusedSince ??= now;
    const oldest = this.#queue[0];
    const waitedMs = oldest === undefined ? 0 : now - oldest.since;
    if (waitedMs > this.#options.lockTimeoutMs) {
      this.#queue.shift()?.reject(lockTimeoutError(waitedMs));
    }
    this.#scheduled = true;
    this.#poll = this.#clock.after(lockPollMs, () => this.#flush());
  }

  /** Refuses everything from now on: what this process knows of the disk may not be true. */
  fail(error: unknown): void {
    this.#failure = asFailure(error);
    this.#refuseWaiting(this.#failure);
  }

  #refuseWaiting(error: MillraceError): void {
    const queue = this.#queue;
    this.#queue = [];
    for (const waiting of queue) waiting.reject(error);
  }
}

function sizeOf(request: SharedRequest): number {
  const appends = request.kind === 'commit' ? request.commit.appends : request.appends;
  let bytes = 0;
  for (const append of appends) bytes += append.batches.length;
  return bytes;
}

function asFailure(error: unknown): MillraceError {
  if (isMillraceError(error) && error.code !== 'OUTCOME_UNKNOWN') return error;
  return new MillraceError(
    'IO',
    `Nothing is committed any more since this failure: ${messageOf(error)} Close the broker and ` +
      'open it again.',
    { cause: error },
  );
}

function lockTimeoutError(waitedMs: number): MillraceError {
  return new MillraceError(
    'LOCK_TIMEOUT',
    `Another process has kept the journal's lock for ${Math.round(waitedMs)} ms; is it stopped? ` +
      'Nothing was written. Let it go on (SIGCONT) or end it, then try again.',
    { retryable: true },
  );
}

export function closedError(): MillraceError {
  return new MillraceError('CLOSED', 'The broker is closed.');
}

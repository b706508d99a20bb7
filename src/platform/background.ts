/**
 * Work away from the main thread: a worker thread for each lane, which imports modules and calls
 * functions of theirs. The function gets `(argument, platform, report)`;
 * argument, result and what it reports are copied (structured clone), but for buffers that are
 * handed over, and shared ones.
 *
 * A worker starts with the first call and does not keep the process alive while it has nothing to
 * do. When it dies, the calls under way fail, and the next call starts another one.
 */
import { Worker } from 'node:worker_threads';
import { MillraceError, messageOf } from './errors.ts';
import type { Failpoint } from './failpoints.ts';
import type { Background, BackgroundCall, Platform } from './platform.ts';

/** What the main thread sends. */
export interface BackgroundRequest extends Omit<BackgroundCall, 'onReport' | 'transfer'> {
  readonly id: number;
}

/**
 * What the worker answers to each request; in between, what a call reports, and the failpoints that
 * the worker passes.
 */
export type BackgroundReply =
  | { readonly kind: 'report'; readonly id: number; readonly report: unknown }
  | { readonly kind: 'done'; readonly id: number; readonly result: unknown }
  | { readonly kind: 'failed'; readonly id: number; readonly error: CopiedError }
  | { readonly kind: 'failpoint'; readonly name: Failpoint };

/** Structured clone keeps neither the class of an error nor its code. */
export interface CopiedError {
  readonly message: string;
  readonly stack: string | undefined;
  readonly millrace: Pick<MillraceError, 'code' | 'retryable'> | undefined;
}

/** The worker waits at a failpoint until one of these stands in its shared memory. */
export const failpointAnswers = { goOn: 1, threw: 2 } as const;

export interface BackgroundWorkerData {
  /**
   * Four bytes, where failpoints are passed on to the main thread; undefined where nobody asks for
   * them.
   */
  readonly failpointAnswer: SharedArrayBuffer | undefined;
}

export interface WorkerBackgroundOptions {
  /**
   * Called in the main thread for each failpoint that the worker passes, while the worker waits.
   */
  readonly failpoint?: ((name: Failpoint) => void) | undefined;
}

/** Runs calls on worker threads, one for each lane, with a Node platform of its own. */
export function workerBackground(options: WorkerBackgroundOptions = {}): Background {
  const lanes = { log: new WorkerBackground(options), state: new WorkerBackground(options) };
  return {
    get running() {
      return lanes.log.running ?? lanes.state.running;
    },
    run: (call) => lanes[call.lane ?? 'log'].run(call),
    close: async () => {
      await Promise.all([lanes.log.close(), lanes.state.close()]);
    },
  };
}

/** Runs the same calls in the calling thread, on `platform`; for tests, and inside the worker. */
export function inlineBackground(platform: Platform): Background {
  const inTurn = new InTurn();
  const pending = new Map<Promise<unknown>, string>();
  return {
    get running() {
      return [...pending.values()][0];
    },
    run<Result>(call: BackgroundCall): Promise<Result> {
      const { name, onReport = () => {} } = call;
      const result = inTurn.run(call, () => callExport(call, platform, onReport));
      const forget = () => pending.delete(result);
      pending.set(result, name);
      result.then(forget, forget);
      return result as Promise<Result>; // the caller knows what the function returns
    },
    close: async () => {
      await Promise.allSettled(pending.keys());
    },
  };
}

/** When calls begin: those for the log one after another, those for state at once. */
export class InTurn {
  #last: Promise<unknown> = Promise.resolve();

  run<Result>(
    { lane }: Pick<BackgroundCall, 'lane'>,
    call: () => Promise<Result>,
  ): Promise<Result> {
    if (lane === 'state') return call();
    const result = this.#last.then(call);
    this.#last = result.catch(() => {});
    return result;
  }
}

/** Calls the exported function that `call` names. */
export async function callExport(
  call: BackgroundCall,
  platform: Platform,
  report: (report: unknown) => void,
): Promise<unknown> {
  const module: Readonly<Record<string, unknown>> = await import(call.url);
  const run = module[call.name];
  if (typeof run !== 'function')
    throw new TypeError(`${call.url} exports no function ${call.name}`);
  return run(call.argument, platform, report);
}

interface PendingCall {
  readonly name: string;
  readonly onReport: ((report: unknown) => void) | undefined;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * What runs in the background leaves little garbage. V8 would take 128 MiB for it on each thread,
 * and keep them.
 */
const resourceLimits = { maxYoungGenerationSizeMb: 12 };

class WorkerBackground implements Background {
  readonly #failpoint: ((name: Failpoint) => void) | undefined;
  readonly #pending = new Map<number, PendingCall>();
  readonly #answer = new Int32Array(new SharedArrayBuffer(4));
  #worker: Worker | undefined;
  #nextId = 1;
  #whenIdle: (() => void) | undefined;
  #closed = false;

  constructor({ failpoint }: WorkerBackgroundOptions) {
    this.#failpoint = failpoint;
  }

  get running(): string | undefined {
    const [first] = this.#pending.values(); // which is under way
    return first?.name;
  }

  run<Result>(call: BackgroundCall): Promise<Result> {
    if (this.#closed) {
      const message = 'Background work was asked for after the platform was closed.';
      return Promise.reject(new MillraceError('CLOSED', message));
    }
    const result = new Promise<unknown>((resolve, reject) =>
      this.#send(call, { name: call.name, onReport: call.onReport, resolve, reject }),
    );
    return result as Promise<Result>; // the caller knows what the function returns
  }

  /** Waits for the calls under way. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#pending.size > 0) {
      await new Promise<void>((resolve) => {
        this.#whenIdle = resolve;
      });
    }
    await this.#worker?.terminate();
  }

  #send({ onReport: _, transfer = [], ...of }: BackgroundCall, call: PendingCall): void {
    this.#worker ??= this.#start();
    const request: BackgroundRequest = { id: this.#nextId++, ...of };
    this.#worker.postMessage(request, transfer); // throws for what can't be copied
    this.#pending.set(request.id, call);
    this.#worker.ref();
  }

  #start(): Worker {
    const failpointAnswer = this.#failpoint === undefined ? undefined : this.#answer.buffer;
    const workerData = { failpointAnswer } satisfies BackgroundWorkerData;
    const worker = new Worker(workerUrl(), { workerData, resourceLimits });
    worker.unref();
    worker.on('message', (reply: BackgroundReply) => this.#receive(reply));
    worker.on('error', (error) => this.#lose(worker, error));
    worker.on('exit', (code) => this.#lose(worker, new Error(`exit code ${code}`)));
    return worker;
  }

  #receive(reply: BackgroundReply): void {
    if (reply.kind === 'failpoint') {
      this.#pass(reply.name);
      return;
    }
    const call = this.#pending.get(reply.id);
    if (reply.kind === 'report') {
      call?.onReport?.(reply.report);
      return;
    }
    this.#pending.delete(reply.id);
    if (reply.kind === 'done') call?.resolve(reply.result);
    else call?.reject(errorFrom(reply.error));
    this.#rest();
  }

  #pass(name: Failpoint): void {
    let answer: number = failpointAnswers.goOn;
    try {
      this.#failpoint?.(name);
    } catch {
      answer = failpointAnswers.threw; // the worker throws for it, and the call fails
    }
    Atomics.store(this.#answer, 0, answer);
    Atomics.notify(this.#answer, 0);
  }

  #lose(worker: Worker, cause: unknown): void {
    if (worker !== this.#worker) return;
    this.#worker = undefined;
    const what = messageOf(cause);
    const message = `The background worker stopped: ${what}. The next call starts another one.`;
    const error = new MillraceError('IO', message, { cause, retryable: true });
    for (const call of this.#pending.values()) call.reject(error);
    this.#pending.clear();
    this.#rest();
  }

  #rest(): void {
    if (this.#pending.size > 0) return;
    this.#worker?.unref();
    this.#whenIdle?.();
  }
}

/** Beside this module, as source or compiled. */
function workerUrl(): URL {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return new URL(`./background-worker.${extension}`, import.meta.url);
}

/** What of an error survives the way to another thread. */
export function copyError(error: unknown): CopiedError {
  return {
    message: messageOf(error),
    stack: error instanceof Error ? error.stack : undefined,
    millrace:
      error instanceof MillraceError ? { code: error.code, retryable: error.retryable } : undefined,
  };
}

/** The error that a copy was made of. */
export function errorFrom({ message, stack, millrace }: CopiedError): Error {
  const cause = new Error(message);
  if (stack !== undefined) cause.stack = stack;
  if (millrace === undefined) return cause;
  return new MillraceError(millrace.code, message, { cause, retryable: millrace.retryable });
}

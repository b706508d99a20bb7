/** Threads that last: a module that runs in a worker thread until it ends itself. */
import { type MessagePort, parentPort, Worker, workerData } from 'node:worker_threads';
import { assert, messageOf } from './errors.ts';
import { type Port, portOf } from './port.ts';

export interface ThreadStart {
  /** The module. */
  readonly url: URL;
  /** What it is handed: see `thisThread`. */
  readonly data: unknown;
  /** Ports within `data`. */
  readonly transfer: readonly MessagePort[];
  /** For tools that show threads. */
  readonly name: string;
  onMessage(message: unknown): void;
  /** Called once, when the thread is gone: why, unless it ended by itself and in order. */
  onEnd(why: string | undefined): void;
}

export interface Thread {
  post(message: unknown): void;
  /** Ends the thread whatever it does; resolves when it is gone. */
  terminate(): Promise<void>;
}

/**
 * Starts a thread. Its heap may grow as the main thread's: Node.js applies --max-old-space-size to
 * each thread of its own, and sets it above any limit that a thread is started with.
 */
export function startThread({ url, data, transfer, name, onMessage, onEnd }: ThreadStart): Thread {
  const worker = new Worker(url, { workerData: data, transferList: [...transfer], name });
  let why: string | undefined;
  worker.on('message', onMessage);
  worker.on('error', (error) => {
    why = messageOf(error);
  });
  worker.on('exit', (code) => onEnd(why ?? (code === 0 ? undefined : `exit code ${code}`)));
  return {
    post: (message) => worker.postMessage(message),
    terminate: async () => {
      await worker.terminate();
    },
  };
}

/** In a thread: what it was handed, and the port to who started it. */
export function thisThread(): { readonly data: unknown; readonly port: Port } {
  assert(parentPort !== null, 'this module runs in a worker thread');
  return { data: workerData, port: portOf(parentPort) };
}

/**
 * One end of a channel between two threads of the process. Messages are copied (structured clone),
 * but for buffers that are handed over, and shared ones; they arrive in their order.
 */
import { MessageChannel, type MessagePort } from 'node:worker_threads';

export interface Port {
  /** `transfer`: buffers and ports in `message` that are handed over: the caller loses them. */
  post(message: unknown, transfer?: readonly (ArrayBuffer | MessagePort)[]): void;
  /**
   * Calls `onMessage` for each message, those before this call too, and `onClose` once, when either
   * end was closed or its thread is gone. Keeps the thread alive until then.
   */
  listen(onMessage: (message: unknown) => void, onClose: () => void): void;
  close(): void;
}

/** The end that was handed to this thread. */
export function portOf(port: MessagePort): Port {
  return {
    post: (message, transfer = []) => port.postMessage(message, transfer),
    listen: (onMessage, onClose) => {
      port.on('message', onMessage);
      port.once('close', onClose);
    },
    close: () => port.close(),
  };
}

/** A new channel: an end for this thread, and one to hand to another. */
export function openChannel(): { readonly port: Port; readonly other: MessagePort } {
  const { port1, port2 } = new MessageChannel();
  return { port: portOf(port1), other: port2 };
}

export type { MessagePort };

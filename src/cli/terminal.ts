/**
 * What a command uses of the process it runs in. It is passed in, so that tests run commands
 * without a process.
 */
import type { Readable, Writable } from 'node:stream';

export interface Terminal {
  readonly input: Readable & { readonly isTTY?: boolean };
  /** For what was asked for. */
  readonly output: Writable;
  /** For what people should know besides: states, hints, errors. */
  readonly errors: Writable;
  /** Aborts when the user wants the command to end; until it is called, Ctrl-C ends the process. */
  interruption(): AbortSignal;
}

export function processTerminal(): Terminal {
  return { input: process.stdin, output: process.stdout, errors: process.stderr, interruption };
}

/** Aborts with Ctrl-C or a polite kill; a second one ends the process at once. */
function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(130);
      controller.abort();
    });
  }
  return controller.signal;
}

/** Writes text; resolves when more is welcome, so a slow reader slows the writer down. */
export function write(output: Writable, text: string): Promise<void> {
  return new Promise((resolve) => {
    if (output.write(text)) resolve();
    else output.once('drain', resolve);
  });
}

/**
 * Work in a process of its own, for what only the end of a process can stop: a statement of SQLite
 * runs to its end, whatever the thread around it is told.
 *
 * The process is started for one call and killed when the call has taken too long. It ends itself
 * when this one is gone, so that nothing goes on for nobody.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type CopiedError, errorFrom } from './background.ts';
import { MillraceError } from './errors.ts';
import type { BackgroundCall } from './platform.ts';

/** A call as the background takes it; nothing is handed over, all is copied. */
export type ChildCall = Pick<BackgroundCall, 'url' | 'name' | 'argument'>;

/** What the child answers. */
export type ChildReply =
  | { readonly kind: 'done'; readonly result: unknown }
  | { readonly kind: 'failed'; readonly error: CopiedError };

/** What is kept of what a child says before it dies, in characters. */
const lastWordsMax = 2000;

/**
 * Calls the exported function that `call` names in another process, with a Node platform of its
 * own. Resolves with undefined where that takes longer than `timeoutMs`, its start included; the
 * process is killed then. Fails as the function does, or with `IO` where the process dies.
 */
export async function runInChild<Result>(
  call: ChildCall,
  timeoutMs: number,
): Promise<{ readonly result: Result } | undefined> {
  const child = fork(childPath(), [], {
    execArgv: [], // what this process was started with (a loader, a debugger) is not for the child
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), timeoutMs);
  });
  try {
    const reply = await Promise.race([replyOf(child, call), timeout]);
    if (reply === undefined) return undefined;
    if (reply.kind === 'failed') throw errorFrom(reply.error);
    return { result: reply.result as Result }; // the caller knows what the function returns
  } finally {
    clearTimeout(timer);
    child.kill('SIGKILL');
  }
}

function replyOf(child: ChildProcess, call: ChildCall): Promise<ChildReply> {
  return new Promise((resolve, reject) => {
    let lastWords = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      lastWords = (lastWords + text).slice(-lastWordsMax);
    });
    const fail = (what: string, cause?: unknown) => {
      const message = `The process for ${call.name} ${what}. ${lastWords}`.trimEnd();
      reject(new MillraceError('IO', message, { cause, retryable: true }));
    };
    child.on('message', (reply: ChildReply) => resolve(reply));
    child.on('error', (error) => fail(`could not be started (${error.message})`, error));
    child.on('close', (code, signal) => fail(`ended (${signal ?? `exit code ${code}`})`));
    child.send(call, (error) => {
      if (error !== null) fail(`could not be asked (${error.message})`, error);
    });
  });
}

/** Beside this module, as source or compiled. */
function childPath(): string {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return fileURLToPath(new URL(`./child-main.${extension}`, import.meta.url));
}

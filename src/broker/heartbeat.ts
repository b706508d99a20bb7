/**
 * Whether the process that holds a task still lives: each process keeps a file
 * `processes/<instance>` fresh while it has the directory open. A holder is live while its file is
 * fresh and, on this host, its process exists; so after a crash the next one need not wait.
 */
import { type Cancellable, isMillraceError, type Platform } from '../platform/index.ts';
import type { Holder } from './operation.ts';

const beatMs = 1000;
/** A file older than this belongs to a process that is dead or stopped. */
const freshMs = 5000;
/** Two readings of when one process started differ by less. */
const startToleranceMs = 10;

/** What the file holds. */
type Beat = Holder & { readonly startedAtMs?: number };

export class Heartbeat {
  readonly #platform: Platform;
  readonly #directory: string;
  readonly holder: Holder;
  #timer: Cancellable;

  constructor(platform: Platform, directory: string) {
    this.#platform = platform;
    this.#directory = directory;
    const { pid, host } = platform.process;
    this.holder = { instance: Buffer.from(platform.randomBytes(8)).toString('hex'), pid, host };
    platform.files.makeDirectory(`${directory}/processes`);
    platform.files.open(this.#path, 'create').close();
    this.#write();
    this.#timer = this.#beatLater();
  }

  isLive(holder: Holder): boolean {
    return (
      holder.instance === this.holder.instance ||
      isHolderLive(this.#platform, this.#directory, holder)
    );
  }

  close(): void {
    this.#timer.cancel();
    this.#platform.files.remove(this.#path);
  }

  #beatLater(): Cancellable {
    return this.#platform.clock.after(beatMs, () => {
      this.#timer = this.#beatLater();
      try {
        this.#write();
      } catch (error) {
        if (!isMillraceError(error)) throw error; // stale: at worst another one takes the tasks
      }
    });
  }

  #write(): void {
    const file = this.#platform.files.open(this.#path, 'write');
    try {
      const { startedAtMs } = this.#platform.process;
      const beat: Beat = { ...this.holder, startedAtMs };
      file.write(Buffer.from(`${JSON.stringify(beat)}\n`), 0);
    } finally {
      file.close();
    }
  }

  get #path(): string {
    return pathOf(this.#directory, this.holder);
  }
}

/** Whether the process that opened the directory as `holder` still lives, for anybody who asks. */
export function isHolderLive(platform: Platform, directory: string, holder: Holder): boolean {
  const modifiedAt = platform.files.modifiedAt(pathOf(directory, holder));
  if (modifiedAt === undefined || platform.clock.now() - modifiedAt > freshMs) return false;
  const { host, pid } = platform.process;
  if (holder.host !== host) return true;
  if (holder.pid !== pid) return platform.process.isAlive(holder.pid);
  return isThisProcess(platform, pathOf(directory, holder));
}

/** This process has the directory open twice; else another one had its id before. */
function isThisProcess(platform: Platform, path: string): boolean {
  const file = platform.files.open(path, 'read');
  try {
    const bytes = Buffer.alloc(file.size());
    const length = file.read(bytes, 0, bytes.length, 0);
    const { startedAtMs = Number.NaN } = JSON.parse(bytes.toString('utf8', 0, length)) as Beat;
    return Math.abs(startedAtMs - platform.process.startedAtMs) <= startToleranceMs;
  } catch (error) {
    if (error instanceof SyntaxError) return false; // cut off by a crash
    throw error;
  } finally {
    file.close();
  }
}

function pathOf(directory: string, { instance }: Holder): string {
  return `${directory}/processes/${instance}`;
}

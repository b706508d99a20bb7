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
    platform.files.open(this.#pathOf(this.holder), 'create').close();
    this.#write();
    this.#timer = this.#beatLater();
  }

  isLive(holder: Holder): boolean {
    if (holder.instance === this.holder.instance) return true;
    const modifiedAt = this.#platform.files.modifiedAt(this.#pathOf(holder));
    if (modifiedAt === undefined || this.#platform.clock.now() - modifiedAt > freshMs) return false;
    const { host, pid } = this.#platform.process;
    if (holder.host !== host) return true;
    return holder.pid !== pid && this.#platform.process.isAlive(holder.pid);
  }

  close(): void {
    this.#timer.cancel();
    this.#platform.files.remove(this.#pathOf(this.holder));
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
    const file = this.#platform.files.open(this.#pathOf(this.holder), 'write');
    try {
      file.write(Buffer.from(`${JSON.stringify(this.holder)}\n`), 0);
    } finally {
      file.close();
    }
  }

  #pathOf(holder: Holder): string {
    return `${this.#directory}/processes/${holder.instance}`;
  }
}

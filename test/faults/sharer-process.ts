/** A process that shares the job, as its test sees it (sharer.ts is its program). */
import type { ChildProcess } from 'node:child_process';
import type { JobTaskStatus } from '../../src/runtime/status.ts';
import { type Ended, ended, start } from './processes.ts';

/** A process that runs tasks of the job. */
export class Sharer {
  readonly child: ChildProcess;
  readonly end: Promise<Ended>;
  /** Who runs what, as it told last. */
  tasks: readonly JobTaskStatus[] = [];
  readonly errors: string[] = [];
  #rest = '';
  #onLine: () => void = () => {};

  constructor(directory: string, workers?: number) {
    this.child = start('sharer.ts', directory, ...(workers === undefined ? [] : [`${workers}`]));
    this.end = ended(this.child);
    this.end.catch(() => {}); // whoever waits for it is told
    this.child.stderr?.on('data', (data) => this.#hear(String(data)));
  }

  get pid(): number {
    return this.child.pid ?? Number.NaN;
  }

  /** Resolves once what it tells is so. */
  async until(isSo: (tasks: readonly JobTaskStatus[]) => boolean): Promise<void> {
    while (!isSo(this.tasks)) {
      await new Promise<void>((resolve, reject) => {
        this.#onLine = resolve;
        this.end.then(({ errors }) => reject(new Error(errors)), reject);
      });
    }
  }

  /** Resolves when it has ended. */
  async leave({ drain = false } = {}): Promise<Ended> {
    this.child.stdin?.write(drain ? 'drain\n' : 'leave\n');
    return this.end;
  }

  /** Stops it, until it is sent SIGCONT. */
  standStill(): void {
    this.child.stdin?.write('stop\n');
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.end;
  }

  #hear(text: string): void {
    const lines = `${this.#rest}${text}`.split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      if (!line.startsWith('{')) continue; // of Node.js
      const { tasks, error } = JSON.parse(line);
      if (tasks !== undefined) this.tasks = tasks;
      if (error !== undefined) this.errors.push(error);
    }
    this.#onLine();
  }
}

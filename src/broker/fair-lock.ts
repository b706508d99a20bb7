/**
 * The journal's lock, given in turn: whoever gives it up calls the process that has waited longest,
 * and no other one. Called all together, they would take the processors from the one that wins, and
 * from its fdatasync.
 *
 *   turns/waiting   at byte 8 i: since when process i waits, in ms since the epoch (a double in the
 *                   machine's byte order); 0 if it does not
 *   turns/<i>       written to call process i, which watches it
 *
 * i is the process id modulo `slots`: two with the same number are called together, which does no
 * harm. All of this is a hint. Only the lock decides, nothing here is synced, and who is not called
 * (its caller died, the watch stayed silent) asks again by itself.
 */
import {
  type Clock,
  type File,
  isMillraceError,
  type Platform,
  type ProcessLock,
} from '../platform/index.ts';

const slots = 32;
const slotBytes = 8;

/** How long a process that has called another one leaves the lock to it, in ms. */
const leavesItMs = 1;

/** The lock, and word of whose turn it is. */
export interface TurnLock extends ProcessLock {
  /** Calls `onTurn` when another process has given up the lock, and this one has waited longest. */
  watch(onTurn: () => void): { close(): void };
}

export class FairLock implements TurnLock {
  readonly #lock: ProcessLock;
  readonly #clock: Clock;
  readonly #turns: Turns;
  /** Since when the lock has been asked for in vain, by the wall clock. */
  #waitsSince: number | undefined;
  #leavesItUntil = 0;

  constructor(platform: Platform, directory: string, lock: ProcessLock) {
    this.#lock = lock;
    this.#clock = platform.clock;
    this.#turns = new Turns(platform, `${directory}/turns`);
  }

  watch(onTurn: () => void): { close(): void } {
    return this.#turns.watch(() => {
      this.#leavesItUntil = 0;
      onTurn();
    });
  }

  tryAcquire(): boolean {
    if (this.#take()) return true;
    this.#waitsSince ??= this.#clock.now();
    this.#turns.wait(this.#waitsSince);
    return this.#take(); // whoever gave it up just now did not see this process wait
  }

  release(): void {
    this.#lock.release();
    if (this.#turns.callNext()) this.#leavesItUntil = this.#clock.monotonicMs() + leavesItMs;
  }

  close(): void {
    if (this.#waitsSince !== undefined) this.#turns.wait(0);
    this.#turns.close();
    this.#lock.close();
  }

  #take(): boolean {
    if (this.#clock.monotonicMs() < this.#leavesItUntil || !this.#lock.tryAcquire()) return false;
    if (this.#waitsSince !== undefined) this.#turns.wait(0);
    this.#waitsSince = undefined;
    return true;
  }
}

/** The files of the turns. One that can't be written or read calls nobody. */
class Turns {
  readonly #platform: Platform;
  readonly #directory: string;
  readonly #waiting: File;
  readonly #own: number;
  readonly #since = new Float64Array(slots);
  readonly #sinceBytes = new Uint8Array(this.#since.buffer);
  readonly #slot = new Float64Array(1);
  readonly #slotBytes = new Uint8Array(this.#slot.buffer);
  /** Open files of other processes. */
  readonly #others = new Map<number, File>();

  constructor(platform: Platform, directory: string) {
    this.#platform = platform;
    this.#directory = directory;
    this.#own = platform.process.pid % slots;
    platform.files.makeDirectory(directory);
    this.#waiting = this.#open('waiting');
  }

  watch(onCall: () => void): { close(): void } {
    const name = `${this.#own}`;
    this.#open(name).close();
    return this.#platform.files.watch(`${this.#directory}/${name}`, onCall);
  }

  /** Notes since when this process waits; 0: it does not. */
  wait(since: number): void {
    this.#slot[0] = since;
    ignoringFailures(() => this.#waiting.write(this.#slotBytes, this.#own * slotBytes));
  }

  /** Calls the process that has waited longest; false if none waits. */
  callNext(): boolean {
    this.#since.fill(0);
    ignoringFailures(() => this.#waiting.read(this.#sinceBytes, 0, slots * slotBytes, 0));
    const next = longestWaiting(this.#since);
    if (next === undefined || next === this.#own) return false;
    ignoringFailures(() => {
      this.#waiting.write(new Uint8Array(slotBytes), next * slotBytes);
      const file = this.#others.get(next) ?? this.#open(`${next}`);
      this.#others.set(next, file);
      file.write(Uint8Array.of(1), 0);
    });
    return true;
  }

  close(): void {
    for (const file of this.#others.values()) file.close();
    this.#waiting.close();
  }

  #open(name: string): File {
    const { files } = this.#platform;
    const path = `${this.#directory}/${name}`;
    // Where two processes make it at once, one of them fails, and finds it there.
    if (!files.exists(path)) ignoringFailures(() => files.open(path, 'create').close());
    return files.open(path, 'write');
  }
}

function longestWaiting(since: Float64Array): number | undefined {
  let longest: number | undefined;
  let earliest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < slots; i++) {
    const time = since[i] as number; // one for each slot
    if (!(time > 0 && time < earliest)) continue;
    earliest = time;
    longest = i;
  }
  return longest;
}

function ignoringFailures<Result>(run: () => Result): Result | undefined {
  try {
    return run();
  } catch (error) {
    if (!isMillraceError(error)) throw error;
    return undefined;
  }
}

/** What the processes of a schedule share, and the rules that a mutation breaks. */
import { type Choose, seededChoices } from '../../support/choices.ts';
import { Disk, pageBytes } from './disk.ts';
import { Truth } from './truth.ts';

/** One atomic step at a time; between two of them anything may happen. */
export type Steps<Result = void> = Generator<
  typeof waiting | typeof synced | undefined,
  Result,
  undefined
>;

/** Yielded by a step that found a lock taken and did nothing. */
export const waiting = 'waiting';

/** Yielded when an entry is durable and nobody else knows it: a telling moment for a crash. */
export const synced = 'synced';

/** Rules taken out, one by one. */
export const mutations = [
  // what the design asks for
  'acknowledges before the sync',
  'shows before the sync',
  'does not catch up with the lock',
  'lets any incarnation commit',
  'names segments before their sync',
  'removes a journal file before its sorted entry',
  'removes a journal file before the catalogue is saved',
  'saves what is not synced',
  'moves the log start before the fold',
  'folds what is not committed',
  'lets any incarnation fold',
  'names a large append before its sync',
  'appends to a removed segment',
  'does not look behind the tail',
  'writes two entries per sync',
  'never syncs the names of journal files',
  // what the exploration, or reading along, found in the code
  'trusts the name of a next file that another process made',
  'trusts directories that another process made',
  'sorts by a catalogue that may be old',
  'applies a roll after the entry behind it',
  'loads the stored catalogue once',
  'looks for moved records only up to the mark',
] as const;

/** `spares the disk` breaks no rule: nothing is damaged, so that other things are found. */
export type Mutation = (typeof mutations)[number] | 'spares the disk';

export type LockName = 'journal' | 'housekeeping';

export class World {
  readonly disk: Disk = new Disk();
  readonly truth: Truth = new Truth();
  readonly locks: Map<LockName, unknown> = new Map();
  readonly choose: Choose;
  /** What producers want to append, by the slot of their process; it survives the process. */
  readonly producers: Map<number, { sequence: number; ids: number[] }> = new Map();
  readonly journalBytes: number;
  /** Writes fail now and then, half way. */
  failsWrites = false;
  readonly #broken: ReadonlySet<Mutation>;
  #ids = 0;

  constructor(seed: number, broken: readonly Mutation[]) {
    this.choose = seededChoices(seed);
    this.#broken = new Set(broken);
    this.journalBytes = (10 + this.choose(4)) * pageBytes;
  }

  breaks(mutation: Mutation): boolean {
    return this.#broken.has(mutation);
  }

  newId(): number {
    return ++this.#ids;
  }

  newIds(count: number): number[] {
    return Array.from({ length: count }, () => this.newId());
  }

  /** True one time in `n`. */
  oneIn(n: number): boolean {
    return this.choose(n) === 0;
  }

  tryLock(name: LockName, owner: unknown): boolean {
    if (this.locks.has(name)) return false;
    this.locks.set(name, owner);
    return true;
  }

  unlock(name: LockName): void {
    this.locks.delete(name);
  }

  unlockAll(owner: unknown): void {
    for (const [name, held] of this.locks) if (held === owner) this.locks.delete(name);
  }
}

/** What the code reports with an error code. */
export class Refused extends Error {
  readonly code: 'DAMAGED' | 'FILE_MISMATCH' | 'DISK_FULL';

  constructor(code: Refused['code'], what: string) {
    super(`${code}: ${what}`);
    this.code = code;
  }
}

export function isRefused(error: unknown, code: Refused['code']): boolean {
  return error instanceof Refused && error.code === code;
}

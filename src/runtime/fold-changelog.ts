/**
 * A fold, in the background: committed changes are written to the state file in slices.
 *
 *   slice ── rest ── slice ── rest ── slice     at leisure: a share of the time, so that commits
 *                                               find the disk and a processor free
 *   slice slice slice slice                     hurried: much waits to be folded, or for it
 *
 * Before each slice it must have room. A transaction that another connection keeps open, be it of a
 * query or of a person at a prompt, keeps SQLite from emptying the file's write-ahead log, and each
 * slice would make that longer. Beyond a limit the fold waits, and says for whom. So it does where
 * another connection keeps the write lock.
 */
import { RecordCursor } from '../broker/index.ts';
import { type Clock, type Platform, usersOfFile, withSqliteErrors } from '../platform/index.ts';
import { type FoldStep, foldInSlices, StateFile } from '../state/index.ts';
import { changeOf } from './changelog.ts';

export interface FoldArgument {
  readonly path: string;
  readonly durable: boolean;
  readonly directoryId: string;
  readonly task: string;
  readonly incarnation: number;
  readonly from: number;
  readonly through: number;
  /** Record batches, back to back. They are used up. */
  readonly chunks: readonly Uint8Array<ArrayBuffer>[];
  readonly sliceBytes: number;
  /** Of the time, at leisure. */
  readonly cpuShare: number;
  /** With more than this in its write-ahead log a fold waits until that can be emptied. */
  readonly walBytesMax: number;
  /** One of `paces`; shared, and changed while the fold goes on. */
  readonly pace: Int32Array;
}

/** `ending`: hurried, and given up rather than waited with. */
export const paces = { leisurely: 0, hurried: 1, ending: 2 } as const;

/** What a state file takes on the disk. */
export interface StateFileSizes {
  readonly stateFileBytes: number;
  readonly walBytes: number;
}

/** Why a fold waits; undefined: it goes on. */
export interface FoldReport extends StateFileSizes {
  readonly problem: string | undefined;
}

export interface FoldResult extends StateFileSizes {
  /** False where it was given up, so that the changelog is needed still. */
  readonly isDone: boolean;
}

/** Runs in the background. */
export async function foldChangelog(
  argument: FoldArgument,
  platform: Platform,
  report: (report: FoldReport) => void,
): Promise<FoldResult> {
  const { path, durable, sliceBytes } = argument;
  const { clock } = platform;
  const database = platform.openDatabase(path, { durable });
  try {
    platform.failpoint('fold.begun');
    const file = withSqliteErrors(path, () => new StateFile(database, path, argument));
    const slices = foldInSlices(file, changesIn(argument), argument, sliceBytes);
    const waiting = new Waiting(file, argument, clock, report);
    file.neverWait();
    for (;;) {
      const began = clock.monotonicMs();
      const step = withSqliteErrors(path, () => takeStep(file, slices, argument));
      if (step === 'done') break;
      if (step === 'written') {
        platform.failpoint('fold.sliced');
        waiting.end();
        await rest(argument, clock, clock.monotonicMs() - began);
      } else {
        if (paceOf(argument) === paces.ending) return { ...sizesOf(file), isDone: false };
        await waiting.goOn(step);
      }
    }
    platform.failpoint('fold.committed');
    return { ...sizesOf(file), isDone: true };
  } finally {
    database.close();
    for (const { buffer } of argument.chunks) buffer.transfer(0); // frees them now
  }
}

type Step = FoldStep | 'done' | 'wal full';

function takeStep(
  file: StateFile,
  slices: Generator<FoldStep, void, void>,
  { walBytesMax }: FoldArgument,
): Step {
  if (file.walBytes > walBytesMax && !file.emptyWal()) return 'wal full';
  return slices.next().value ?? 'done';
}

function* changesIn({ chunks, from }: FoldArgument): Generator<ReturnType<typeof changeOf>> {
  const cursor = new RecordCursor();
  for (const bytes of chunks) {
    cursor.reset(bytes);
    while (cursor.next()) if (cursor.offset >= from) yield changeOf(cursor);
  }
}

/** Long enough that the work was a share of the time; other folds have their turn in any case. */
async function rest(argument: FoldArgument, clock: Clock, workedMs: number): Promise<void> {
  const restMs = workedMs / argument.cpuShare - workedMs;
  await sleep(restMs, clock, () => paceOf(argument) !== paces.leisurely);
  await new Promise<void>((resolve) => clock.soon(resolve));
}

/** A fold waits so long before it says so, in ms: statements of others may take a moment. */
const sayAfterMs = 1000;

const backOffFirstMs = 10;
const backOffMaxMs = 1000;

/** What a fold does while the file can't be written. */
class Waiting {
  readonly #file: StateFile;
  readonly #argument: FoldArgument;
  readonly #clock: Clock;
  readonly #report: (report: FoldReport) => void;
  #waitedMs = 0;
  #delayMs = backOffFirstMs;

  constructor(
    file: StateFile,
    argument: FoldArgument,
    clock: Clock,
    report: (report: FoldReport) => void,
  ) {
    this.#file = file;
    this.#argument = argument;
    this.#clock = clock;
    this.#report = report;
  }

  /** For a while, longer each time. */
  async goOn(step: 'locked' | 'wal full'): Promise<void> {
    const sizes = sizesOf(this.#file);
    if (this.#waitedMs >= sayAfterMs) {
      this.#report({ ...sizes, problem: problemOf(step, this.#file.path, sizes) });
    }
    await sleep(this.#delayMs, this.#clock, () => paceOf(this.#argument) === paces.ending);
    this.#waitedMs += this.#delayMs;
    this.#delayMs = Math.min(2 * this.#delayMs, backOffMaxMs);
  }

  /** It could be written. */
  end(): void {
    if (this.#waitedMs >= sayAfterMs) this.#report({ ...sizesOf(this.#file), problem: undefined });
    this.#waitedMs = 0;
    this.#delayMs = backOffFirstMs;
  }
}

function problemOf(
  step: 'locked' | 'wal full',
  path: string,
  { walBytes }: StateFileSizes,
): string {
  const what =
    step === 'locked'
      ? 'another process keeps the database locked'
      : `its write-ahead log has ${walBytes} bytes and can't be emptied while a transaction on ` +
        'the database stays open';
  const users = usersOfFile(path);
  const open = users.length === 0 ? '' : ` It is open in ${users.join(', ')}.`;
  return `${path}: ${what}.${open} End that transaction, and folding goes on by itself.`;
}

/** Wakes early, within `stepMs`, once `isOver`. */
async function sleep(ms: number, clock: Clock, isOver: () => boolean): Promise<void> {
  const stepMs = 100;
  for (let left = ms; left > 0 && !isOver(); left -= stepMs) {
    await new Promise<void>((resolve) => clock.after(Math.min(left, stepMs), resolve));
  }
}

function paceOf({ pace }: FoldArgument): number {
  return Atomics.load(pace, 0);
}

function sizesOf(file: StateFile): StateFileSizes {
  return withSqliteErrors(file.path, () => ({
    stateFileBytes: file.bytes,
    walBytes: file.walBytes,
  }));
}

/** This module, which the background loads by its file: .ts in the sources, .js in the package. */
export function foldUrl(): string {
  return import.meta.url;
}

/**
 * Folding: what a task has committed to its changelog is written to its state file in the
 * background, every few seconds; then the log learns how far the fold is durable, and may forget
 * the changelog before that.
 *
 * Only committed bytes come here, so a fold never holds what was not committed; it never looks at
 * the task's memory.
 */
import { type Broker, type Claim, RecordCursor } from '../broker/index.ts';
import {
  type Cancellable,
  isMillraceError,
  MillraceError,
  messageOf,
  type Platform,
} from '../platform/index.ts';
import { ByteChunks } from './byte-chunks.ts';
import {
  type FoldArgument,
  type FoldReport,
  type FoldResult,
  foldUrl,
  paces,
  type StateFileSizes,
} from './fold-changelog.ts';

export interface FoldingOptions {
  readonly platform: Platform;
  readonly broker: Broker;
  readonly claim: Claim;
  readonly changelog: string;
  readonly statePath: string;
  readonly durable: boolean;
  readonly foldedOffset: number;
  /** How often is folded, in ms. */
  readonly intervalMs: number;
  /** The share of the time for which folding works, at leisure. */
  readonly cpuShare: number;
  /** More than this many unfolded bytes: fold at once, and without rest. */
  readonly bytesEager: number;
  /** More than this many unfolded bytes: the task stops reading. */
  readonly bytesMax: number;
  /** More than this in the state file's write-ahead log: fold on once it can be emptied. */
  readonly walBytesMax: number;
  onError(error: unknown): void;
  /** Everything before this offset is in the state file. */
  onFolded(offset: number): void;
  onRoom(): void;
}

/** Unfolded bytes from which folding neither waits for its interval nor rests, at most. */
export const foldEagerBytes: number = 32 * 1024 * 1024;

const sliceBytesMax = 256 * 1024;

export class Folding {
  readonly #options: FoldingOptions;
  readonly #unfolded = new ByteChunks();
  #bytesUnderWay = 0;
  /** False where a fold that failed took some of it along, until the log was read again. */
  #hasAll = true;
  /** Shared with the fold under way. */
  readonly #pace = new Int32Array(new SharedArrayBuffer(4));
  #isHurried = false;
  #problem: string | undefined;
  #sizes: StateFileSizes;
  #folded: number;
  #end: number;
  #timer: Cancellable | undefined;
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(options: FoldingOptions) {
    this.#options = options;
    this.#folded = options.foldedOffset;
    this.#end = options.foldedOffset;
    const { statePath, platform } = options;
    const sizeOf = (path: string) => platform.files.sizeOf(path) ?? 0;
    this.#sizes = { stateFileBytes: sizeOf(statePath), walBytes: sizeOf(`${statePath}-wal`) };
    this.#addTail();
    if (this.#unfolded.bytes > 0) this.#plan();
  }

  /** Bytes of changelog that are not folded yet. */
  get unfoldedBytes(): number {
    return this.#unfolded.bytes + this.#bytesUnderWay;
  }

  get isFull(): boolean {
    return this.unfoldedBytes > this.#options.bytesMax;
  }

  /** Whether everything is folded, and the log knows it. */
  get isDone(): boolean {
    return this.#hasAll && this.#unfolded.bytes === 0 && this.#running === undefined;
  }

  /** What folding waits for, or why it failed last; undefined while all is well. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Of the state file, as of the last fold. */
  get sizes(): StateFileSizes {
    return this.#sizes;
  }

  /** Takes committed batches of the changelog, which end before offset `end`. */
  add(batches: Uint8Array, end: number): void {
    this.#unfolded.add(batches);
    this.#end = end;
    this.#plan();
  }

  #plan(): void {
    this.#setPace();
    if (this.#isBehind) this.#start();
    else this.#schedule(this.#options.intervalMs);
  }

  get #isBehind(): boolean {
    return this.unfoldedBytes > this.#options.bytesEager;
  }

  /** Folds what there is, at once and without rest: memory is short. */
  hurry(): void {
    this.#isHurried = true;
    this.#setPace();
    this.#start();
  }

  /** Stops, once the fold under way is done; what is not folded stays in the changelog. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#setPace();
    this.#timer?.cancel();
    await this.#running;
  }

  #setPace(): void {
    const hurried = this.#isHurried || this.#isBehind ? paces.hurried : paces.leisurely;
    Atomics.store(this.#pace, 0, this.#closed ? paces.ending : hurried);
  }

  /** What a crash or a stop has left unfolded. */
  #addTail(): void {
    const { broker, changelog } = this.#options;
    const partition = { topic: changelog, partition: 0 };
    const cursor = new RecordCursor();
    const end = broker.endOf(partition);
    for (let offset = this.#folded; offset < end; offset = cursor.endOffset()) {
      const batches = broker.read(partition, offset, 1024 * 1024);
      if (batches === undefined) return;
      cursor.reset(batches.bytes, batches.placeOf);
      this.#unfolded.add(batches.bytes);
      this.#end = cursor.endOffset();
    }
  }

  /** The log has all that is not folded. */
  #readTail(): void {
    this.#unfolded.take();
    this.#addTail();
    this.#hasAll = true;
  }

  /** So that what waits is counted; where that fails, the next fold tries it, and tells. */
  #tryToReadTail(): void {
    try {
      this.#readTail();
    } catch {
      this.#unfolded.take();
    }
  }

  #schedule(delayMs: number): void {
    if (this.#timer !== undefined || this.#running !== undefined || this.#closed) return;
    this.#timer = this.#options.platform.clock.after(delayMs, () => this.#start());
  }

  #start(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#running !== undefined || this.#closed) return;
    if (this.#unfolded.bytes === 0 && this.#hasAll) return;
    this.#running = this.#fold().then(
      () => {
        this.#problem = undefined;
        this.#goOn();
        if (this.#isBehind) this.#start();
      },
      (error: unknown) => {
        if (isMillraceError(error, 'FENCED')) this.#closed = true;
        const message = messageOf(error);
        if (message !== this.#problem) this.#options.onError(error); // else it lasts
        this.#problem = message;
        this.#goOn();
      },
    );
  }

  #goOn(): void {
    this.#running = undefined;
    this.#isHurried = false;
    this.#setPace();
    if (this.#unfolded.bytes > 0 || !this.#hasAll) this.#schedule(this.#options.intervalMs);
    if (!this.isFull) this.#options.onRoom();
  }

  async #fold(): Promise<void> {
    const { platform, broker, claim, changelog } = this.#options;
    if (!this.#hasAll) this.#readTail();
    const through = this.#end;
    const { isDone, ...sizes } = await this.#write(through);
    this.#sizes = sizes;
    if (!isDone) return; // it is closed
    this.#folded = through;
    this.#options.onFolded(through);
    await broker.deleteRecordsBefore({ topic: changelog, partition: 0, offset: through }, claim);
    platform.failpoint('fold.recorded');
  }

  async #write(through: number): Promise<FoldResult> {
    const { platform, broker, claim, statePath, bytesMax } = this.#options;
    const { durable, cpuShare, walBytesMax } = this.#options;
    this.#bytesUnderWay = this.#unfolded.bytes;
    const chunks = this.#unfolded.take();
    const argument: FoldArgument = {
      path: statePath,
      durable,
      directoryId: broker.id,
      task: claim.task,
      incarnation: claim.incarnation,
      from: this.#folded,
      through,
      chunks,
      sliceBytes: Math.min(sliceBytesMax, bytesMax / 64),
      cpuShare,
      walBytesMax,
      pace: this.#pace,
    };
    try {
      return await platform.background.run<FoldResult>({
        url: foldUrl(),
        name: 'foldChangelog',
        lane: 'state',
        argument,
        transfer: chunks.map(({ buffer }) => buffer),
        onReport: (report) => this.#hear(report as FoldReport), // as the fold makes it
      });
    } catch (error) {
      this.#hasAll = false;
      this.#tryToReadTail();
      throw error;
    } finally {
      this.#bytesUnderWay = 0;
    }
  }

  #hear({ problem, ...sizes }: FoldReport): void {
    this.#sizes = sizes;
    if (problem !== undefined && this.#problem === undefined) {
      this.#options.onError(new MillraceError('LOCK_TIMEOUT', problem, { retryable: true }));
    }
    this.#problem = problem;
  }
}

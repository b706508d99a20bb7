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
  type Platform,
  withSqliteErrors,
} from '../platform/index.ts';
import { foldInSlices, StateFile } from '../state/index.ts';
import { ByteChunks } from './byte-chunks.ts';
import { changeOf } from './changelog.ts';

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
  /** More than this many unfolded bytes: fold at once. */
  readonly bytesEager: number;
  /** More than this many unfolded bytes: the task stops reading. */
  readonly bytesMax: number;
  onError(error: unknown): void;
  /** Everything before this offset is in the state file. */
  onFolded(offset: number): void;
  onRoom(): void;
}

export interface FoldArgument {
  readonly path: string;
  readonly durable: boolean;
  readonly directoryId: string;
  readonly task: string;
  readonly incarnation: number;
  readonly from: number;
  readonly through: number;
  /** Record batches, back to back. */
  readonly chunks: readonly Uint8Array[];
  readonly sliceBytes: number;
  /** Between two slices, so that commits do not wait behind much that is being synced. */
  readonly pauseMs: number;
}

/** Unfolded bytes from which folding does not wait for its interval, at most. */
export const foldEagerBytes: number = 32 * 1024 * 1024;

const sliceBytesMax = 256 * 1024;
const pauseMs = 20;

export class Folding {
  readonly #options: FoldingOptions;
  readonly #unfolded = new ByteChunks();
  #bytesUnderWay = 0;
  #folded: number;
  #end: number;
  #timer: Cancellable | undefined;
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(options: FoldingOptions) {
    this.#options = options;
    this.#folded = options.foldedOffset;
    this.#end = options.foldedOffset;
    this.#addTail();
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
    return this.#unfolded.bytes === 0 && this.#running === undefined;
  }

  /** Takes committed batches of the changelog, which end before offset `end`. */
  add(batches: Uint8Array, end: number): void {
    this.#unfolded.add(batches);
    this.#end = end;
    if (this.#isBehind) this.#start();
    else this.#schedule(this.#options.intervalMs);
  }

  get #isBehind(): boolean {
    return this.#unfolded.bytes > this.#options.bytesEager;
  }

  /** Folds what there is without waiting for the interval: memory is short. */
  hurry(): void {
    this.#start();
  }

  /** Stops; what is not folded stays in the changelog. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await this.#running;
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
      this.add(batches.bytes, cursor.endOffset());
    }
  }

  #schedule(delayMs: number): void {
    if (this.#timer !== undefined || this.#running !== undefined || this.#closed) return;
    this.#timer = this.#options.platform.clock.after(delayMs, () => this.#start());
  }

  #start(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#running !== undefined || this.#closed || this.#unfolded.bytes === 0) return;
    this.#running = this.#fold().then(
      () => {
        this.#running = undefined;
        if (this.#isBehind) this.#start();
        this.#goOn();
      },
      (error: unknown) => {
        this.#running = undefined;
        this.#options.onError(error);
        if (isMillraceError(error, 'FENCED')) this.#closed = true;
        this.#goOn();
      },
    );
  }

  #goOn(): void {
    if (this.#unfolded.bytes > 0) this.#schedule(this.#options.intervalMs);
    if (!this.isFull) this.#options.onRoom();
  }

  async #fold(): Promise<void> {
    const { platform, broker, claim, changelog, statePath, durable, bytesMax } = this.#options;
    const through = this.#end;
    const pause = this.#isBehind ? 0 : pauseMs;
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
      pauseMs: pause,
    };
    const transfer = chunks.map(({ buffer }) => buffer);
    try {
      await platform.background.run({
        url: foldUrl(),
        name: 'foldChangelog',
        lane: 'state',
        argument,
        transfer,
      });
    } catch (error) {
      this.#unfolded.take();
      this.#addTail(); // the log has it all
      throw error;
    } finally {
      this.#bytesUnderWay = 0;
    }
    this.#folded = through;
    this.#options.onFolded(through);
    await broker.deleteRecordsBefore({ topic: changelog, partition: 0, offset: through }, claim);
    platform.failpoint('fold.recorded');
  }
}

/** Runs in the background. */
export async function foldChangelog(argument: FoldArgument, platform: Platform): Promise<void> {
  const { path, durable, sliceBytes, pauseMs } = argument;
  const database = platform.openDatabase(path, { durable });
  try {
    platform.failpoint('fold.begun');
    const file = withSqliteErrors(path, () => new StateFile(database, path, argument));
    const slices = foldInSlices(file, changesIn(argument), argument, sliceBytes);
    while (withSqliteErrors(path, () => slices.next().done !== true)) {
      platform.failpoint('fold.sliced');
      if (pauseMs > 0) await new Promise<void>((go) => platform.clock.after(pauseMs, go));
    }
    platform.failpoint('fold.committed');
  } finally {
    database.close();
  }
}

function* changesIn({ chunks, from }: FoldArgument): Generator<ReturnType<typeof changeOf>> {
  const cursor = new RecordCursor();
  for (const bytes of chunks) {
    cursor.reset(bytes);
    while (cursor.next()) if (cursor.offset >= from) yield changeOf(cursor);
  }
}

/** This module, which the background loads by its file: .ts in the sources, .js in the package. */
function foldUrl(): string {
  return import.meta.url;
}

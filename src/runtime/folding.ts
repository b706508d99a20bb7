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
import { StateFile } from '../state/index.ts';
import { changeOf } from './open-task.ts';

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
  readonly batches: readonly Uint8Array[];
}

export class Folding {
  readonly #options: FoldingOptions;
  #batches: Uint8Array[] = [];
  #bytes = 0;
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
    return this.#bytes + this.#bytesUnderWay;
  }

  get isFull(): boolean {
    return this.unfoldedBytes > this.#options.bytesMax;
  }

  /** Takes committed batches of the changelog, which end before offset `end`. */
  add(batches: Uint8Array, end: number): void {
    this.#batches.push(batches);
    this.#bytes += batches.length;
    this.#end = end;
    if (this.#bytes > this.#options.bytesEager) this.#start();
    else this.#schedule(this.#options.intervalMs);
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
      cursor.reset(batches.bytes);
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
    if (this.#running !== undefined || this.#closed || this.#batches.length === 0) return;
    this.#running = this.#fold().then(
      () => this.#after(this.#options.intervalMs),
      (error: unknown) => {
        this.#options.onError(error);
        if (isMillraceError(error, 'FENCED')) this.#closed = true;
        this.#after(this.#options.intervalMs);
      },
    );
  }

  #after(delayMs: number): void {
    this.#running = undefined;
    if (this.#batches.length > 0) this.#schedule(delayMs);
    if (!this.isFull) this.#options.onRoom();
  }

  async #fold(): Promise<void> {
    const { platform, broker, claim, changelog, statePath, durable } = this.#options;
    const batches = this.#batches;
    const through = this.#end;
    this.#bytesUnderWay = this.#bytes;
    this.#batches = [];
    this.#bytes = 0;
    const argument: FoldArgument = {
      path: statePath,
      durable,
      directoryId: broker.id,
      task: claim.task,
      incarnation: claim.incarnation,
      from: this.#folded,
      through,
      batches,
    };
    try {
      await platform.background.run({ url: foldUrl(), name: 'foldChangelog', argument });
    } catch (error) {
      this.#batches = [...batches, ...this.#batches];
      this.#bytes += this.#bytesUnderWay;
      throw error;
    } finally {
      this.#bytesUnderWay = 0;
    }
    this.#folded = through;
    await broker.deleteRecordsBefore({ topic: changelog, partition: 0, offset: through }, claim);
    platform.failpoint('fold.recorded');
  }
}

/** Runs in the background. */
export function foldChangelog(argument: FoldArgument, platform: Platform): void {
  const database = platform.openDatabase(argument.path, { durable: argument.durable });
  try {
    platform.failpoint('fold.begun');
    withSqliteErrors(argument.path, () => {
      new StateFile(database, argument.path, argument).fold(changesIn(argument), argument);
    });
    platform.failpoint('fold.committed');
  } finally {
    database.close();
  }
}

function* changesIn({ batches, from }: FoldArgument): Generator<ReturnType<typeof changeOf>> {
  const cursor = new RecordCursor();
  for (const bytes of batches) {
    cursor.reset(bytes);
    while (cursor.next()) if (cursor.offset >= from) yield changeOf(cursor);
  }
}

/** This module, which the background loads by its file: .ts in the sources, .js in the package. */
function foldUrl(): string {
  return import.meta.url;
}

/**
 * A state file that is computed anew, beside the one that was refused, until it takes its place.
 *
 *   <task>.db                    the refused one, if there is one
 *   <task>.db.rebuilding-<n>     the new one; n is the incarnation of who makes it
 *   <task>.db.replaced-<n>       the refused one, once the new one is complete
 *
 *   fold, fold, ... -> complete, synced -> old one aside, synced -> new one in its place, synced
 *
 * Nobody else looks at files with such names. So a crash leaves the old file, or none, and that is
 * refused again. Only the newest member of the task puts a file in its place.
 */
import { type Broker, type Claim, RecordBatchBuilder, RecordCursor } from '../../broker/index.ts';
import { assert, type Platform, withSqliteErrors } from '../../platform/index.ts';
import { type Change, foldInSlices, StateFile, storeKey, TaskState } from '../../state/index.ts';
import { ByteChunks } from '../byte-chunks.ts';
import { changeOf } from '../changelog.ts';
import type { ScratchState } from './scratch-state.ts';

export interface RebuiltFileOptions {
  readonly platform: Platform;
  readonly broker: Broker;
  readonly claim: Claim;
  readonly changelog: string;
  /** Of the file that is to be replaced. */
  readonly statePath: string;
  readonly durable: boolean;
  readonly stateMemoryMax: number;
  /** Changes of so many bytes are folded together. */
  readonly foldBytes: number;
}

/** What belongs to a database besides its file. */
const companions = ['-wal', '-shm'] as const;

const sliceBytes = 1024 * 1024;

export class RebuiltFile implements ScratchState {
  readonly #options: RebuiltFileOptions;
  readonly #path: string;
  readonly #file: StateFile;
  readonly #unfolded = new ByteChunks();
  /** Changelog offsets as they are here: what was recorded in it may have been removed. */
  #end = 0;
  #folded = 0;
  #folding: Promise<void> = Promise.resolve();
  #state: TaskState | undefined;

  /** Removes what earlier rebuilds have left unfinished. */
  constructor(options: RebuiltFileOptions) {
    this.#options = options;
    const { platform, broker, claim, statePath } = options;
    this.#path = `${statePath}.rebuilding-${claim.incarnation}`;
    removeUnfinished(platform, statePath);
    const database = platform.openDatabase(this.#path, { durable: false });
    try {
      const identity = { directoryId: broker.id, task: claim.task };
      this.#file = withSqliteErrors(
        this.#path,
        () => new StateFile(database, this.#path, identity),
      );
      this.#file.claim(claim.incarnation);
    } catch (error) {
      database.close();
      throw error;
    }
    platform.failpoint('rebuild.begun');
  }

  /** The state as of now, for a task that is opened. */
  async openState(): Promise<TaskState> {
    await this.#foldAll();
    const { changelog, stateMemoryMax } = this.#options;
    const nothing = { name: changelog, start: 0, end: this.#end, read: () => [] };
    this.#state = new TaskState({
      ...{ file: this.#file, filePath: this.#path },
      ...{ changelog: nothing, memoryBytesMax: stateMemoryMax },
    });
    return this.#state;
  }

  /** Takes what a commit has changed, encoded; returns where the changelog ends now. */
  add(batches: Uint8Array, recordCount: number): number {
    this.#unfolded.add(batches);
    this.#end += recordCount;
    return this.#end;
  }

  /** Between two commits: folds where there is much to fold, or memory is short. */
  async tend(): Promise<void> {
    if (this.#unfolded.bytes >= this.#options.foldBytes) await this.#foldMore();
    if (this.#state?.isFull === true) {
      await this.#foldAll();
      this.#state.tend();
    }
  }

  /** Drops the stores that have these names; no task is open. */
  async drop(names: readonly string[]): Promise<void> {
    await this.#foldAll();
    const builder = new RecordBatchBuilder();
    for (const [number, { name }] of this.#file.stores()) {
      if (names.includes(name)) builder.append(0, storeKey(number), null);
    }
    const { recordCount } = builder;
    if (recordCount > 0) this.add(builder.build(), recordCount);
    await this.#foldAll();
  }

  /** The file holds all state as of the end of the task's changelog; nothing is added any more. */
  async complete(): Promise<void> {
    await this.#foldAll();
    const { platform, broker, claim, changelog, durable } = this.#options;
    this.#file.close();
    const argument: CompleteRebuiltArgument = {
      ...{ path: this.#path, directoryId: broker.id, task: claim.task, durable },
      end: broker.endOf({ topic: changelog, partition: 0 }),
    };
    const call = { url: import.meta.url, name: 'completeRebuilt', argument };
    await platform.background.run({ ...call, lane: 'state' });
  }

  /** Puts the complete file in its place; returns where the refused one is kept, if there is. */
  async putInPlace(): Promise<string | undefined> {
    const { broker, claim } = this.#options;
    return broker.whileNewest(claim, () => this.#replace());
  }

  /** Nothing is left of it. */
  async discard(): Promise<void> {
    await this.#folding.catch(() => {}); // it failed, or nobody waits for it any more
    this.#file.close();
    removeUnfinished(this.#options.platform, this.#options.statePath);
  }

  #replace(): string | undefined {
    const { platform, claim, statePath } = this.#options;
    const { files } = platform;
    const directory = statePath.slice(0, statePath.lastIndexOf('/'));
    const kept = `${statePath}.replaced-${claim.incarnation}`;
    const isKept = files.exists(statePath);
    if (isKept) files.rename(statePath, kept);
    files.syncDirectory(directory);
    // What is in the old file's log must never come into the new one.
    for (const of of companions) {
      if (files.exists(`${statePath}${of}`)) files.rename(`${statePath}${of}`, `${kept}${of}`);
    }
    files.syncDirectory(directory);
    platform.failpoint('rebuild.moved');
    files.rename(this.#path, statePath);
    platform.failpoint('rebuild.placed');
    files.syncDirectory(directory);
    platform.failpoint('rebuild.synced');
    return isKept ? kept : undefined;
  }

  /** Begins to fold what there is, once the fold before is done. */
  async #foldMore(): Promise<void> {
    await this.#folding;
    if (this.#unfolded.bytes === 0) return;
    const { platform, broker, claim } = this.#options;
    const chunks = this.#unfolded.take();
    const through = this.#end;
    const argument: FoldRebuiltArgument = {
      ...{ path: this.#path, directoryId: broker.id, task: claim.task },
      ...{ incarnation: claim.incarnation, from: this.#folded, through, chunks },
    };
    const run = platform.background.run({
      ...{ url: import.meta.url, name: 'foldRebuilt', lane: 'state', argument },
      transfer: chunks.map(({ buffer }) => buffer),
    });
    const state = this.#state;
    this.#folding = run.then(() => {
      this.#folded = through;
      state?.foldedTo(through);
    });
    this.#folding.catch(() => {}); // told to whoever waits next
  }

  async #foldAll(): Promise<void> {
    await this.#foldMore();
    await this.#folding;
  }
}

/** Everything that rebuilds have left, of this process or of dead ones. */
function removeUnfinished({ files }: Platform, statePath: string): void {
  const at = statePath.lastIndexOf('/');
  const [directory, name] = [statePath.slice(0, at), statePath.slice(at + 1)];
  for (const found of files.list(directory)) {
    if (found.startsWith(`${name}.rebuilding-`)) files.remove(`${directory}/${found}`);
  }
}

interface FoldRebuiltArgument {
  readonly path: string;
  readonly directoryId: string;
  readonly task: string;
  readonly incarnation: number;
  readonly from: number;
  readonly through: number;
  /** Record batches, back to back. */
  readonly chunks: readonly Uint8Array[];
}

/** Runs in the background. */
export function foldRebuilt(argument: FoldRebuiltArgument, platform: Platform): void {
  const { path, chunks } = argument;
  const database = platform.openDatabase(path, { durable: false });
  try {
    const file = withSqliteErrors(path, () => new StateFile(database, path, argument));
    const slices = foldInSlices(file, changesIn(chunks), argument, sliceBytes);
    while (withSqliteErrors(path, () => slices.next().done !== true));
    platform.failpoint('rebuild.folded');
  } finally {
    database.close();
  }
}

function* changesIn(chunks: readonly Uint8Array[]): Generator<Change, void, void> {
  const cursor = new RecordCursor();
  for (const bytes of chunks) {
    cursor.reset(bytes);
    while (cursor.next()) yield changeOf(cursor);
  }
}

interface CompleteRebuiltArgument {
  readonly path: string;
  readonly directoryId: string;
  readonly task: string;
  readonly durable: boolean;
  /** Of the task's changelog. */
  readonly end: number;
}

/** Runs in the background: syncing a large file takes long. */
export function completeRebuilt(argument: CompleteRebuiltArgument, platform: Platform): void {
  const { path, durable, end } = argument;
  const database = platform.openDatabase(path, { durable: false });
  try {
    withSqliteErrors(path, () => {
      const file = new StateFile(database, path, argument);
      database.transaction(() => {
        file.setMeta('folded_offset', end);
        file.setMeta('folding_through', end);
      })();
      const [log] = database.pragma('wal_checkpoint(TRUNCATE)') as { readonly busy: number }[];
      assert(log?.busy === 0, 'nobody else has the new state file open');
    });
  } finally {
    database.close();
  }
  if (durable) {
    const file = platform.files.open(path, 'write'); // nobody has it open: no lock is lost
    file.sync();
    file.close();
  }
  platform.failpoint('rebuild.completed');
}

/**
 * Migrations: before a task runs, its state is brought to the versions that the job declares.
 *
 *   changelog   | drop | begin all | entries | entries | ... | finish all |
 *               what an attempt                                one commit: the new stores take
 *               before has left                                the places of the old ones
 *
 * The old stores are only read, from the tables, where all is folded first; the new ones are
 * unfinished, and seen by nobody, until the last commit makes all of them valid at once. A crash, a
 * stop or a failure before that leaves the state as it was, and the next attempt begins anew.
 *
 * Each portion is one turn of the event loop and one commit. What is committed is folded meanwhile,
 * and waited for where it becomes too much.
 */
import { type Broker, type Claim, positiveHash } from '../broker/index.ts';
import { isMillraceError, openDatabaseInMemory, type Platform } from '../platform/index.ts';
import {
  type Change,
  foldInSlices,
  keyGroups,
  Origins,
  type OutdatedStore,
  StateFile,
  StoreMigration,
  storeKey,
} from '../state/index.ts';
import { Folding, type FoldingOptions } from './folding.ts';
import { StateCommits } from './state-commits.ts';

export interface MigrationOptions {
  readonly broker: Broker;
  readonly platform: Platform;
  readonly claim: Claim;
  readonly changelog: string;
  /** Stores of an attempt that was not finished. */
  readonly unfinished: readonly number[];
  /** The highest number that a store has had in the changelog. */
  readonly lastStore: number;
  readonly outdated: readonly OutdatedStore[];
  /** The tables, and how they are folded; undefined where the changelog holds all state. */
  readonly folded: FoldedTables | undefined;
  /** Ends the migration between two portions. */
  readonly signal: AbortSignal;
  /** All that the changelog has. */
  changes(): Iterable<Change>;
  /** Told of failures that do not end the migration. */
  onError(error: unknown): void;
  /** Told how far it is. */
  onProgress(progress: string): void;
}

export interface FoldedTables
  extends Pick<FoldingOptions, 'statePath' | 'durable' | 'intervalMs' | 'cpuShare'>,
    Pick<FoldingOptions, 'bytesEager' | 'bytesMax' | 'walBytesMax'> {
  readonly file: StateFile;
}

const sliceBytes = 256 * 1024;

/**
 * Brings all outdated stores to their newest versions. Returns the claim as of the last commit;
 * undefined where `signal` came first. Fails with `USER_FUNCTION`, `ENCODE` or `DECODE` where a
 * migration of the job does.
 */
export async function migrateState(options: MigrationOptions): Promise<Claim | undefined> {
  const migration = new Migration(options);
  try {
    return await migration.run();
  } finally {
    await migration.close();
  }
}

class Migration {
  readonly #options: MigrationOptions;
  readonly #commits: StateCommits;
  readonly #folding: Folding | undefined;
  #wake: () => void = () => {};
  #fenced: unknown;
  /** It is tried again after its interval. */
  #foldFailed = false;

  constructor(options: MigrationOptions) {
    const { broker, platform, claim, changelog, folded, signal } = options;
    this.#options = options;
    this.#commits = new StateCommits(broker, platform.clock, claim, changelog);
    this.#folding = folded === undefined ? undefined : this.#openFolding(folded);
    signal.addEventListener('abort', this.#onAbort);
  }

  async run(): Promise<Claim | undefined> {
    const { platform, unfinished, onProgress } = this.#options;
    onProgress('migration: what is not folded yet is folded first');
    const drops = unfinished.map((number) => ({ key: storeKey(number), value: null }));
    if (drops.length > 0) await this.#commit(drops);
    const tables = await this.#tables();
    if (tables === undefined) return undefined;
    const stores = this.#storesIn(tables);
    await this.#commit(stores.map((store) => store.begin()));
    platform.failpoint('migration.begun');
    for (const [i, store] of stores.entries()) {
      if (!(await this.#copy(store, `${i + 1} of ${stores.length}`))) return undefined;
    }
    await this.#commit(stores.flatMap((store) => store.finish()));
    platform.failpoint('migration.finished');
    return this.#commits.claim;
  }

  async close(): Promise<void> {
    this.#options.signal.removeEventListener('abort', this.#onAbort);
    await this.#folding?.close();
  }

  /** Undefined where it was ended before all was folded. */
  async #tables(): Promise<Tables | undefined> {
    const { folded } = this.#options;
    if (folded === undefined) return this.#foldInMemory();
    if (!(await this.#until(() => this.#folding?.isDone !== false))) return undefined;
    // What had these numbers before is neither in the tables nor in the changelog any more: so
    // attempts that fail again and again do not use all of them up.
    return { file: folded.file, lastNumber: Math.max(0, ...folded.file.stores().keys()) };
  }

  async #foldInMemory(): Promise<Tables> {
    const { broker, claim, changelog, changes, lastStore } = this.#options;
    const { task, incarnation } = claim;
    const file = new StateFile(openDatabaseInMemory(), changelog, { directoryId: broker.id, task });
    const through = broker.endOf({ topic: changelog, partition: 0 });
    const range = { from: 0, through, incarnation };
    for (const _ of foldInSlices(file, changes(), range, sliceBytes)) await this.#turn();
    return { file, lastNumber: lastStore };
  }

  #storesIn({ file, lastNumber }: Tables): StoreMigration[] {
    const origins = new Origins(file.database);
    const keyGroupOf = (bytes: Uint8Array) => positiveHash(bytes) % keyGroups;
    return this.#options.outdated.map((store, i) => {
      const number = lastNumber + 1 + i;
      return new StoreMigration({ file, store, number, origins, keyGroupOf });
    });
  }

  /** False where it was ended before. */
  async #copy(store: StoreMigration, which: string): Promise<boolean> {
    const { platform, onProgress } = this.#options;
    for (;;) {
      const percent = Math.floor(store.share * 100);
      onProgress(
        `migration: state "${store.name}" (${which}), ${percent} %, ${store.entries} entries`,
      );
      if (!(await this.#until(() => this.#folding?.isFull !== true))) return false;
      const changes = store.next();
      if (changes.length === 0) return true;
      await this.#commit(changes);
      platform.failpoint('migration.committed');
      await this.#turn();
    }
  }

  async #commit(changes: readonly Change[]): Promise<void> {
    const { batches, end } = await this.#commits.commit(changes);
    this.#folding?.add(batches, end);
  }

  /** Until folding has come so far; false where `signal` comes first. */
  async #until(isSo: () => boolean): Promise<boolean> {
    for (;;) {
      if (this.#fenced !== undefined) throw this.#fenced;
      if (this.#options.signal.aborted) return false;
      if (isSo()) return true;
      if (!this.#foldFailed) this.#folding?.hurry();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #openFolding({ file, ...settings }: FoldedTables): Folding {
    const { broker, platform, claim, changelog } = this.#options;
    return new Folding({
      ...{ broker, platform, claim, changelog, ...settings },
      foldedOffset: file.foldedOffset,
      onFolded: () => {
        this.#foldFailed = false;
      },
      onError: (error) => {
        this.#foldFailed = true;
        if (isMillraceError(error, 'FENCED')) this.#fenced = error;
        else this.#options.onError(error);
        this.#wake();
      },
      onRoom: () => this.#wake(),
    });
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => this.#options.platform.clock.soon(resolve));
  }

  readonly #onAbort = (): void => this.#wake();
}

interface Tables {
  readonly file: StateFile;
  /** New stores get higher numbers. */
  readonly lastNumber: number;
}

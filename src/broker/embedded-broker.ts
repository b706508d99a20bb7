/** The broker in a directory: opens it, keeps house while it is open, and leaves it clean. */
import {
  checkChoice,
  checkNumbers,
  checkOptions,
  messageOf,
  type Platform,
} from '../platform/index.ts';
import type { Broker, BrokerStatus } from './broker.ts';
import type { EmbeddedStore } from './embedded-store.ts';
import { Heartbeat } from './heartbeat.ts';
import { Housekeeper } from './housekeeper.ts';
import { LogBroker } from './log-broker.ts';
import { openStore, requireDirectory } from './open-store.ts';

/** How much of a directory survives: a power cut, or only the end of the process. */
export type Durability = (typeof durabilities)[number];

export const durabilities = ['disk', 'process'] as const;

export interface EmbeddedBrokerOptions {
  /**
   * Default `disk`: a commit has been synced before it is acknowledged. `process` survives a killed
   * process only.
   */
  readonly durability?: Durability;
  /** Make the directory where there is none. Default true. */
  readonly create?: boolean;
  /** Size of a journal file in bytes, header included. Default 64 MiB. */
  readonly journalFileBytes?: number;
  /** Appends of this many bytes and more to a partition go straight to a segment. Default 1 MiB. */
  readonly largeBytes?: number;
  /** Batches just written that are kept in memory for readers, in bytes. Default 32 MiB. */
  readonly recentBytesMax?: number;
  /** How long a commit waits for another process to give up the lock, in ms. Default 30,000. */
  readonly lockTimeoutMs?: number;
  /** How often the journal is looked at where the file watch stayed silent, in ms. Default 100. */
  readonly pollMs?: number;
  /** After how long without an append the journal is sealed, in ms. Default 100. */
  readonly sealAfterMs?: number;
  /**
   * Told of failed housekeeping (sorting, saving the catalogue), which is tried again. Default:
   * keep quiet.
   */
  readonly onHousekeepingError?: (error: unknown) => void;
}

type Settings = Required<EmbeddedBrokerOptions>;

export const brokerDefaults: Settings = {
  durability: 'disk',
  create: true,
  journalFileBytes: 64 * 1024 * 1024,
  largeBytes: 1024 * 1024,
  recentBytesMax: 32 * 1024 * 1024,
  lockTimeoutMs: 30_000,
  pollMs: 100,
  sealAfterMs: 100,
  onHousekeepingError: () => {},
};

/** Bytes of appends gathered into one entry, at most. */
const entryBytesMax = 8 * 1024 * 1024;

/**
 * Opens the log in `directory`, making it where there is none.
 *
 * Fails with `DIRECTORY` (newer format, read-only, network file system), `DAMAGED` (acknowledged
 * bytes are damaged; says where), `FILE_MISMATCH` (a file is missing, older than the others, or
 * from elsewhere; says which).
 */
export async function openBroker(
  platform: Platform,
  directory: string,
  options: EmbeddedBrokerOptions = {},
): Promise<Broker> {
  checkBrokerOptions(options);
  const settings = { ...brokerDefaults, ...options };
  requireDirectory(platform, directory, settings);
  const { id, store } = await openStore(platform, directory, settings);
  try {
    return new EmbeddedBroker({ platform, directory, id, store, settings });
  } catch (error) {
    store.close();
    throw error;
  }
}

interface EmbeddedParts {
  readonly platform: Platform;
  readonly directory: string;
  readonly id: string;
  readonly store: EmbeddedStore;
  readonly settings: Settings;
}

class EmbeddedBroker extends LogBroker {
  readonly #parts: EmbeddedParts;
  readonly #heartbeat: Heartbeat;
  readonly #housekeeper: Housekeeper;
  readonly #housekeepingLock: { close(): void };
  #sealTimer: { cancel(): void } | undefined;
  #sequenceAtTimer = 0;
  #housekeepingError: unknown;
  #closing: Promise<void> | undefined;

  constructor(parts: EmbeddedParts) {
    const { platform, directory, id, store, settings } = parts;
    const heartbeat = new Heartbeat(platform, directory);
    super({
      id,
      store,
      clock: platform.clock,
      committer: {
        entryBytesMax: Math.min(entryBytesMax, store.journal.entryBytesMax),
        lockTimeoutMs: settings.lockTimeoutMs,
        running: () => platform.background.running,
      },
      holder: heartbeat.holder,
      isLive: (holder) => heartbeat.isLive(holder),
    });
    this.#parts = parts;
    this.#heartbeat = heartbeat;
    const lock = platform.openLock(`${directory}/housekeeping.db`);
    this.#housekeepingLock = lock;
    this.#housekeeper = new Housekeeper({
      platform,
      directory,
      directoryId: id,
      durable: settings.durability === 'disk',
      journalFileBytes: settings.journalFileBytes,
      instance: heartbeat.holder.instance,
      lock,
      store,
      committer: this.committer,
      onError: (error) => {
        this.#housekeepingError = error;
        settings.onHousekeepingError(error);
      },
    });
    this.listen(() => this.#afterEntries());
    this.#housekeeper.wake();
  }

  override status(): BrokerStatus {
    const status = super.status();
    if (this.#housekeepingError === undefined) return status;
    return { ...status, housekeepingError: messageOf(this.#housekeepingError) };
  }

  override close(): Promise<void> {
    this.#closing ??= this.#closeOnce();
    return this.#closing;
  }

  async #closeOnce(): Promise<void> {
    this.#sealTimer?.cancel();
    await this.#housekeeper.settle();
    try {
      await this.#seal();
      await this.committer.close();
      await this.#housekeeper.save();
    } finally {
      await super.close();
      this.#housekeepingLock.close();
      this.#heartbeat.close();
    }
  }

  #afterEntries(): void {
    this.#housekeeper.wake();
    if (this.#sealTimer === undefined && this.#parts.store.wroteLast) this.#waitToSeal();
  }

  /**
   * A seal behind the last entry, once nothing was appended for a while: then damage to that entry
   * is noticed.
   */
  #waitToSeal(): void {
    const { platform, store, settings } = this.#parts;
    this.#sequenceAtTimer = store.catalogue.applied;
    this.#sealTimer = platform.clock.after(settings.sealAfterMs, () => {
      this.#sealTimer = undefined;
      if (store.catalogue.applied !== this.#sequenceAtTimer) return this.#afterEntries();
      this.#seal().catch(() => {}); // whoever commits next meets the same failure
    });
  }

  async #seal(): Promise<void> {
    const { store } = this.#parts;
    await this.committer.submitAlone(() => ({
      operations: store.wroteLast && !store.sealed ? [{ kind: 'seal' as const }] : [],
      answer: undefined,
    }));
  }
}

function checkBrokerOptions(options: EmbeddedBrokerOptions): void {
  const { durability = brokerDefaults.durability } = options;
  checkOptions('openBroker()', options, Object.keys(brokerDefaults));
  checkChoice('durability of openBroker()', durability, durabilities);
  const numbers = Object.entries(brokerDefaults).filter(([, value]) => typeof value === 'number');
  checkNumbers(
    'openBroker()',
    options,
    numbers.map(([name]) => name),
  );
}

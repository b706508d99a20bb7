/**
 * The log of a directory for somebody who only reads, and not for long: no heartbeat, no
 * housekeeping, nothing follows by itself. It stands at one entry of the journal until it is moved.
 */
import { isMillraceError, type Platform } from '../platform/index.ts';
import type { Batches, TaskDescription, TopicPartition } from './broker.ts';
import { describeTask } from './descriptions.ts';
import { brokerDefaults } from './embedded-broker.ts';
import type { EmbeddedStore } from './embedded-store.ts';
import { isHolderLive } from './heartbeat.ts';
import { openStore, requireDirectory } from './open-store.ts';
import { PartitionReader } from './partition-reader.ts';
import { partitionOfCatalogue } from './requests.ts';

/** How far a task has come. */
export interface TaskProgress {
  readonly task: string;
  /** Of its last commit; 0 before the first. */
  readonly epoch: number;
}

/**
 * Opens the log in `directory`, which must exist. Fails as `openBroker` does.
 */
export async function openLogView(platform: Platform, directory: string): Promise<LogView> {
  requireDirectory(platform, directory, { create: false });
  const { id, store } = await openStore(platform, directory, brokerDefaults);
  return new LogView({ platform, directory, id, store });
}

interface LogViewParts {
  readonly platform: Platform;
  readonly directory: string;
  readonly id: string;
  readonly store: EmbeddedStore;
}

export class LogView {
  /** Of the directory. */
  readonly id: string;
  readonly #parts: LogViewParts;
  readonly #store: EmbeddedStore;

  constructor(parts: LogViewParts) {
    this.id = parts.id;
    this.#parts = parts;
    this.#store = parts.store;
  }

  /** Moves to the last entry: everything that has been acknowledged by now. */
  refresh(): void {
    this.#store.followAndSync();
  }

  /** The tasks that were ever claimed. */
  get tasks(): readonly TaskProgress[] {
    return [...this.#store.catalogue.tasks].map(([task, { epoch }]) => ({ task, epoch }));
  }

  /** As `Broker.describeTask`; this is nobody's holder. */
  describeTask(task: string): TaskDescription | undefined {
    const { platform, directory, store } = this.#parts;
    return describeTask(store.catalogue, task, (holder) => ({
      ...holder,
      isLive: isHolderLive(platform, directory, holder),
      isThis: false,
    }));
  }

  /** The next offset to be written. Fails with `TOPIC_MISSING`. */
  endOf(partition: TopicPartition): number {
    return partitionOfCatalogue(this.#store.catalogue, partition).state.end;
  }

  /** Offsets of a topic's first partition; undefined where there is no such topic. */
  boundsOf(topic: string): { readonly start: number; readonly end: number } | undefined {
    const { topics, topicIds } = this.#store.catalogue;
    const partition = topics.get(topicIds.get(topic) ?? 0)?.partitions[0];
    return partition === undefined ? undefined : { start: partition.start, end: partition.end };
  }

  /**
   * As `Broker.read`, of a topic's first partition. Where what is read was moved meanwhile, this
   * moves on, and finds it.
   */
  read(topic: string, offset: number, bytesMax: number): Batches | undefined {
    for (;;) {
      try {
        const of = partitionOfCatalogue(this.#store.catalogue, { topic, partition: 0 });
        return new PartitionReader(this.#store, of.topic, 0, of.state).read(offset, bytesMax);
      } catch (error) {
        const moved = isMillraceError(error, 'FILE_MISMATCH') && this.#store.followAndSync();
        if (!moved) throw error;
      }
    }
  }

  close(): void {
    this.#store.close();
  }
}

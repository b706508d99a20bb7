/**
 * A view of the log that follows it: what every broker answers from its own catalogue, whoever it
 * is that writes. Everything here is synchronous and as of the last entry that was applied.
 */
import { isMillraceError } from '../platform/index.ts';
import type { Batches, TopicDescription, TopicPartition } from './broker.ts';
import { type Catalogue, partitionKey } from './catalogue.ts';
import { describeTopic } from './descriptions.ts';
import type { EntryStore } from './entry-store.ts';
import { PartitionReader } from './partition-reader.ts';
import { partitionOfCatalogue } from './requests.ts';

export class LogFollower {
  readonly id: string;
  readonly #store: EntryStore;
  readonly #listeners = new Set<() => void>();
  /** Readers by the state of their partition; a reloaded catalogue has new ones. */
  readonly #readers = new WeakMap<object, PartitionReader>();
  #failure: unknown;

  constructor(id: string, store: EntryStore) {
    this.id = id;
    this.#store = store;
  }

  describeTopic(name: string): TopicDescription | undefined {
    const topic = this.catalogue.topics.get(this.catalogue.topicIds.get(name) ?? 0);
    return topic === undefined ? undefined : describeTopic(topic);
  }

  listTopics(): TopicDescription[] {
    return [...this.catalogue.topics.values()]
      .filter((topic) => !topic.internal)
      .map(describeTopic)
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  positionOf(task: string, { topic, partition }: TopicPartition): number | undefined {
    const key = partitionKey(this.catalogue.topicIds.get(topic) ?? 0, partition);
    return this.catalogue.tasks.get(task)?.positions.get(key)?.offset;
  }

  endOf(partition: TopicPartition): number {
    return partitionOfCatalogue(this.catalogue, partition).state.end;
  }

  startOf(partition: TopicPartition): number {
    return partitionOfCatalogue(this.catalogue, partition).state.start;
  }

  offsetAtTimestamp(partition: TopicPartition, timestamp: number): number {
    return this.#whereItLies(() => this.#readerOf(partition).offsetAtTimestamp(timestamp));
  }

  read(partition: TopicPartition, offset: number, bytesMax: number): Batches | undefined {
    this.requireView();
    return this.#whereItLies(() => this.#readerOf(partition).read(offset, bytesMax));
  }

  subscribe(onChange: () => void): { close(): void } {
    const listener = () => onChange(); // so that one function may subscribe twice
    this.#listeners.add(listener);
    return { close: () => this.#listeners.delete(listener) };
  }

  protected get catalogue(): Catalogue {
    return this.#store.catalogue;
  }

  /**
   * Applies what others have appended and wakes the subscribers. A failure is met again, and
   * reported, by whoever reads or commits next.
   */
  protected follow(): void {
    try {
      if (this.#store.follow()) this.notify();
    } catch (error) {
      this.#failure = error;
      this.notify();
    }
  }

  /** Fails with what made following fail. */
  protected requireView(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  protected notify(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  protected closeView(): void {
    this.#listeners.clear();
    this.#store.close();
  }

  /**
   * Another process may have moved what is read to another file: then an entry says where, although
   * perhaps no mark does, for its writer may have died before that.
   */
  #whereItLies<Result>(read: () => Result): Result {
    for (;;) {
      try {
        return read();
      } catch (error) {
        if (!isMillraceError(error, 'FILE_MISMATCH') || !this.#store.followAndSync()) throw error;
      }
    }
  }

  #readerOf(partition: TopicPartition): PartitionReader {
    const { topic, state } = partitionOfCatalogue(this.catalogue, partition);
    const known = this.#readers.get(state);
    if (known !== undefined) return known;
    const reader = new PartitionReader(this.#store, topic, partition.partition, state);
    this.#readers.set(state, reader);
    return reader;
  }
}

/**
 * What members ask of the log, checked against the catalogue and turned into operations.
 *
 * A request is refused (a MillraceError) or becomes operations of the next entry. Appends and
 * commits are gathered into one entry: `Overlay` keeps what the entry will have done so far, so
 * that offsets follow on. Everything else goes alone, and so sees a catalogue with nothing pending.
 */
import { type Clock, MillraceError } from '../platform/index.ts';
import type { Append, Appended, Commit, ProducerSequence, TopicPartition } from './broker.ts';
import { type Catalogue, type PartitionState, partitionKey, type TopicState } from './catalogue.ts';
import type { AppendOperation, Operation, ProducedOperation, TopicPosition } from './operation.ts';

/** A request that may share its entry with others. */
export type SharedRequest =
  | {
      readonly kind: 'append';
      readonly appends: readonly Append[];
      readonly producer: ProducerSequence | undefined;
    }
  | { readonly kind: 'commit'; readonly commit: Commit };

/** One append with the operation it became. */
export interface PlannedAppend {
  readonly operation: AppendOperation;
  readonly batches: Uint8Array;
}

/**
 * What a request turns into: its operations, the bytes of its appends, and the answer once it is
 * durable.
 */
export interface Plan {
  readonly before: readonly Exclude<Operation, AppendOperation>[];
  readonly appends: readonly PlannedAppend[];
  readonly answer: readonly Appended[];
}

/**
 * Ends of partitions, and members seen, as they will be once the entry that is being gathered is
 * applied.
 */
export class Overlay {
  readonly #catalogue: Catalogue;
  readonly #clock: Clock;
  readonly #ends = new Map<string, number>();
  readonly #members = new Set<string>();

  constructor(catalogue: Catalogue, clock: Clock) {
    this.#catalogue = catalogue;
    this.#clock = clock;
  }

  /** Whether the request must wait for the next entry: its member has one in this entry already. */
  mustWait(request: SharedRequest): boolean {
    const member = memberOf(request);
    return member !== undefined && this.#members.has(member);
  }

  /** Throws what refuses the request; nothing of it is in the entry then. */
  plan(request: SharedRequest): Plan {
    const plan =
      request.kind === 'commit'
        ? this.#planCommit(request.commit)
        : this.#planAppend(request.appends, request.producer);
    const member = memberOf(request);
    if (member !== undefined) this.#members.add(member);
    return plan;
  }

  #planCommit(commit: Commit): Plan {
    const task = this.#catalogue.tasks.get(commit.task);
    if (task === undefined || task.incarnation !== commit.incarnation) {
      throw fenced(commit.task, commit.incarnation, task?.incarnation);
    }
    if (commit.epoch !== task.epoch + 1) {
      throw new MillraceError(
        'FENCED',
        `Task "${commit.task}" commits epoch ${commit.epoch}, but epoch ${task.epoch + 1} is ` +
          `next: ` +
          'what it commits does not follow from what is committed. Claim the task and recover.',
      );
    }
    for (const { task: other, incarnation: its } of commit.requires ?? []) {
      const newest = this.#catalogue.tasks.get(other)?.incarnation;
      if (newest !== its) throw fenced(other, its, newest);
    }
    const positions = commit.positions.map((position) => this.#position(commit.task, position));
    const logStarts = (commit.logStarts ?? []).map((of) => this.#position(commit.task, of));
    const planned = this.#planAll(commit.appends);
    const { task: name, incarnation, epoch, clockMs } = commit;
    return {
      ...planned,
      before: [
        { kind: 'commit', task: name, incarnation, epoch, clockMs, positions },
        ...logStarts.map((of) => ({ kind: 'logStart' as const, ...of })),
      ],
    };
  }

  #planAppend(appends: readonly Append[], producer: ProducerSequence | undefined): Plan {
    if (producer === undefined) return { before: [], ...this.#planAll(appends) };
    const known = this.#catalogue.producers.get(producer.id);
    if (known?.sequence === producer.sequence) {
      return { before: [], appends: [], answer: this.#answersOf(known.appends) };
    }
    if (producer.sequence !== (known?.sequence ?? producer.sequence - 1) + 1) {
      throw new MillraceError(
        'INVALID',
        `Producer "${producer.id}" sends sequence ${producer.sequence} after ${known?.sequence}. ` +
          'Sequences follow one another without gaps, and only the last one may be repeated.',
      );
    }
    const produced: ProducedOperation = {
      kind: 'produced',
      producer: producer.id,
      sequence: producer.sequence,
      appends: appends.length,
    };
    return { before: [produced], ...this.#planAll(appends) };
  }

  #answersOf(appends: readonly AppendOperation[]): Appended[] {
    return appends.map(({ topic, partition, baseOffset, recordCount }) => ({
      topic: this.#catalogue.topics.get(topic)?.name ?? '',
      partition,
      baseOffset,
      recordCount,
    }));
  }

  #position(task: string, position: TopicPartition & { readonly offset: number }): TopicPosition {
    const { topic, state } = partitionOfCatalogue(this.#catalogue, position);
    if (position.offset > state.end || position.offset < 0) {
      throw new MillraceError(
        'OFFSET_OUT_OF_RANGE',
        `Task "${task}" moves to offset ${position.offset} of ` +
          `${position.topic}/${position.partition}, ` +
          `which ends at ${state.end}.`,
      );
    }
    return { topic: topic.id, partition: position.partition, offset: position.offset };
  }

  #planAll(appends: readonly Append[]): { appends: PlannedAppend[]; answer: Appended[] } {
    // All are checked before the end of any moves.
    const checked = appends.map((append) => ({ append, ...this.#check(append) }));
    const planned: PlannedAppend[] = [];
    const answer: Appended[] = [];
    for (const { append, topic, state } of checked) {
      const { partition, recordCount, maxTimestamp, batches } = append;
      const key = partitionKey(topic.id, partition);
      const baseOffset = this.#ends.get(key) ?? state.end;
      this.#ends.set(key, baseOffset + recordCount);
      planned.push({
        batches,
        operation: {
          kind: 'append',
          topic: topic.id,
          partition,
          baseOffset,
          recordCount,
          maxTimestamp,
          length: batches.length,
          place: undefined,
        },
      });
      answer.push({ topic: append.topic, partition, baseOffset, recordCount });
    }
    return { appends: planned, answer };
  }

  #check(append: Append): { topic: TopicState; state: PartitionState } {
    const found = partitionOfCatalogue(this.#catalogue, append);
    checkNotFuture(append.maxTimestamp, found.topic, this.#clock.now());
    return found;
  }
}

/** Fails with `INVALID` for a timestamp further in the future than the topic allows. */
export function checkNotFuture(
  timestamp: number,
  topic: { readonly name: string; readonly futureTimestampsMaxMs: number },
  now: number,
): void {
  if (!(timestamp > now + topic.futureTimestampsMaxMs)) return;
  throw new MillraceError(
    'INVALID',
    `A record for topic "${topic.name}" has the timestamp ${isoOf(timestamp)}, which lies ` +
      `further in the future than the topic's limit (${topic.futureTimestampsMaxMs} ms): it ` +
      'would end event time. Correct the timestamp (they are milliseconds), or make the topic ' +
      'with a larger futureTimestampsMaxMs.',
  );
}

function memberOf(request: SharedRequest): string | undefined {
  if (request.kind === 'commit') return `task ${request.commit.task}`;
  return request.producer === undefined ? undefined : `producer ${request.producer.id}`;
}

export function fenced(
  task: string,
  incarnation: number,
  newest: number | undefined,
): MillraceError {
  return new MillraceError(
    'FENCED',
    `Task "${task}" was claimed by another member (incarnation ${newest ?? 'none'}, this one ` +
      `is ${incarnation}). ` +
      'This member must stop; what it has not committed is void.',
  );
}

/** Fails with `TOPIC_MISSING`, or `INVALID` for a partition that the topic does not have. */
export function partitionOfCatalogue(
  catalogue: Catalogue,
  { topic: name, partition }: TopicPartition,
): { topic: TopicState; state: PartitionState } {
  const topic = topicOfCatalogue(catalogue, name);
  const state = topic.partitions[partition];
  if (state !== undefined) return { topic, state };
  throw new MillraceError(
    'INVALID',
    `Topic "${name}" has no partition ${partition}; it has ${topic.partitions.length} (0 to ` +
      `${topic.partitions.length - 1}).`,
  );
}

export function topicOfCatalogue(catalogue: Catalogue, name: string): TopicState {
  const topic = catalogue.topics.get(catalogue.topicIds.get(name) ?? 0);
  if (topic !== undefined) return topic;
  throw new MillraceError(
    'TOPIC_MISSING',
    `There is no topic "${name}". Make it with createTopic("${name}") or: millrace topics ` +
      `create ${name} --partitions 4`,
  );
}

function isoOf(timestamp: number): string {
  return Math.abs(timestamp) <= 8.64e15 ? new Date(timestamp).toISOString() : String(timestamp);
}

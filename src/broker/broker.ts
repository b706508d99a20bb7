/**
 * The log as its users see it: topics made of partitions, tasks that claim and commit, readers that
 * follow.
 *
 * Three implementations, one contract suite (test/contracts/broker.ts): `MemoryBroker`,
 * `EmbeddedBroker`, and `ThreadBroker`, which writes through the broker of another thread. All are
 * the pure function `apply(catalogue, entry)` around a place where entries are kept.
 *
 * Invariants that every implementation keeps:
 * - A commit is atomic: positions, outputs and changelog appear together or not at all.
 * - What a reader was shown is durable and never changes.
 * - Offsets of a partition are contiguous from its log start to its end.
 * - Of the members that claimed a task, only the newest can commit, and its epochs follow one
 *   another.
 */

/** One partition of one topic. */
export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

export interface TopicOptions {
  /** How many partitions; fixed for the life of the topic. Default 1. */
  readonly partitions?: number;
  /**
   * How far in the future a record's timestamp may lie when it is appended, in ms; a later one is
   * refused, because a single such record would end event time. Default 7 days.
   */
  readonly futureTimestampsMaxMs?: number;
}

export interface PartitionDescription {
  readonly partition: number;
  /** The first offset that can be read. */
  readonly start: number;
  /** The offset that the next record gets. */
  readonly end: number;
  /** Of its record batches, as they lie in the log. */
  readonly bytes: number;
}

/** A topic as the catalogue knows it. */
export interface TopicDescription {
  readonly name: string;
  /** From 1, never used again: a topic that was deleted and made again has another one. */
  readonly id: number;
  /** Made by the engine for itself (a changelog); hidden from listings unless asked for. */
  readonly internal: boolean;
  readonly futureTimestampsMaxMs: number;
  readonly partitions: readonly PartitionDescription[];
}

/**
 * Record batches for one partition: Kafka's format v2, back to back, encoded with base offset 0
 * onwards. The broker sets the base offsets in place, which the batch's checksum does not cover;
 * the bytes belong to it from then on.
 */
export interface Append extends TopicPartition {
  readonly batches: Uint8Array;
  readonly recordCount: number;
  /** The largest timestamp among the records, in ms. */
  readonly maxTimestamp: number;
}

/** Where an append went. */
export interface Appended extends TopicPartition {
  readonly baseOffset: number;
  readonly recordCount: number;
}

/**
 * Makes a repeated `append` harmless: the same sequence from the same id is answered, not written
 * again.
 */
export interface ProducerSequence {
  readonly id: string;
  /** Counts this producer's appends from 0, without gaps. */
  readonly sequence: number;
}

/** The next offset to read from a partition. */
export interface Position extends TopicPartition {
  readonly offset: number;
}

export interface ClaimOptions {
  /** Fence off a live holder instead of failing with `TASK_HELD`. Default false. */
  readonly takeOver?: boolean;
}

/** What the newest member of a task needs to go on where the last one committed. */
export interface Claim {
  readonly task: string;
  readonly incarnation: number;
  /**
   * The epoch of the last commit; the first one is 1, and the next commit must carry `epoch + 1`.
   */
  readonly epoch: number;
  /** Empty for a task that never committed. */
  readonly positions: readonly Position[];
  /** The clock reading of the last commit, ms since the epoch; 0 before the first. */
  readonly clockMs: number;
}

/** The process that has claimed a task. */
export interface TaskHolder {
  /** Random id of the opened broker. */
  readonly instance: string;
  readonly pid: number;
  readonly host: string;
  /** Whether it lives, as far as this process can see now. */
  readonly isLive: boolean;
  /** Whether it is the broker that was asked. */
  readonly isThis: boolean;
}

/** A task that was claimed at least once. */
export interface TaskDescription {
  readonly task: string;
  readonly incarnation: number;
  /** Of the last commit; 0 before the first. */
  readonly epoch: number;
  readonly positions: readonly Position[];
  /** Who claimed it last; undefined once released. */
  readonly holder: TaskHolder | undefined;
}

export interface Commit {
  readonly task: string;
  readonly incarnation: number;
  readonly epoch: number;
  /**
   * The one clock reading that this epoch used, recorded so that the run can be repeated exactly.
   */
  readonly clockMs: number;
  /** Only those that moved. */
  readonly positions: readonly Position[];
  /** Outputs and the task's changelog. */
  readonly appends: readonly Append[];
  /** What lies before may be removed: of topics that nobody but the task reads. Default: none. */
  readonly logStarts?: readonly Position[];
  /** Other claims that must be the newest of their tasks still, else this is fenced too. */
  readonly requires?: readonly { readonly task: string; readonly incarnation: number }[];
}

/**
 * Record batches as they lie in the log; `bytes` is not changed or used again while anything refers
 * to it.
 */
export interface Batches {
  readonly bytes: Uint8Array;
  /** Where a byte of `bytes` lies, for errors: `byte 4711 of sorted-7.log (topic cups, ...)`. */
  readonly placeOf: (byte: number) => string;
}

/** What a broker tells about itself. */
export interface BrokerStatus {
  /** Entries in the journal so far. */
  readonly sequence: number;
  /** Commits of tasks by this process since it opened. */
  readonly commits: number;
  /** Bytes appended by this process since it opened. */
  readonly bytesAppended: number;
  /**
   * The slowest answer of this process's committer since it opened, from the request to the commit,
   * in ms, and where most of that time went.
   */
  readonly worstStall: { readonly ms: number; readonly cause: string };
  /** Why sorting or saving the catalogue failed last; it is tried again. */
  readonly housekeepingError?: string;
}

export interface Broker {
  /** Names the directory; state files carry it, so that one from elsewhere is noticed. */
  readonly id: string;

  /** Fails with `TOPIC_EXISTS`, or `INVALID` for a name that Kafka would not take. */
  createTopic(
    name: string,
    options?: TopicOptions & { readonly internal?: boolean },
  ): Promise<void>;
  /** Fails with `TOPIC_MISSING`. The records are gone at once, the bytes later. */
  deleteTopic(name: string): Promise<void>;
  /** Undefined where there is no such topic. As of the last entry that this process has seen. */
  describeTopic(name: string): TopicDescription | undefined;
  /** By name; internal ones are left out. */
  listTopics(): TopicDescription[];

  /**
   * Resolves after the records are durable and visible. All appends of a call are one commit.
   *
   * Fails with `TOPIC_MISSING`, or `INVALID` (a partition that the topic does not have, a timestamp
   * too far in the future, a sequence that does not follow); with `LOCK_TIMEOUT` or `DISK_FULL`,
   * where a retry helps; with `IO`; all having written nothing. `OUTCOME_UNKNOWN`: a sync failed.
   */
  append(appends: readonly Append[], producer?: ProducerSequence): Promise<readonly Appended[]>;

  /**
   * Becomes the task's newest member. Fails with `TASK_HELD` while another live member holds it.
   */
  claim(task: string, options?: ClaimOptions): Promise<Claim>;
  /**
   * Undefined for a task that was never claimed. As of the last entry that this process has seen;
   * whether the holder lives is looked at now.
   */
  describeTask(task: string): TaskDescription | undefined;
  /**
   * Where a task goes on with a partition; undefined where it has committed no position. As of the
   * last entry that this process has seen.
   */
  positionOf(task: string, partition: TopicPartition): number | undefined;
  /**
   * Fails with `FENCED` once another member has claimed the task, or where the epoch is not the
   * next one; with `OFFSET_OUT_OF_RANGE` for a position beyond the log's end; else as `append`
   * does.
   */
  commit(commit: Commit): Promise<readonly Appended[]>;
  /**
   * Calls `run` while nobody else can claim the task: for what must not be done by a zombie. It is
   * synchronous and short, for nothing is committed meanwhile. Fails with `FENCED`, or as `run`
   * does.
   */
  whileNewest<Result>(
    claim: { readonly task: string; readonly incarnation: number },
    run: () => Result,
  ): Promise<Result>;
  /** Lets another member claim the task at once. */
  release(claim: { readonly task: string; readonly incarnation: number }): Promise<void>;
  /**
   * Moves a partition's log start: what lies before it may be removed. `claim` guards a task's own
   * changelog.
   */
  deleteRecordsBefore(
    position: Position,
    claim?: { readonly task: string; readonly incarnation: number },
  ): Promise<void>;

  /**
   * The next offset to be written, as of the last entry that this process has seen.
   * `TOPIC_MISSING`.
   */
  endOf(partition: TopicPartition): number;
  /** The first offset that can be read. `TOPIC_MISSING`. */
  startOf(partition: TopicPartition): number;
  /**
   * The offset of the first record with this timestamp or a later one; the end where there is none.
   */
  offsetAtTimestamp(partition: TopicPartition, timestamp: number): number;
  /**
   * Whole batches from the one that holds `offset` (so a reader skips the records before it) up to
   * about `bytesMax`, at least one; undefined at the end. Fails with `OFFSET_OUT_OF_RANGE` before
   * the log's start.
   */
  read(partition: TopicPartition, offset: number, bytesMax: number): Batches | undefined;
  /** Calls `onChange` after entries were applied, by this process or another, until closed. */
  subscribe(onChange: () => void): { close(): void };

  status(): BrokerStatus;
  /** Finishes what was handed in; everything later fails with `CLOSED`. */
  close(): Promise<void>;
}

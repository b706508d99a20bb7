/**
 * What an entry of the journal does. An entry is a list of operations that happen together; the
 * catalogue is what they amount to (`apply` in catalogue.ts), and everything else on disk can be
 * made again from them.
 */
import type { FileRef } from './file-ref.ts';
import type { Range } from './ranges.ts';

/** The process that holds a task, so that others can tell whether it still lives. */
export interface Holder {
  /** Random id of the opened broker. */
  readonly instance: string;
  readonly pid: number;
  readonly host: string;
}

/**
 * Record batches for one partition, in the entry itself or in a segment that was made durable
 * before it.
 */
export interface AppendOperation {
  readonly kind: 'append';
  readonly topic: number;
  readonly partition: number;
  readonly baseOffset: number;
  readonly recordCount: number;
  readonly maxTimestamp: number;
  /** Bytes. */
  readonly length: number;
  /** Where the batches lie; undefined until the entry that carries them has its place. */
  readonly place: Place | undefined;
}

export interface Place {
  readonly file: FileRef;
  readonly position: number;
}

export interface TopicPosition {
  readonly topic: number;
  readonly partition: number;
  readonly offset: number;
}

/** A task's epoch: the appends behind it in the same entry are its outputs and its changelog. */
export interface CommitOperation {
  readonly kind: 'commit';
  readonly task: string;
  readonly incarnation: number;
  readonly epoch: number;
  readonly clockMs: number;
  readonly positions: readonly TopicPosition[];
}

/** The next appends of the entry answer this sequence of the producer. */
export interface ProducedOperation {
  readonly kind: 'produced';
  readonly producer: string;
  readonly sequence: number;
  readonly appends: number;
}

export interface ClaimOperation {
  readonly kind: 'claim';
  readonly task: string;
  readonly incarnation: number;
  readonly holder: Holder;
}

export interface ReleaseOperation {
  readonly kind: 'release';
  readonly task: string;
  readonly incarnation: number;
}

export interface CreateTopicOperation {
  readonly kind: 'createTopic';
  readonly topic: number;
  readonly name: string;
  readonly partitions: number;
  readonly internal: boolean;
  readonly futureTimestampsMaxMs: number;
}

export interface DeleteTopicOperation {
  readonly kind: 'deleteTopic';
  readonly topic: number;
}

/** Records before `offset` are gone: for a changelog, because their fold is durable. */
export interface LogStartOperation {
  readonly kind: 'logStart';
  readonly topic: number;
  readonly partition: number;
  readonly offset: number;
}

/** The ranges that lay in a journal file lie in segments now. */
export interface SortedOperation {
  readonly kind: 'sorted';
  readonly journal: number;
  readonly partitions: readonly SortedPartition[];
}

export interface SortedPartition {
  readonly topic: number;
  readonly partition: number;
  readonly ranges: readonly Range[];
}

/** The last entry of a journal file: the next one is in the file with this number and id. */
export interface RollOperation {
  readonly kind: 'roll';
  readonly journal: number;
  readonly fileId: string;
}

/**
 * Does nothing: lies behind the last entry so that damage to that one can be told from a torn
 * write.
 */
export interface SealOperation {
  readonly kind: 'seal';
}

export type Operation =
  | AppendOperation
  | CommitOperation
  | ProducedOperation
  | ClaimOperation
  | ReleaseOperation
  | CreateTopicOperation
  | DeleteTopicOperation
  | LogStartOperation
  | SortedOperation
  | RollOperation
  | SealOperation;

/** One entry: where it stands in the one order of all, and what it does. */
export interface Entry {
  /** From 1, without gaps, across all journal files. */
  readonly sequence: number;
  readonly operations: readonly Operation[];
}

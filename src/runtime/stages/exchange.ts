/** Exchanges: what lies between the stages of a job. */
import type { Codec } from '../../formats/index.ts';
import type { ErrorPolicy, WindowNode } from '../graph.ts';

/** How records get from one stage of a job to the tasks of another one. */
export interface Exchange {
  /** From 0, in the order of the steps that read them. */
  readonly index: number;
  /** Internal, named after the step that reads it; exchange-record.ts says what lies in it. */
  readonly topic: string;
  /** What reads it, as errors name it. */
  readonly reader: string;
  /** The stage that sends, and the one that receives. */
  readonly from: number;
  readonly to: number;
  /** Of the key that a record carries. */
  readonly key: Codec<unknown>;
  readonly value: Codec<unknown>;
  /** Which task gets a record: the one that owns this key, or all of them. */
  readonly by: 'key' | 'all' | PartitionedBy;
  /** The window that reads it, where it takes what others have aggregated of some records. */
  readonly window: WindowNode | undefined;
  /** The topics of the job's sources, where a record says which of theirs it came of. */
  readonly origins: readonly Origins[];
  /** How far a task's watermark is behind the record that it reads next, in ms. */
  readonly lagMs: number;
}

/** A topic of which records come, and what happens where one of them fails. */
export interface Origins {
  readonly topic: string;
  readonly onError: ErrorPolicy | undefined;
}

/** Records are shared out by something else than their key. */
export interface PartitionedBy {
  readonly of: (value: unknown) => unknown;
  readonly codec: Codec<unknown>;
  /** Whether that is the key that a record carries, instead of its stream's. */
  readonly isKey: boolean;
}

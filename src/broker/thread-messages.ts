/**
 * What a broker in a worker thread asks of the main thread, and what that answers.
 *
 * Each answer says up to which entry the main thread's log is durable, so that the thread's view
 * has what was asked for when the answer is known.
 */
import type { CopiedError } from '../platform/index.ts';
import type {
  Append,
  ClaimOptions,
  Commit,
  Position,
  ProducerSequence,
  TopicOptions,
} from './broker.ts';

/** A task and the member that asks for it. */
export interface Membership {
  readonly task: string;
  readonly incarnation: number;
}

/** A call of a method of `Broker`. */
export type BrokerCall =
  | {
      readonly kind: 'append';
      readonly appends: readonly Append[];
      readonly producer: ProducerSequence | undefined;
    }
  | { readonly kind: 'commit'; readonly commit: Commit }
  | { readonly kind: 'claim'; readonly task: string; readonly options: ClaimOptions }
  | { readonly kind: 'release'; readonly claim: Membership }
  | { readonly kind: 'whileNewest'; readonly claim: Membership; readonly gate: SharedArrayBuffer }
  | {
      readonly kind: 'createTopic';
      readonly name: string;
      readonly options: TopicOptions & { readonly internal?: boolean };
    }
  | { readonly kind: 'deleteTopic'; readonly name: string }
  | {
      readonly kind: 'deleteRecordsBefore';
      readonly position: Position;
      readonly claim: Membership | undefined;
    };

export interface BrokerRequest {
  readonly id: number;
  readonly call: BrokerCall;
}

export type BrokerReply =
  /** Entries up to `sequence` are durable; the first message, and one after each entry. */
  | { readonly kind: 'applied'; readonly sequence: number }
  | {
      readonly kind: 'done';
      readonly id: number;
      readonly answer: unknown;
      readonly sequence: number;
    }
  | {
      readonly kind: 'failed';
      readonly id: number;
      readonly error: CopiedError;
      readonly sequence: number;
    }
  /** What the thread does while nobody claims may be done now; the main thread stands still. */
  | { readonly kind: 'begin'; readonly id: number };

/** What a task is made of: assemble-task.ts puts it together. */
import type { Clock } from '../platform/index.ts';
import type { TaskState, ValueStore } from '../state/index.ts';
import type { AsyncSteps } from './asking/async-steps.ts';
import type { Chain } from './chain.ts';
import type { EpochLimit } from './epoch-limit.ts';
import type { EpochRecorder } from './epoch-log.ts';
import type { OperatorContext } from './operator.ts';
import type { InputLog, PartitionInput } from './partition-input.ts';
import type { Bound } from './stages/senders.ts';
import type { Sharing } from './stages/sharing.ts';
import type { TaskTime, TimeSnapshot } from './time/task-time.ts';

export interface TaskParts {
  readonly name: string;
  readonly job: string;
  readonly incarnation: number;
  /** The epoch that was committed last, and the clock reading that it used. */
  readonly epoch: number;
  readonly clockMs: number;
  readonly broker: InputLog;
  readonly clock: Clock;
  readonly changelog: string;
  readonly chain: Chain;
  readonly context: OperatorContext;
  /** In the order of topic and partition. */
  readonly inputs: readonly PartitionInput[];
  readonly time: TaskTime;
  readonly state: TaskState;
  readonly timeStore: ValueStore<TimeSnapshot>;
  readonly limit: EpochLimit;
  /** Undefined for a task that shares its job with others: nobody can repeat its epochs alone. */
  readonly recorder: EpochRecorder | undefined;
  /** Which of the tasks of its stage it is. */
  readonly index: number;
  /** How far the watermark is behind the record that is read next, in ms. */
  readonly lagMs: number;
  /** Undefined where the whole job is this task. */
  readonly sharing: Sharing | undefined;
  /** Names the call of `run` that it belongs to: a drain ends with that. */
  readonly run: string;
  /** How far it reads, waiting for nobody, while its job is settled; else undefined. */
  readonly settling: Bound | undefined;
  /**
   * Whether `now` is the latest timestamp of a record read so far, rather than a reading of the
   * clock: so it is in a replay, where nothing may depend on when it runs.
   */
  readonly nowFollowsRecords: boolean;
  readonly asking: AsyncSteps;
}

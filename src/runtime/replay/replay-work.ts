/** What both kinds of replay are given to do their work with. */
import type { Broker } from '../../broker/index.ts';
import type { Platform } from '../../platform/index.ts';
import type { EpochBudget } from '../epoch-limit.ts';
import type { Graph } from '../graph.ts';
import type { TaskCounts } from '../task-counts.ts';
import type { ReplayOutput } from './replay-output.ts';
import type { ReplayTopics } from './replay-topics.ts';

export interface ReplayWork {
  readonly graph: Graph;
  readonly broker: Broker;
  readonly platform: Platform;
  /** The task that runs the job live. */
  readonly task: string;
  readonly budget: EpochBudget;
  readonly topics: ReplayTopics;
  readonly output: ReplayOutput;
  /** Ends the replay. */
  readonly signal: AbortSignal;
  onProgress(progress: WorkDone): void;
}

export interface WorkDone extends TaskCounts {
  /** Records, or commits where they are done again as recorded. */
  readonly done: number;
  readonly total: number;
}

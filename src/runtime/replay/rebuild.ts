/**
 * Rebuilding state: where the state file is refused, all that the task has done is done again, from
 * its first epoch to its last commit, into a new file.
 *
 *   survey     are all commits recorded, and is what they read still there?
 *   repeat     each epoch, as it was recorded (repeat-epochs.ts): the same records in the same
 *              order, the same clock. What it writes is not written again but compared with the
 *              recorded checksum; what it changes is folded into the new file
 *   replace    the old file is put aside, the new one takes its place (rebuilt-file.ts)
 *
 * Nothing of the task is changed before the last step: no commit is made, and the log is only read.
 * A repetition that differs from what was recorded is refused: the state would be another one.
 */
import type { Broker, Claim } from '../../broker/index.ts';
import type { Platform } from '../../platform/index.ts';
import type { EpochBudget } from '../epoch-limit.ts';
import type { Graph } from '../graph.ts';
import type { RebuildStatus } from '../status.ts';
import { rebuildOf } from './rebuild-errors.ts';
import { RebuiltFile } from './rebuilt-file.ts';
import { RepeatedEpochs } from './repeat-epochs.ts';
import { surveyEpochs } from './survey-epochs.ts';
import { Turns } from './turns.ts';

export interface RebuildOptions {
  readonly graph: Graph;
  readonly broker: Broker;
  readonly platform: Platform;
  readonly claim: Claim;
  readonly changelog: string;
  readonly statePath: string;
  readonly durable: boolean;
  readonly stateMemoryMax: number;
  readonly unfoldedBytesMax: number;
  readonly budget: Pick<EpochBudget, 'turnMs'>;
  /** Ends the rebuild. */
  readonly signal: AbortSignal;
  onRebuild(status: RebuildStatus): void;
}

/** Changes of so many bytes are folded together, at most. */
export const foldBytesMax: number = 16 * 1024 * 1024;

/** Makes the state file anew; false where it was ended before. `refusal`: why it is needed. */
export async function rebuildState(options: RebuildOptions, refusal: Error): Promise<boolean> {
  const { broker, platform, claim, signal, unfoldedBytesMax } = options;
  const turns = new Turns(platform.clock, options.budget.turnMs);
  const begun = { because: refusal.message, commits: 0, total: 0, done: false };
  const tell = (status: Partial<RebuildStatus>) =>
    options.onRebuild({ ...begun, replaced: undefined, ...status });
  tell({});
  const { task } = claim;
  const purpose = rebuildOf(options.graph.job, task);
  const end = Number.POSITIVE_INFINITY;
  const survey = { broker, task, purpose, turns, signal, end };
  const total = await surveyEpochs({ ...survey, committed: claim });
  const foldBytes = Math.min(foldBytesMax, unfoldedBytesMax / 2);
  const file = new RebuiltFile({ ...options, foldBytes });
  try {
    const epochs = new RepeatedEpochs({
      ...{ ...options, ...survey, log: broker, clock: platform.clock, file },
      write: async () => {}, // it is there
      onCommits: (commits) => tell({ commits, total }),
    });
    if (!(await epochs.repeatAll())) return false;
    await file.complete();
    const replaced = await file.putInPlace();
    tell({ commits: total, total, done: true, replaced });
    return true;
  } finally {
    await file.discard();
  }
}

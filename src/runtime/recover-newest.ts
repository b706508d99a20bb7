/** The state as of the last commit, in the versions that the job declares. */
import type { Claim } from '../broker/index.ts';
import { type OutdatedStore, requireFit, type StateFile, type TaskState } from '../state/index.ts';
import { declarationsOf } from './assemble-task.ts';
import { foldEagerBytes } from './folding.ts';
import { type MigrationOptions, migrateState } from './migration.ts';
import type { OpenTaskOptions } from './open-task.ts';

export interface RecoveredState {
  readonly state: TaskState;
  /** Undefined without a directory. */
  readonly file: StateFile | undefined;
  readonly foldedOffset: number;
  close(): void;
}

export interface NewestState extends RecoveredState {
  /** As of the last commit. */
  readonly claim: Claim;
}

export interface RecoverNewestOptions
  extends OpenTaskOptions,
    Pick<MigrationOptions, 'claim' | 'changelog' | 'changes'> {}

/**
 * Migrates what is outdated of the recovered state; undefined where `signal` has ended that before.
 * Fails with `STATE_MISMATCH`, before anything is migrated, where the state does not fit.
 */
export async function recoverNewest(
  options: RecoverNewestOptions,
  recovered: RecoveredState,
  recoverAgain: () => RecoveredState,
): Promise<NewestState | undefined> {
  const { graph, claim } = options;
  let migrated: Claim | undefined;
  try {
    const fit = declarationsOf(graph).fitOf(recovered.state.recorded);
    requireFit(graph.job, fit);
    if (fit.outdated.length === 0) return { ...recovered, claim };
    migrated = await migrate(options, recovered, fit.outdated);
  } catch (error) {
    recovered.close();
    throw error;
  }
  recovered.close();
  return migrated === undefined ? undefined : { ...recoverAgain(), claim: migrated };
}

function migrate(
  options: RecoverNewestOptions,
  { state, file }: RecoveredState,
  outdated: readonly OutdatedStore[],
): Promise<Claim | undefined> {
  const { durable, foldIntervalMs: intervalMs, unfoldedBytesMax: bytesMax } = options;
  const { foldCpuShare: cpuShare, walBytesMax } = options;
  const bytesEager = Math.min(foldEagerBytes, bytesMax / 2);
  const folding = { durable, intervalMs, cpuShare, bytesEager, bytesMax, walBytesMax };
  return migrateState({
    ...options,
    unfinished: state.unfinished,
    lastStore: state.lastStore,
    outdated,
    folded: file === undefined ? undefined : { file, statePath: file.path, ...folding },
    onProgress: options.onMigration,
  });
}

/**
 * The named steps at which tests crash the program.
 *
 * Every step after which the disk holds something new has a name here; the crash tests walk over
 * the whole list, so that a new step is crashed at from the day it has a name.
 */
export const failpoints = [
  'directory.created',
  'commit.locked',
  'commit.written',
  'commit.synced',
  'commit.marked',
  'commit.applied',
  'claim.written',
  'claim.synced',
  'segment.created',
  'segment.written',
  'segment.synced',
  'roll.prepared',
  'roll.written',
  'roll.synced',
  'sort.written',
  'sort.synced',
  'sort.committed',
  'sort.removed',
  'catalogue.begun',
  'catalogue.committed',
  'fold.begun',
  'fold.sliced',
  'fold.committed',
  'fold.recorded',
] as const;

/** The steps of a backup; a list of its own, because no job passes them by itself. */
export const backupFailpoints = [
  'backup.begun',
  'backup.stored',
  'backup.catalogued',
  'backup.copied',
  'backup.synced',
  'backup.completed',
] as const;

/** The steps of a rebuild of state. */
export const rebuildFailpoints = [
  'rebuild.begun',
  'rebuild.folded',
  'rebuild.completed',
  'rebuild.moved',
  'rebuild.placed',
  'rebuild.synced',
] as const;

/** The steps of a migration of state. */
export const migrationFailpoints = [
  'migration.begun',
  'migration.committed',
  'migration.finished',
] as const;

/** The steps of a rescale. */
export const rescaleFailpoints = [
  'rescale.claimed',
  'rescale.settled',
  'rescale.written',
  'rescale.placed',
  'rescale.begun',
  'rescale.recorded',
  'rescale.removed',
] as const;

export type Failpoint = (
  | typeof failpoints
  | typeof backupFailpoints
  | typeof rebuildFailpoints
  | typeof migrationFailpoints
  | typeof rescaleFailpoints
)[number];

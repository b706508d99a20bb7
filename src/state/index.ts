/** The door of the state. */
export {
  type Change,
  type ChangeWriter,
  decodeStoreRecord,
  encodeStoreRecord,
  parseChangeKey,
  type StoreRecord,
  storeKey,
} from './change.ts';
export { declareStore, type FoldRange, type FoldStep, foldInSlices } from './fold.ts';
export { joinRows } from './joined-rows.ts';
export { joinPlace, keyGroups, splitPlace, stateKeyOf } from './key.ts';
export { onlyKey, onlyKeyFormat } from './only-key.ts';
export { Origins } from './origins.ts';
export { Overlay } from './overlay.ts';
export {
  createTables,
  type FoldedState,
  readFoldedState,
  StateFile,
  type StateFileIdentity,
} from './state-file.ts';
export { type Declarations, type OutdatedStore, requireFit } from './store-fit.ts';
export { StoreMigration } from './store-migration.ts';
export { type DeclaredStore, placeFormat } from './store-record.ts';
export type {
  ElementPlace,
  KeyFormat,
  ListStore,
  MapDeclaration,
  MapStore,
  StateKey,
  StoreDeclaration,
  StoreRegistry,
  TimedEntry,
  TimedStore,
  ValueStore,
} from './stores.ts';
export {
  type ChangelogReader,
  checkFolded,
  type KeyTest,
  TaskState,
  type TaskStateOptions,
} from './task-state.ts';
export type { UndoJournal } from './undo-journal.ts';

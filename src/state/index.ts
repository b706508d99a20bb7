/** The door of the state. */
export type { Change } from './change.ts';
export { keyGroups, stateKeyOf } from './key.ts';
export type { ChangeWriter } from './memory-stores.ts';
export { type FoldRange, StateFile, type StateFileIdentity } from './state-file.ts';
export type {
  KeyedStore,
  StateKey,
  StoreDeclaration,
  StoreRegistry,
  TimedEntry,
  TimedStore,
} from './stores.ts';
export { type ChangelogReader, TaskState, type TaskStateOptions } from './task-state.ts';

/**
 * State of a task whose changes are in no log: of one that does again what it did, or of a replay.
 * It is lost with whoever makes it.
 */
import type { Append, Appended } from '../../broker/index.ts';
import { TaskState } from '../../state/index.ts';

export interface ScratchState {
  /** The state as of now, for a task that is opened. */
  openState(): Promise<TaskState>;
  /** Takes what a commit has changed, encoded; returns where the changelog would end now. */
  add(batches: Uint8Array, recordCount: number): number;
  /** Between two commits: makes room where there is too little. */
  tend(): Promise<void>;
  /** Nothing is left of it. */
  discard(): Promise<void>;
}

/** Gives the state what a commit appends to the changelog; what would be answered to that. */
export function keepChanges(
  state: ScratchState,
  changelog: string,
  appends: readonly Append[],
): Appended[] {
  const changes = appends.find(({ topic }) => topic === changelog);
  if (changes === undefined) return [];
  const { topic, partition, recordCount } = changes;
  const end = state.add(changes.batches, recordCount);
  return [{ topic, partition, baseOffset: end - recordCount, recordCount }];
}

/** All of it in memory, for a log that has no directory. It can be opened once. */
export class StateInMemory implements ScratchState {
  #end = 0;

  async openState(): Promise<TaskState> {
    const changelog = { name: '', start: 0, end: 0, read: () => [] };
    const memoryBytesMax = Number.POSITIVE_INFINITY;
    return new TaskState({ file: undefined, filePath: '', changelog, memoryBytesMax });
  }

  add(_batches: Uint8Array, recordCount: number): number {
    this.#end += recordCount;
    return this.#end;
  }

  async tend(): Promise<void> {}

  async discard(): Promise<void> {}
}

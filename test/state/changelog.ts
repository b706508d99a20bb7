/** A changelog and a state file as a task has them, without the task. */
import { json } from '../../src/formats/index.ts';
import { openDatabase } from '../../src/platform/sqlite.ts';
import {
  type Change,
  type ChangelogReader,
  StateFile,
  type StateFileIdentity,
  TaskState,
} from '../../src/state/index.ts';
import { stateKeyOf } from '../../src/state/key.ts';
import type { KeyedStore, StateKey, TimedStore } from '../../src/state/stores.ts';

export const identity: StateFileIdentity = { directoryId: 'directory-1', task: 'counting-0' };

/** A key in the key group of its length. */
export function keyOf(text: string): StateKey {
  const bytes = Buffer.from(text);
  return stateKeyOf(bytes.length % 128, bytes);
}

export class Changelog {
  /** What lies before it was removed. */
  start = 0;
  readonly changes: Change[] = [];

  get end(): number {
    return this.changes.length;
  }

  /** A commit of the task. */
  append(state: TaskState): void {
    state.takeChanges((key, value) => this.changes.push({ key, value }));
  }

  reader(): ChangelogReader {
    const { start, end, changes } = this;
    return { name: '__counting-0-changelog', start, end, read: (from) => changes.slice(from) };
  }

  fold(file: StateFile, incarnation = 1, sliceBytes = 1e9): Generator<void, void, void> {
    const from = file.foldedOffset;
    const range = { from, through: this.end, incarnation };
    return file.foldInSlices(this.changes.slice(from), range, sliceBytes);
  }
}

export function openStateFile(path: string, of = identity, durable = false): StateFile {
  return new StateFile(openDatabase(path, { durable }), path, of);
}

export interface Stores {
  readonly state: TaskState;
  readonly keyed: KeyedStore<unknown>;
  readonly timed: TimedStore<unknown>;
}

/** One store of each kind; keys and values of one are text in the file, the others' are bytes. */
export function openStores(changelog: Changelog, file: StateFile | undefined): Stores {
  const state = new TaskState({ file, filePath: 'state.db', changelog: changelog.reader() });
  const value = json<unknown>();
  const keyed = state.keyed({
    name: 'step/keyed',
    value,
    keyCodec: { name: 'string', text: true },
  });
  const timed = state.timed({
    name: 'step/timed',
    value: { ...value, text: false },
    keyCodec: { name: 'bytes', text: false },
  });
  state.finishDeclaring('counting');
  return { state, keyed, timed };
}

/** Runs a fold to its end. */
export function finish(fold: Generator<void, void, void>): void {
  while (fold.next().done !== true);
}

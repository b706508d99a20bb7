/** A changelog and a state file as a task has them, without the task. */
import { json, string } from '../../src/formats/index.ts';
import { openDatabase } from '../../src/platform/sqlite.ts';
import {
  type Change,
  type ChangelogReader,
  type FoldStep,
  foldInSlices,
  type KeyTest,
  type ListStore,
  type MapStore,
  StateFile,
  type StateFileIdentity,
  type StateKey,
  TaskState,
  type TimedStore,
  type ValueStore,
} from '../../src/state/index.ts';
import { stateKeyOf } from '../../src/state/key.ts';
import { Residency } from '../../src/state/residency.ts';

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
  #underWay: Change[] = [];

  get end(): number {
    return this.changes.length;
  }

  /** A commit of the task. */
  append(state: TaskState): void {
    this.take(state);
    this.commit(state);
  }

  /** An epoch has ended, and its commit is under way. */
  take(state: TaskState): void {
    this.#underWay = [];
    state.takeChanges((key, value) => this.#underWay.push({ key, value }));
  }

  commit(state: TaskState): void {
    this.changes.push(...this.#underWay);
    state.committed(this.end);
    state.tend();
  }

  /** What a fold may take: what is committed. */
  get foldable(): readonly Change[] {
    return this.changes;
  }

  get withUnderWay(): readonly Change[] {
    return [...this.changes, ...this.#underWay];
  }

  /** Where it says that it begins. */
  get statedStart(): number {
    return this.start;
  }

  reader(): ChangelogReader {
    const { statedStart: start, end, changes } = this;
    const read = (from: number, isWanted: KeyTest = () => true) =>
      changes.slice(Math.max(from, this.start)).filter(({ key }) => isWanted(key, 0));
    return { name: '__counting-0-changelog', start, end, read };
  }

  fold(file: StateFile, incarnation = 1, sliceBytes = 1e9): Generator<FoldStep, void, void> {
    const from = file.foldedOffset;
    const range = { from, through: this.end, incarnation };
    return foldInSlices(file, this.foldable.slice(from), range, sliceBytes);
  }
}

export function openStateFile(path: string, of = identity, durable = false): StateFile {
  return new StateFile(openDatabase(path, { durable }), path, of);
}

export interface Stores {
  readonly state: TaskState;
  readonly keyed: ValueStore<unknown>;
  readonly timed: TimedStore<unknown>;
  readonly list: ListStore<unknown>;
  readonly map: MapStore<string, unknown>;
}

export interface Memory {
  readonly memoryBytesMax: number;
  readonly rowsAtOnce: number;
}

/** For a store that stands alone: without tables, and without a limit. */
export function alone(): Residency {
  const options = { bytesMax: Number.POSITIVE_INFINITY, rowsAtOnce: 256, recoveredEnd: 0 };
  return new Residency(options);
}

export const plenty: Memory = { memoryBytesMax: Number.POSITIVE_INFINITY, rowsAtOnce: 256 };

/** One store of each kind; keys and values of one are text in the file, the others' are bytes. */
export function openStores(
  changelog: Changelog,
  file: StateFile | undefined,
  memory = plenty,
): Stores {
  const options = { file, filePath: 'state.db', changelog: changelog.reader(), ...memory };
  const state = new TaskState(options);
  const value = json<unknown>();
  const text = { name: 'string', text: true };
  const bytes = { name: 'bytes', text: false };
  const changedInPlace = true;
  const keyed = state.value({ name: 'step/keyed', value, keyCodec: text, changedInPlace });
  const timed = state.timed({
    name: 'step/timed',
    value: { ...value, text: false },
    keyCodec: bytes,
    changedInPlace,
  });
  const list = state.list({ name: 'step/list', value, keyCodec: bytes });
  const map = state.map({ name: 'step/map', item: string(), value, keyCodec: text });
  state.finishDeclaring('counting');
  return { state, keyed, timed, list, map };
}

/** Runs a fold to its end. */
export function finish(fold: Generator<FoldStep, void, void>): void {
  while (fold.next().done !== true);
}

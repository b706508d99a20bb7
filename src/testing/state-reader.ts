/** The state of a step, as a test looks at it. */
import { MillraceError } from '../platform/index.ts';
import type { StoredEntry, StoredStore } from '../runtime/index.ts';

/** One piece of state of a step. */
export interface StateReader {
  /** The value of a key; of a list, an array; of a map, a `Map`. Undefined where there is none. */
  get(key: unknown): unknown;
  entries(): readonly StoredEntry[];
}

/** A timer or window that waits. */
export interface TestTimer {
  readonly key: unknown;
  /** When it is due, in ms since the epoch. */
  readonly time: number;
}

export function stateReader(stores: readonly StoredStore[], name: string): StateReader {
  const exact = stores.find((store) => store.name === name);
  const found = exact === undefined ? ofStep(stores, name) : [exact];
  const [store] = found;
  if (store === undefined || found.length > 1) {
    throw new MillraceError(
      'INVALID',
      `state("${name}"): there is ${found.length > 1 ? 'more than one' : 'no'} state of this ` +
        `name. Name one of ${namesOf(found.length > 1 ? found : stores)}.`,
    );
  }
  return {
    get: (key) => contentOf(store, key),
    entries: () => store.entries,
  };
}

export function timersOf(stores: readonly StoredStore[], step: string): TestTimer[] {
  const own = stores.filter(({ name }) => name.startsWith(`${step}/`));
  if (own.length === 0) {
    throw new MillraceError(
      'INVALID',
      `timers("${step}"): no step of this name keeps state. There are: ${namesOf(stores)}.`,
    );
  }
  return own
    .filter(({ kind }) => kind === 'timed')
    .flatMap(({ entries }) => entries.map(({ key, time }) => ({ key, time })))
    .sort((a, b) => a.time - b.time);
}

function ofStep(stores: readonly StoredStore[], step: string): StoredStore[] {
  const own = stores.filter(({ name }) => name.startsWith(`${step}/`));
  const plain = own.filter(({ kind }) => kind !== 'timed');
  return plain.length > 0 ? plain : own;
}

function contentOf({ kind, entries }: StoredStore, key: unknown): unknown {
  const wanted = JSON.stringify(key);
  const found = entries.filter((entry) => JSON.stringify(entry.key) === wanted);
  if (found.length === 0) return undefined;
  if (kind === 'list') return found.map(({ value }) => value);
  if (kind === 'map') return new Map(found.map(({ item, value }) => [item, value]));
  return found[0]?.value;
}

function namesOf(stores: readonly StoredStore[]): string {
  const own = stores.filter(({ name }) => !name.startsWith('task/'));
  return own.length === 0 ? 'none' : own.map(({ name }) => `"${name}"`).join(', ');
}

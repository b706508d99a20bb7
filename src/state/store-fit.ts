/**
 * Whether the state on disk fits a job: what differs, and what fits but has an older version, which
 * a migration brings to the newest.
 */
import { MillraceError } from '../platform/index.ts';
import type { StoreRecord } from './change.ts';
import {
  type DeclaredStore,
  newestVersions,
  recordOf,
  type StoreVersions,
} from './store-record.ts';

/** A store that has to be migrated. */
export interface OutdatedStore {
  readonly number: number;
  readonly recorded: StoreRecord;
  readonly declared: DeclaredStore;
}

export interface Fit {
  /** Says each difference that no migration mends. */
  readonly differences: readonly string[];
  /** In the order in which the job declares them. */
  readonly outdated: readonly OutdatedStore[];
}

/** What a job declares: its stores, and the names of those that it wants dropped. */
export class Declarations {
  readonly stores: DeclaredStore[] = [];
  readonly dropped: Set<string> = new Set();

  /** `recorded`: by number. */
  fitOf(recorded: ReadonlyMap<number, StoreRecord>): Fit {
    const differences: string[] = [];
    const outdated: OutdatedStore[] = [];
    const byName = new Map(
      [...recorded].map(([number, record]) => [record.name, { number, record }]),
    );
    for (const declared of this.stores) {
      const known = byName.get(declared.name);
      if (known === undefined) continue;
      byName.delete(declared.name);
      differences.push(...differencesBetween(known.record, declared));
      if (isOutdated(known.record, declared)) {
        outdated.push({ number: known.number, recorded: known.record, declared });
      }
    }
    for (const name of byName.keys()) {
      if (this.dropped.has(name)) continue;
      differences.push(`state "${name}" is on disk, but no step of the job declares it`);
    }
    return { differences, outdated };
  }
}

/** Fails with `STATE_MISMATCH` where something differs. */
export function requireFit(job: string, { differences }: Fit): void {
  if (differences.length === 0) return;
  throw new MillraceError(
    'STATE_MISMATCH',
    `The state of job "${job}" does not fit the job as it is now: ${differences.join('; ')}. ` +
      'Put back what was changed; or bring the state to its new form (see versions() in ' +
      'docs/state.md); or drop what is not wanted any more: millrace state drop STATE ' +
      `--job ${job}; or give the changed job another name, so that it begins with new state.`,
  );
}

const versionsOf = {
  version: 'its values',
  keyVersion: 'its keys',
  itemVersion: 'its items',
} as const satisfies Record<keyof StoreVersions, string>;

const versionFields = Object.keys(versionsOf) as (keyof StoreVersions)[]; // its keys

function isOutdated(known: StoreRecord, declared: DeclaredStore): boolean {
  const newest = newestVersions(declared);
  return versionFields.some((field) => known[field] < newest[field]);
}

function differencesBetween(known: StoreRecord, declared: DeclaredStore): string[] {
  const newest = newestVersions(declared);
  const newer = versionFields.filter((field) => known[field] > newest[field]);
  if (newer.length > 0) {
    return newer.map(
      (field) =>
        `state "${known.name}" has version ${known[field]} of ${versionsOf[field]} on disk, ` +
        `which a newer job wrote: this one knows version ${newest[field]}`,
    );
  }
  const expected = recordOf(declared, known);
  return comparisons.flatMap(({ field, words, text, version }) => {
    const isNamedSo = known[field] === expected[field];
    if (isNamedSo && (text === undefined || known[text] === expected[text])) return [];
    const shown = (record: StoreRecord) =>
      isNamedSo && text !== undefined
        ? `${record[field]} (${record[text] ? 'text' : 'bytes'})`
        : record[field];
    const isOld = version !== undefined && known[version] < newest[version];
    const where = isOld ? `the job (version ${known[version]})` : 'the job';
    const difference = `${shown(known)} on disk and ${shown(expected)} in ${where}`;
    return [`state "${known.name}" has the ${words} ${difference}`];
  });
}

interface Comparison {
  readonly field: 'kind' | 'keyCodec' | 'itemCodec' | 'valueCodec' | 'shape';
  readonly words: string;
  /** Whether the codec writes text, where it is one, and what says its version. */
  readonly text?: 'keyText' | 'itemText' | 'valueText';
  readonly version?: keyof StoreVersions;
}

const comparisons: readonly Comparison[] = [
  { field: 'kind', words: 'kind' },
  { field: 'keyCodec', words: 'key codec', text: 'keyText', version: 'keyVersion' },
  { field: 'itemCodec', words: 'item codec', text: 'itemText', version: 'itemVersion' },
  { field: 'valueCodec', words: 'value codec', text: 'valueText', version: 'version' },
  { field: 'shape', words: 'shape' },
];

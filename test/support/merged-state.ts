/** What all tasks of a job keep, together: read from their changelogs, which hold all of it. */
import type { Broker } from '../../src/broker/index.ts';
import type { Job } from '../../src/runtime/index.ts';
import { changelogOf, changelogReader } from '../../src/runtime/open-task.ts';
import { formerLayoutOf } from '../../src/runtime/rescale/layouts.ts';
import { decodeStoreRecord, joinPlace, parseChangeKey } from '../../src/state/index.ts';

/** By the name of the store, and by the key, time and item of the entry. */
export type MergedState = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** What a task keeps for itself. */
const ownStores = ['task/time'];

export function mergedState(broker: Broker, { graph }: Job): MergedState {
  const state: Record<string, Record<string, string>> = {};
  for (const { name: task } of formerLayoutOf(graph, broker).tasks) {
    for (const [name, entries] of storesIn(broker, changelogOf(task))) {
      const merged = state[name] ?? {};
      for (const [id, value] of entries) merged[id] = joined(name, merged[id], value);
      if (entries.size > 0) state[name] = merged;
    }
  }
  return state;
}

function storesIn(broker: Broker, topic: string): Map<string, Map<string, string>> {
  const byNumber = new Map<number, Map<string, string>>();
  const byName = new Map<string, Map<string, string>>();
  for (const { key, value } of changelogReader(broker, { topic, partition: 0 }).read(0)) {
    const of = parseChangeKey(key);
    if (of.kind === 'store') {
      const entries = new Map<string, string>();
      byNumber.set(of.store, entries);
      if (value === null) continue;
      const { name } = decodeStoreRecord(value);
      if (!ownStores.includes(name)) byName.set(name, entries);
      continue;
    }
    apply(byNumber.get(of.store), of, value);
  }
  return byName;
}

function apply(
  entries: Map<string, string> | undefined,
  of: Exclude<ReturnType<typeof parseChangeKey>, { kind: 'store' }>,
  value: Uint8Array | null,
): void {
  const all = joinPlace(of.key, '');
  if (of.kind === 'all') {
    for (const id of entries?.keys() ?? []) if (id.startsWith(all)) entries?.delete(id);
    return;
  }
  const id = `${all}${of.time} ${of.item}`;
  if (value === null) entries?.delete(id);
  else entries?.set(id, Buffer.from(value).toString('latin1'));
}

/** What several tasks have must be the same for all, as what is broadcast is; or the latest time. */
function joined(name: string, before: string | undefined, value: string): string {
  if (before === undefined || before === value) return value;
  if (name.endsWith('/window last end')) return `${Math.max(Number(before), Number(value))}`;
  return `${before} but also ${value}`;
}

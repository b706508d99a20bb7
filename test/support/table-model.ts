/** What the tests of tables share: tables of a script, and what their changes must come to. */
import { expect } from 'vitest';
import type { Outputs, ScriptStep } from './operator-harness.ts';

export interface Entry<Row> {
  readonly key: string;
  readonly row: Row;
}

/** The rows of a table, by the JSON of their keys. */
export type Rows<Row> = ReadonlyMap<string, Row>;

interface AnyChange {
  readonly before?: unknown;
  readonly after?: unknown;
}

/**
 * What the changes of a topic come to. Holds that each begins where the one before it ended, and
 * changes something.
 */
export function rowsOfChanges(outputs: Outputs, topic: string): Map<string, unknown> {
  const rows = new Map<string, unknown>();
  for (const { key, value } of recordsOf(outputs, topic)) {
    const text = JSON.stringify(key);
    const { before, after } = value as AnyChange; // as the job writes them
    expect(before, `before of ${text} in ${topic}`).toEqual(rows.get(text));
    expect(before, `a change of ${text} in ${topic}`).not.toEqual(after);
    if (after === undefined) rows.delete(text);
    else rows.set(text, after);
  }
  return rows;
}

/** What a topic of rows holds once it is compacted. */
export function rowsOfTopic(outputs: Outputs, topic: string): Map<string, unknown> {
  const rows = new Map<string, unknown>();
  for (const { key, value } of recordsOf(outputs, topic)) {
    if (value === null) rows.delete(JSON.stringify(key));
    else rows.set(JSON.stringify(key), value);
  }
  return rows;
}

function recordsOf(outputs: Outputs, topic: string) {
  return Object.entries(outputs).flatMap(([name, records]) =>
    name.startsWith(`${topic}/`) ? records : [],
  );
}

/** The last value of each key that a script writes to a topic; null is none. */
export function lastOf<Row>(script: readonly ScriptStep[], topic: string): Map<string, Row> {
  const rows = new Map<string, Row>();
  for (const step of script) {
    for (const record of 'records' in step ? step.records : []) {
      if (record.topic !== topic) continue;
      const text = JSON.stringify(record.key);
      if (record.value === null) rows.delete(text);
      else rows.set(text, record.value as Row); // as the script says
    }
  }
  return rows;
}

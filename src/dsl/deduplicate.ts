/**
 * deduplicate: of the records with one id, the first within a time is let through.
 *
 *   within 10   12         19   22                   35      event time of the records of an id
 *               let        no   10 after the one     let
 *               through         let through: yes     through
 *
 * The step keeps for each id when a record was let through, as long as one that is not late may be
 * near to it: twice `within`. A late one could be near to one that is forgotten.
 */
import { keyJson } from '../formats/index.ts';
import { MillraceError } from '../platform/index.ts';
import {
  checkOptions,
  type Duration,
  type ProcessNode,
  ttlMs,
  type ValueSpec,
} from '../runtime/index.ts';
import { definitionOf, type StepFunctions } from './process.ts';
import { value } from './state-specs.ts';
import type { StepOptions } from './step-options.ts';

export interface DeduplicateOptions<Value> extends StepOptions {
  /** What tells records apart. Two ids are equal as keys are, by their canonical JSON. */
  readonly by: (value: Value) => unknown;
  /**
   * How long a record rules out others with its id: those whose event time is less than this
   * before or after its own.
   */
  readonly within: Duration;
}

type Deduplicate = Pick<ProcessNode, 'kind' | 'label' | 'definition' | 'keyedBy'>;

/** Fails with `INVALID`. */
export function deduplicating<Value>(options: DeduplicateOptions<Value>): Deduplicate {
  const { by, within } = options;
  checkOptions('deduplicate()', options, ['name', 'by', 'within']);
  if (typeof by !== 'function') {
    throw new MillraceError(
      'INVALID',
      `The by of deduplicate() can't be ${String(by)}: give a function that returns what tells ` +
        'records apart.',
    );
  }
  const step = firstWithin<Value>(ttlMs(within, 'The within of deduplicate()'));
  const of = by as (value: unknown) => unknown; // the graph does not know types
  const keyedBy = { of, codec: keyJson<unknown>() };
  return { kind: 'process', label: 'deduplicate', definition: definitionOf(step), keyedBy };
}

function firstWithin<Value>(
  withinMs: number,
): StepFunctions<Value, unknown, { readonly seen: ValueSpec<readonly number[]> }, Value> {
  const ttl = { afterMs: 2 * withinMs, time: 'event', refresh: 'write' } as const;
  return {
    state: { seen: { ...value<readonly number[]>(), ttl } },
    onRecord(record, { state, timestamp, watermark, late }) {
      if (timestamp <= watermark - withinMs) {
        late(record);
        return [];
      }
      const seen = state.seen.get() ?? [];
      if (seen.some((time) => Math.abs(time - timestamp) < withinMs)) return [];
      const near = seen.filter((time) => time > watermark - 2 * withinMs);
      state.seen.set([...near, timestamp]);
      return [record];
    },
  };
}

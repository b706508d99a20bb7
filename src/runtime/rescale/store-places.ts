/**
 * Which tasks of a new layout get the state of a store, by the steps that declare it:
 *
 *   by key     what has keys goes to the task that owns the key group
 *   to all     broadcast state, the memory of a `mapAsync` step and what else is the step's
 *   nowhere    state that the job drops, and `task/time`, which is made anew
 */
import { MillraceError } from '../../platform/index.ts';
import { type Declarations, onlyKeyFormat, type StoreRecord } from '../../state/index.ts';
import { declarationsOf } from '../assemble-task.ts';
import { nameSteps } from '../compiler/names.ts';
import type { Graph } from '../graph.ts';
import type { NewStage } from './layouts.ts';

export interface StorePlace {
  readonly stages: readonly number[];
  readonly by: 'key' | 'all';
  /** Open calls of a `mapAsync` step: there must be none. */
  readonly isCall: boolean;
}

export const timeStore = 'task/time';

export class StorePlaces {
  readonly #job: string;
  readonly #declared: readonly Declarations[];
  readonly #asking: ReadonlySet<string>;

  constructor(job: string, stages: readonly NewStage[]) {
    this.#job = job;
    this.#declared = stages.map(({ graph }) => declarationsOf(graph));
    this.#asking = new Set(stages.flatMap(({ graph }) => askingSteps(graph)));
  }

  /** Undefined where it goes nowhere. Fails with `STATE_MISMATCH` where no step knows it. */
  placeOf({ name, keyCodec }: StoreRecord): StorePlace | undefined {
    if (name === timeStore) return undefined;
    const stages = this.#declared.flatMap(({ stores }, stage) =>
      stores.some((store) => store.name === name) ? [stage] : [],
    );
    if (stages.length > 0) {
      const step = name.slice(0, name.lastIndexOf('/'));
      const isAsking = [...this.#asking].some((of) => name.startsWith(`${of}/`));
      const isCall = this.#asking.has(step) && calls.some((call) => name === `${step}/${call}`);
      return { stages, isCall, by: isAsking || isUnkeyed(keyCodec) ? 'all' : 'key' };
    }
    if (this.#declared.some(({ dropped }) => dropped.has(name))) return undefined;
    throw new MillraceError(
      'STATE_MISMATCH',
      `State "${name}" is on disk, but no step of job "${this.#job}" declares it. Put the step ` +
        `back, or drop its state before the rescale: millrace state drop ${name} --job ` +
        `${this.#job}`,
    );
  }
}

function askingSteps(graph: Graph): readonly string[] {
  const names = nameSteps(graph);
  return graph.nodes.flatMap(({ kind, id }) =>
    kind === 'mapAsync' ? [names.get(id) ?? String(id)] : [],
  );
}

const calls = ['calls', 'inputs', 'results'];

/** Entries of a map without keys have keys that are made of none, and of the item. */
function isUnkeyed(keyCodec: string): boolean {
  return keyCodec === onlyKeyFormat.name || keyCodec.startsWith(`${onlyKeyFormat.name} and `);
}

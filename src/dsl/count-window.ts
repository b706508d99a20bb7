/** Windows of so many records of a key: a step that keeps an accumulator and counts. */
import { MillraceError } from '../platform/index.ts';
import {
  type AggregatingState,
  type Aggregation,
  checkOptions,
  type ProcessDefinition,
  type ValueState,
} from '../runtime/index.ts';
import { type Aggregates, composite, type ResultsOf } from './aggregates/composite.ts';
import { reducing } from './reducing.ts';
import { ttlOf, value } from './state-specs.ts';
import type { RunningOptions } from './step-options.ts';
import type { KeyedStream } from './stream.ts';

/** Adds the step. */
type AddStep<Key> = <Out>(
  name: string | undefined,
  definition: ProcessDefinition,
) => KeyedStream<Out, Key>;

/** The records of each key, so many at a time; say what is to be made of them. */
export class CountWindowedStream<Value, Key> {
  readonly #count: number;
  readonly #add: AddStep<Key>;

  constructor(job: string, count: number, add: AddStep<Key>) {
    if (!Number.isSafeInteger(count) || count < 1) {
      throw new MillraceError(
        'INVALID',
        `Job "${job}": countWindow() can't be given ${String(count)}: it takes a whole number of ` +
          'records, at least 1.',
      );
    }
    this.#count = count;
    this.#add = add;
  }

  /**
   * One result for each full window, with the timestamp of its last record.
   * @example .countWindow(100).aggregate({ mean: mean((t) => t.price) })
   */
  aggregate<Fields extends Aggregates<Value>>(
    fields: Fields,
    options: RunningOptions = {},
  ): KeyedStream<ResultsOf<Fields>, Key> {
    checkOptions('aggregate()', options, ['name', 'ttl']);
    const aggregation = composite(fields, 'aggregate()', []);
    return this.#add(options.name, this.#definition(aggregation, options));
  }

  /** Combines the values of each full window, one after another. */
  reduce(
    combine: (reduced: Value, value: Value) => Value,
    options: RunningOptions = {},
  ): KeyedStream<Value, Key> {
    checkOptions('reduce()', options, ['name', 'ttl']);
    return this.#add(options.name, this.#definition(reducing(combine).aggregation, options));
  }

  #definition(aggregate: Aggregation, options: RunningOptions): ProcessDefinition {
    const ttl = ttlOf(options, 'countWindow()');
    return {
      state: {
        accumulator: { kind: 'aggregating', aggregate, ...ttl },
        records: { ...value<unknown>(), ...ttl },
      },
      onRecord: (record, { state }) => {
        const accumulator = state.accumulator as AggregatingState<unknown, unknown>; // as declared
        const records = state.records as ValueState<number>; // likewise
        accumulator.add(record);
        const count = (records.get() ?? 0) + 1;
        records.set(count);
        if (count < this.#count) return [];
        const result = accumulator.get();
        accumulator.clear();
        records.clear();
        return [result];
      },
      onTimer: undefined,
    };
  }
}

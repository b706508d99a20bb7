/** The records of each key by window: what `KeyedStream.window()` gives. */
import {
  type Aggregation,
  checkOptions,
  type Edge,
  type WindowAssigner,
  type WindowNode,
} from '../runtime/index.ts';
import { type Aggregates, composite, type ResultsOf } from './aggregates/composite.ts';
import type { GraphBuilder } from './graph-builder.ts';
import { reducing } from './reducing.ts';
import { checkStepName, type StepOptions } from './step-options.ts';
import type { WindowResults } from './stream.ts';

/** When a window of a result begins and ends, in ms since the epoch: `[windowStart, windowEnd)`. */
export interface WindowTimes {
  readonly windowStart: number;
  readonly windowEnd: number;
}

/** What a windowed stream is made of. */
export interface WindowedParts<Value, Key> {
  readonly graph: GraphBuilder;
  readonly input: Edge;
  readonly assigner: WindowAssigner;
  /** Makes the stream that leaves a window step. */
  readonly results: <Result>(edge: Edge) => WindowResults<Result, Key, Value>;
}

/** The records of each key, by window; say what is to be made of them. */
export class WindowedStream<Value, Key> {
  readonly #parts: WindowedParts<Value, Key>;

  constructor(parts: WindowedParts<Value, Key>) {
    this.#parts = parts;
  }

  /**
   * One result for each key and window, once the watermark has passed its end; records that come
   * later go to `late`.
   * @example .window(tumbling('1h')).aggregate({ flights: count(), worst: max((f) => f.delay) })
   */
  aggregate<Fields extends Aggregates<Value>>(
    fields: Fields,
    options: StepOptions = {},
  ): WindowResults<ResultsOf<Fields> & WindowTimes, Key, Value> {
    checkOptions('aggregate()', options, ['name']);
    const aggregate = composite(fields, 'aggregate()', ['windowStart', 'windowEnd']);
    return this.#add(aggregate, options, (result, { start, end }) => ({
      ...(result as object), // composite results are objects
      windowStart: start,
      windowEnd: end,
    }));
  }

  /**
   * Combines the values of each key and window, one after another, in the order of arrival.
   * @example .window(tumbling('1m')).reduce((best, bid) => (bid.price > best.price ? bid : best))
   */
  reduce(
    combine: (reduced: Value, value: Value) => Value,
    options: StepOptions = {},
  ): WindowResults<Value, Key, Value> {
    checkOptions('reduce()', options, ['name']);
    return this.#add(reducing(combine).aggregation, options, (result) => result);
  }

  #add<Result>(
    aggregate: Aggregation,
    { name }: StepOptions,
    result: WindowNode['result'],
  ): WindowResults<Result, Key, Value> {
    const { graph, input, assigner, results } = this.#parts;
    checkStepName(graph.job, name);
    return results(graph.add({ kind: 'window', input, name, assigner, aggregate, result }));
  }
}

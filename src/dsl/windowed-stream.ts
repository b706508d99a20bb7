/** The records of each key by window: what `KeyedStream.window()` gives. */
import {
  type Aggregation,
  checkOptions,
  type Duration,
  type WindowNode,
} from '../runtime/index.ts';
import { type Aggregates, composite, type ResultsOf } from './aggregates/composite.ts';
import { PanedStream, type TriggerOptions } from './paned-stream.ts';
import { reducing } from './reducing.ts';
import type { StepOptions } from './step-options.ts';
import type { WindowResults } from './stream.ts';
import type { Trigger } from './triggers.ts';
import { addWindow, type WindowedParts, type WindowTimes } from './windowed-parts.ts';

/** The records of each key, by window; say what is to be made of them. */
export class WindowedStream<Value, Key> {
  readonly #parts: WindowedParts<Value, Key>;

  constructor(parts: WindowedParts<Value, Key>) {
    this.#parts = parts;
  }

  /**
   * Keeps each window until the watermark has passed its end by `lateness`: a record that comes
   * until then makes it fire again, and only what comes later is late.
   * @example .window(tumbling('1h')).allowedLateness('1d')
   */
  allowedLateness(lateness: Duration): PanedStream<Value, Key> {
    return new PanedStream(this.#parts, {}).allowedLateness(lateness);
  }

  /**
   * Says when a window fires, instead of once when the watermark passes its end.
   * @example
   * .window(tumbling('1h')).trigger(afterWatermark({ early: afterProcessingTime('10s') }))
   */
  trigger(trigger: Trigger, options: TriggerOptions = {}): PanedStream<Value, Key> {
    return new PanedStream(this.#parts, {}).trigger(trigger, options);
  }

  /**
   * One result for each key and window, once the watermark has passed its end; records that come
   * later go to `late`.
   * @example .window(tumbling('1h')).aggregate({ flights: count(), worst: max((f) => f.delay) })
   */
  aggregate<Fields extends Aggregates<Value>>(
    fields: Fields,
    options: StepOptions = {},
  ): WindowResults<ResultsOf<Fields, WindowTimes>, Key, Value> {
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
    options: StepOptions,
    result: WindowNode['result'],
  ): WindowResults<Result, Key, Value> {
    return addWindow(this.#parts, options, { aggregate, result });
  }
}

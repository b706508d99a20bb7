/** Windows that may fire more than once: each result says which pane it is. */
import { checkChoice, checkOptions, MillraceError } from '../platform/index.ts';
import {
  type Aggregation,
  type Duration,
  durationMs,
  type Pane,
  type Repeatedly,
  type WindowFiring,
} from '../runtime/index.ts';
import { type Aggregates, composite, type ResultsOf, type Shown } from './aggregates/composite.ts';
import { reducing } from './reducing.ts';
import type { StepOptions } from './step-options.ts';
import type { KeyedStream, WindowResults } from './stream.ts';
import { afterWatermark, checkTrigger, type Trigger } from './triggers.ts';
import { addWindow, type WindowedParts, type WindowTimes } from './windowed-parts.ts';

export interface TriggerOptions {
  /**
   * Whether a pane has all records of its window so far (`'accumulating'`, the default), or those
   * since the pane before it.
   */
  readonly mode?: WindowFiring['mode'];
}

/** Which of the results of its window a result is. */
export interface InPane {
  readonly pane: Pane;
}

/** What `reduce` made of a pane. */
export interface Reduced<Value> extends InPane {
  readonly value: Value;
}

/** The records of each key, by windows that may fire more than once. */
export class PanedStream<Value, Key> {
  readonly #parts: WindowedParts<Value, Key>;
  readonly #firing: Partial<WindowFiring>;

  constructor(parts: WindowedParts<Value, Key>, firing: Partial<WindowFiring>) {
    this.#parts = parts;
    this.#firing = firing;
  }

  /** See `WindowedStream.allowedLateness`. */
  allowedLateness(lateness: Duration): PanedStream<Value, Key> {
    this.#checkUnset('allowedLateness()', this.#firing.latenessMs);
    const latenessMs = Math.ceil(durationMs(lateness, 'The allowed lateness'));
    return new PanedStream(this.#parts, { ...this.#firing, latenessMs });
  }

  /** See `WindowedStream.trigger`. */
  trigger(trigger: Trigger, options: TriggerOptions = {}): PanedStream<Value, Key> {
    this.#checkUnset('trigger()', this.#firing.trigger);
    checkTrigger(trigger, 'trigger()', ['afterWatermark', 'repeatedly']);
    const mode = modeOf(options);
    return new PanedStream(this.#parts, { ...this.#firing, trigger, mode });
  }

  /** One or more results for each key and window; see `WindowedStream.aggregate`. */
  aggregate<Fields extends Aggregates<Value>>(
    fields: Fields,
    options: StepOptions = {},
  ): WindowResults<ResultsOf<Fields, WindowTimes & InPane>, Key, Value> {
    checkOptions('aggregate()', options, ['name']);
    const aggregate = composite(fields, 'aggregate()', ['windowStart', 'windowEnd', 'pane']);
    return this.#add(aggregate, options, (result) => result as object); // of a composite
  }

  /** Combines the values of each pane, one after another; see `WindowedStream.reduce`. */
  reduce(
    combine: (reduced: Value, value: Value) => Value,
    options: StepOptions = {},
  ): WindowResults<Shown<Reduced<Value> & WindowTimes>, Key, Value> {
    checkOptions('reduce()', options, ['name']);
    return this.#add(reducing(combine).aggregation, options, (value) => ({ value }));
  }

  #add<Result>(
    aggregate: Aggregation,
    options: StepOptions,
    fieldsOf: (result: unknown) => object,
  ): WindowResults<Result, Key, Value> {
    const { trigger = afterWatermark(), latenessMs = 0, mode = 'accumulating' } = this.#firing;
    return addWindow(this.#parts, options, {
      aggregate,
      firing: { trigger, latenessMs, mode },
      result: (result, { start, end }, pane) => ({
        ...fieldsOf(result),
        windowStart: start,
        windowEnd: end,
        pane,
      }),
    });
  }

  #checkUnset(call: string, before: unknown): void {
    if (before === undefined) return;
    throw new MillraceError(
      'INVALID',
      `Job "${this.#parts.graph.job}": these windows have had ${call} already. Call it once.`,
    );
  }
}

/** All records of each key; say when they are to be looked at. */
export class GlobalStream<Value, Key> {
  readonly #parts: WindowedParts<Value, Key>;

  constructor(parts: WindowedParts<Value, Key>) {
    this.#parts = parts;
  }

  /**
   * Says when a pane leaves; a global window has no end, so nothing leaves without that.
   * @example .window(globalWindow()).trigger(repeatedly(afterCount(100)), { mode: 'discarding' })
   */
  trigger(trigger: Repeatedly, options: TriggerOptions = {}): GlobalPanes<Value, Key> {
    checkTrigger(trigger, 'trigger() of a global window', ['repeatedly']);
    return new GlobalPanes(this.#parts, { trigger, latenessMs: 0, mode: modeOf(options) });
  }
}

/** All records of each key, in panes. */
export class GlobalPanes<Value, Key> {
  readonly #parts: WindowedParts<Value, Key>;
  readonly #firing: WindowFiring;

  constructor(parts: WindowedParts<Value, Key>, firing: WindowFiring) {
    this.#parts = parts;
    this.#firing = firing;
  }

  /** A result for each pane. */
  aggregate<Fields extends Aggregates<Value>>(
    fields: Fields,
    options: StepOptions = {},
  ): KeyedStream<ResultsOf<Fields, InPane>, Key> {
    checkOptions('aggregate()', options, ['name']);
    const aggregate = composite(fields, 'aggregate()', ['pane']);
    return addWindow<ResultsOf<Fields, InPane>, Value, Key>(this.#parts, options, {
      aggregate,
      firing: this.#firing,
      result: (result, _window, pane) => ({ ...(result as object), pane }), // of a composite
    });
  }

  /** Combines the values of each pane, one after another. */
  reduce(
    combine: (reduced: Value, value: Value) => Value,
    options: StepOptions = {},
  ): KeyedStream<Reduced<Value>, Key> {
    checkOptions('reduce()', options, ['name']);
    return addWindow<Reduced<Value>, Value, Key>(this.#parts, options, {
      aggregate: reducing(combine).aggregation,
      firing: this.#firing,
      result: (value, _window, pane) => ({ value, pane }),
    });
  }
}

function modeOf(options: TriggerOptions): WindowFiring['mode'] {
  checkOptions('trigger()', options, ['mode']);
  const { mode = 'accumulating' } = options;
  checkChoice('mode of trigger()', mode, ['accumulating', 'discarding']);
  return mode;
}

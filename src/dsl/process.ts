/** What users write for `process`: typed by the state that they declare. */
import type { Codec } from '../formats/index.ts';
import {
  type AggregatingSpec,
  type AggregatingState,
  checkOptions,
  type ListSpec,
  type ListState,
  type MapSpec,
  type MapState,
  type ProcessContext,
  type ProcessDefinition,
  type ReducingSpec,
  type ReducingState,
  type StateSpec,
  type TimedValue,
  type Timer,
  type TimerService,
  type ValueSpec,
  type ValueState,
} from '../runtime/index.ts';

/** Declared state by name: `value()`, `list()`, `map()`, `reducing()` or `aggregating()`. */
export type StateSpecs = Readonly<Record<string, StateSpec>>;

/** The state of the current key, by name. */
export type StatesOf<Specs> = {
  readonly [Name in keyof Specs]: StateOf<Specs[Name]>;
};

type StateOf<Spec> =
  Spec extends ValueSpec<infer Value>
    ? ValueState<Value>
    : Spec extends ListSpec<infer Value>
      ? ListState<Value>
      : Spec extends MapSpec<infer Item, infer Value>
        ? MapState<Item, Value>
        : Spec extends ReducingSpec<infer Value>
          ? ReducingState<Value>
          : Spec extends AggregatingSpec<infer Value, infer Result>
            ? AggregatingState<Value, Result>
            : never;

/**
 * An entry of state whose time-to-live is over, by the name of its state. It is removed already:
 * the state can be set anew.
 */
export type Expired<Specs> = {
  readonly [Name in keyof Specs]: ExpiredOf<Name, Specs[Name]>;
}[keyof Specs];

type ExpiredOf<Name, Spec> =
  Spec extends MapSpec<infer Item, infer Value>
    ? { readonly state: Name; readonly item: Item; readonly value: Value }
    : Spec extends AggregatingSpec<never, infer Result>
      ? { readonly state: Name; readonly value: Result }
      : Spec extends { readonly codec: Codec<infer Value> }
        ? { readonly state: Name; readonly value: Value }
        : never;

/** What a callback sees while it handles one record or timer; not valid afterwards. */
export interface KeyContext<Key, Specs> {
  readonly key: Key;
  /** Event time of the record, or the time of the timer, in ms. */
  readonly timestamp: number;
  /**
   * No record at or before this time is expected any more. While an event timer fires, its time,
   * or later where that had passed; for what came of a window or timer upstream, 1 ms before that.
   */
  readonly watermark: number;
  /**
   * The epoch's clock reading, ms since the epoch. Use it instead of Date.now(): it is recorded.
   */
  readonly now: number;
  readonly state: StatesOf<Specs>;
  /** Timers of the current key; setting one twice is setting it once. */
  readonly timers: { readonly event: TimerService; readonly processing: TimerService };
}

/** Records that a callback emits: any iterable, or nothing. */
// biome-ignore lint/suspicious/noConfusingVoidType: a callback without return is of type void
export type Emitted<Out> = Iterable<Out> | undefined | void;

/**
 * A keyed step with state and timers. What the callbacks return is emitted, with the time of the
 * record or timer.
 */
export interface ProcessFunctions<
  Value,
  Key,
  Specs extends StateSpecs,
  Out,
  TimerOut,
  EndOut = never,
> {
  /** Names the step, and its state on disk. */
  readonly name?: string;
  readonly state?: Specs;
  onRecord(value: Value, context: KeyContext<Key, Specs>): Emitted<Out>;
  onTimer?(timer: Timer, context: KeyContext<Key, Specs>): Emitted<TimerOut>;
  /** Called for each entry that has come to the end of its time-to-live. */
  onExpire?(expired: Expired<Specs>, context: KeyContext<Key, Specs>): Emitted<EndOut>;
}

/** What runs them. Fails with `INVALID` for a misspelled name. */
export function processDefinitionOf<Value, Key, Specs extends StateSpecs, Out, TimerOut, EndOut>(
  functions: ProcessFunctions<Value, Key, Specs, Out, TimerOut, EndOut>,
): ProcessDefinition {
  checkOptions('process()', functions, ['name', 'state', 'onRecord', 'onTimer', 'onExpire']);
  const { state = {}, onRecord, onTimer, onExpire } = functions;
  const definition = { state, onRecord, onTimer, onExpire };
  return definition as unknown as ProcessDefinition; // the graph does not know types
}

/** What the steps that are made of a process step see besides. */
export interface StepContext<Key, Specs>
  extends KeyContext<Key, Specs>,
    Pick<ProcessContext, 'late' | 'goOn'> {}

/** A process step that this library makes. */
export interface StepFunctions<Value, Key, Specs extends StateSpecs, Out> {
  readonly state: Specs;
  onRecord(value: Value, context: StepContext<Key, Specs>): Iterable<Out>;
  onTimer?(timer: Timer, context: StepContext<Key, Specs>): Iterable<Out>;
  onExpire?(expired: Expired<Specs>, context: StepContext<Key, Specs>): Iterable<Out>;
  /** See `ProcessContext.goOn`. */
  onSlice?(context: StepContext<Key, Specs>): Iterable<Out>;
}

/** A process step whose results have times of their own. */
export interface TimedStepFunctions<Value, Key, Specs extends StateSpecs, Out>
  extends StepFunctions<Value, Key, Specs, TimedValue<Out>> {
  readonly isTimed: true;
}

export function definitionOf<Value, Key, Specs extends StateSpecs, Out>(
  step: StepFunctions<Value, Key, Specs, Out> & { readonly isTimed?: true },
): ProcessDefinition {
  const { state, onRecord, onTimer, onExpire, onSlice, isTimed } = step;
  const definition = { state, onRecord, onTimer, onExpire, onSlice, isTimed };
  return definition as unknown as ProcessDefinition; // the graph does not know types
}

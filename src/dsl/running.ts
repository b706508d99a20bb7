/** Running aggregates and reduce: process steps that keep one value for each key. */
import type { Aggregation, ProcessDefinition, TimeToLive, ValueState } from '../runtime/index.ts';
import { reducing } from './reducing.ts';

/** What `ttlOf` gives. */
interface Ageing {
  readonly ttl?: TimeToLive | undefined;
}

export function runningAggregate(aggregation: Aggregation, ageing: Ageing): ProcessDefinition {
  const { codec, name: shape } = aggregation;
  return {
    state: { accumulator: { kind: 'value', codec, shape, changedInPlace: true, ...ageing } },
    onRecord(value, { state, timestamp }) {
      const accumulator = state.accumulator as ValueState<unknown>; // as declared
      const before = accumulator.get() ?? aggregation.create();
      const after = aggregation.add(before, value, timestamp);
      accumulator.set(after);
      return [aggregation.result(after)];
    },
    onTimer: undefined,
  };
}

export function runningReduce<Value>(
  combine: (reduced: Value, value: Value) => Value,
  ageing: Ageing,
): ProcessDefinition {
  const { codec, add } = reducing(combine);
  return {
    state: { reduced: { kind: 'value', codec, ...ageing } },
    onRecord(value, { state }) {
      const reduced = state.reduced as ValueState<Value>; // as declared
      const after = add(reduced.get(), value as Value); // the graph does not know types
      reduced.set(after);
      return [after];
    },
    onTimer: undefined,
  };
}

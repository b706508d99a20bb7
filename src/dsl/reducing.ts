/** reduce, as an aggregate and as state: the values are plain JSON, and checked. */
import { type Codec, json } from '../formats/index.ts';
import type { Aggregation } from '../runtime/index.ts';

export interface Reducing<Value> {
  readonly codec: Codec<unknown>;
  add(reduced: Value | undefined, value: Value): Value;
  readonly aggregation: Aggregation;
}

export function reducing<Value>(combine: (reduced: Value, value: Value) => Value): Reducing<Value> {
  const codec = json<unknown>();
  const add = (reduced: Value | undefined, value: Value) =>
    reduced === undefined ? value : combine(reduced, value);
  return {
    codec,
    add,
    aggregation: {
      name: 'reduce',
      create: () => undefined,
      add: (reduced, value) => add(reduced as Value | undefined, value as Value), // as made here
      merge: (left, right) =>
        right === undefined ? left : add(left as Value | undefined, right as Value), // the same
      result: (reduced) => reduced,
      codec,
    },
  };
}

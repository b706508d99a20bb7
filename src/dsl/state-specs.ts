/** Declares the state of a process step. */
import { type Codec, json } from '../formats/index.ts';
import type { StateSpec } from '../runtime/index.ts';

/** State that holds one value for each key; plain JSON unless another codec is given. */
export interface ValueSpec<Value> extends StateSpec<Value> {
  readonly kind: 'value';
}

/**
 * One value for each key.
 *
 * @example
 * stream.keyBy((e) => e.user).process({
 *   state: { seen: value<number>() },
 *   onRecord: (event, { state }) => {
 *     state.seen.update((n = 0) => n + 1);
 *     return [{ ...event, seen: state.seen.get() }];
 *   },
 * })
 */
export function value<Value>(codec: Codec<Value> = json<Value>()): ValueSpec<Value> {
  return { kind: 'value', codec };
}

/** Two keyed streams as one: each record says which of them it comes from. */
import type { KeyedStream } from '../stream.ts';

/** A record of the left or of the right stream. */
export type Sided<Left, Right> =
  | { readonly side: 'left'; readonly value: Left }
  | { readonly side: 'right'; readonly value: Right };

/** Both are keyed alike. */
export function bothSides<Left, Right, Key>(
  left: KeyedStream<Left, Key>,
  right: KeyedStream<Right, Key>,
): KeyedStream<Sided<Left, Right>, Key> {
  return left
    .map((value): Sided<Left, Right> => ({ side: 'left', value }))
    .union(right.map((value): Sided<Left, Right> => ({ side: 'right', value })));
}

/** What a join makes of two records, or of one that has found none. */
export type Pair<Left, Right, Out> = (left: Left | undefined, right: Right | undefined) => Out;

/** Which records without another one a join emits. */
export interface Outer {
  readonly left: boolean;
  readonly right: boolean;
}

export type JoinCall = 'join' | 'leftJoin' | 'rightJoin' | 'outerJoin';

export const joinKinds: Readonly<Record<JoinCall, Outer>> = {
  join: { left: false, right: false },
  leftJoin: { left: true, right: false },
  rightJoin: { left: false, right: true },
  outerJoin: { left: true, right: true },
};

/**
 * Window joins: what `ConnectedStreams.window()` gives. Both sides are gathered in one window, and
 * put together when it fires.
 */
import { collect } from '../aggregates/collect.ts';
import type { StepOptions } from '../step-options.ts';
import type { KeyedStream, WindowResults } from '../stream.ts';
import type { TimedWindows } from '../window-assigners.ts';
import type { WindowTimes } from '../windowed-parts.ts';
import type { WindowedStream } from '../windowed-stream.ts';
import { type JoinCall, joinKinds, type Outer, type Pair, type Sided } from './sides.ts';

export interface WindowJoinOptions extends StepOptions {
  /** Records of both sides in a window of a key; more fail with `USER_FUNCTION`. Default 10,000. */
  readonly max?: number;
}

/** What is made of two records of a window; which are there is said by the kind of join. */
type PairInWindow<Left, Right, Out> = (
  left: Left | undefined,
  right: Right | undefined,
  window: WindowTimes,
) => Out;

const known = ['name', 'max'];

export class WindowJoin<Left, Right, Key> {
  readonly #both: KeyedStream<Sided<Left, Right>, Key>;
  readonly #windowed: WindowedStream<Sided<Left, Right>, Key>;

  constructor(
    both: KeyedStream<Sided<Left, Right>, Key>,
    assigner: TimedWindows<Sided<Left, Right>>,
  ) {
    this.#both = both;
    this.#windowed = both.window(assigner);
  }

  /** Each left record with each right one in its window: left by left, in the order of time. */
  join<Out>(
    pair: (left: Left, right: Right, window: WindowTimes) => Out,
    options: WindowJoinOptions = {},
  ): WindowResults<Out, Key, Sided<Left, Right>> {
    return this.#join('join', pair as PairInWindow<Left, Right, Out>, options);
  }

  /** And the left records of windows without right ones. */
  leftJoin<Out>(
    pair: (left: Left, right: Right | undefined, window: WindowTimes) => Out,
    options: WindowJoinOptions = {},
  ): WindowResults<Out, Key, Sided<Left, Right>> {
    return this.#join('leftJoin', pair as PairInWindow<Left, Right, Out>, options);
  }

  /** And the right records of windows without left ones. */
  rightJoin<Out>(
    pair: (left: Left | undefined, right: Right, window: WindowTimes) => Out,
    options: WindowJoinOptions = {},
  ): WindowResults<Out, Key, Sided<Left, Right>> {
    return this.#join('rightJoin', pair as PairInWindow<Left, Right, Out>, options);
  }

  /** And the records of windows that only one side has records in. */
  outerJoin<Out>(
    pair: (left: Left | undefined, right: Right | undefined, window: WindowTimes) => Out,
    options: WindowJoinOptions = {},
  ): WindowResults<Out, Key, Sided<Left, Right>> {
    return this.#join('outerJoin', pair, options);
  }

  /**
   * All records of a window at once, of each side in the order of time; of windows without any
   * there is nothing.
   * @example
   * .window(tumbling('1h')).coGroup((orders, payments, { windowStart }) => [
   *   { hour: windowStart, unpaid: orders.length - payments.length },
   * ])
   */
  coGroup<Out>(
    group: (lefts: readonly Left[], rights: readonly Right[], window: WindowTimes) => Iterable<Out>,
    options: WindowJoinOptions = {},
  ): WindowResults<Out, Key, Sided<Left, Right>> {
    this.#both.check('coGroup()', group, options, known);
    return this.#add(group, options);
  }

  #join<Out>(
    call: JoinCall,
    pair: PairInWindow<Left, Right, Out>,
    options: WindowJoinOptions,
  ): WindowResults<Out, Key, Sided<Left, Right>> {
    const outer = joinKinds[call];
    this.#both.check(`${call}()`, pair, options, known);
    return this.#add((lefts, rights, window) => {
      return pairs<Left, Right, Out>(lefts, rights, outer, (l, r) => pair(l, r, window));
    }, options);
  }

  #add<Out>(
    group: (lefts: readonly Left[], rights: readonly Right[], window: WindowTimes) => Iterable<Out>,
    { name, max }: WindowJoinOptions,
  ): WindowResults<Out, Key, Sided<Left, Right>> {
    const all = collect<Sided<Left, Right>>(undefined, max === undefined ? {} : { max });
    const windows = this.#windowed.aggregate({ all }, name === undefined ? {} : { name });
    const results: KeyedStream<Out, Key> = windows.flatMap(({ all, windowStart, windowEnd }) => {
      const lefts = all.flatMap((of) => (of.side === 'left' ? [of.value] : []));
      const rights = all.flatMap((of) => (of.side === 'right' ? [of.value] : []));
      return group(lefts, rights, { windowStart, windowEnd });
    });
    return results.withLate(windows.late);
  }
}

function* pairs<Left, Right, Out>(
  lefts: readonly Left[],
  rights: readonly Right[],
  outer: Outer,
  pair: Pair<Left, Right, Out>,
): Generator<Out, void, void> {
  for (const left of lefts) {
    for (const right of rights) yield pair(left, right);
    if (outer.left && rights.length === 0) yield pair(left, undefined);
  }
  if (!outer.right || lefts.length > 0) return;
  for (const right of rights) yield pair(undefined, right);
}

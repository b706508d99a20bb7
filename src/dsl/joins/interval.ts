/** Interval joins: what `ConnectedStreams.within()` gives. */
import { checkOptions, type Duration, durationMs } from '../../runtime/index.ts';
import type { StepOptions } from '../step-options.ts';
import type { KeyedStream, WindowResults } from '../stream.ts';
import { type IntervalMs, intervalJoin } from './interval-join.ts';
import { bothSides, type JoinCall, joinKinds, type Pair, type Sided } from './sides.ts';

/** How far the event time of a right record may lie from that of a left one. */
export type Interval =
  | { readonly before: Duration; readonly after?: Duration }
  | { readonly before?: Duration; readonly after: Duration };

export class IntervalJoin<Left, Right, Key> {
  readonly #left: KeyedStream<Left, Key>;
  readonly #right: KeyedStream<Right, Key>;
  readonly #interval: IntervalMs;

  constructor(left: KeyedStream<Left, Key>, right: KeyedStream<Right, Key>, interval: Interval) {
    this.#left = left;
    this.#right = right;
    this.#interval = intervalMs(interval);
  }

  /**
   * Each left record with each right one that is near to it; the result has the later one's time.
   * @example clicks.connect(views).within({ before: '10m' }).join((click, view) => ({ ... }))
   */
  join<Out>(
    pair: (left: Left, right: Right) => Out,
    options: StepOptions = {},
  ): WindowResults<Out, Key, Sided<Left, Right>> {
    return this.#add('join', pair as Pair<Left, Right, Out>, options); // it has both
  }

  /**
   * And each left record that has met none, once none can come: at its own time plus `after`.
   * @example .within({ after: '1h' }).leftJoin((order, payment) => ({ order, payment }))
   */
  leftJoin<Out>(
    pair: (left: Left, right: Right | undefined) => Out,
    options: StepOptions = {},
  ): WindowResults<Out, Key, Sided<Left, Right>> {
    return this.#add('leftJoin', pair as Pair<Left, Right, Out>, options); // it has the left one
  }

  /** And each right record that has met none, once none can come: at its time plus `before`. */
  rightJoin<Out>(
    pair: (left: Left | undefined, right: Right) => Out,
    options: StepOptions = {},
  ): WindowResults<Out, Key, Sided<Left, Right>> {
    return this.#add('rightJoin', pair as Pair<Left, Right, Out>, options); // it has the right one
  }

  /** And each record of both sides that has met none. One of the two is there. */
  outerJoin<Out>(
    pair: (left: Left | undefined, right: Right | undefined) => Out,
    options: StepOptions = {},
  ): WindowResults<Out, Key, Sided<Left, Right>> {
    return this.#add('outerJoin', pair, options);
  }

  #add<Out>(
    call: JoinCall,
    pair: Pair<Left, Right, Out>,
    options: StepOptions,
  ): WindowResults<Out, Key, Sided<Left, Right>> {
    this.#left.check(`${call}()`, pair, options, ['name']);
    const step = intervalJoin<Left, Right, Key, Out>(this.#interval, joinKinds[call], pair);
    const joined = bothSides(this.#left, this.#right).addTimedStep(call, options.name, step);
    return joined.withLate();
  }
}

function intervalMs(interval: Interval): IntervalMs {
  checkOptions('within()', interval, ['before', 'after']);
  const { before = 0, after = 0 } = interval;
  return {
    beforeMs: durationMs(before, '{ before } of within()'),
    afterMs: durationMs(after, '{ after } of within()'),
  };
}

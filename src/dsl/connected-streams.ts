/**
 * Two keyed streams whose records meet in one state: for each key, what came from the left and what
 * came from the right. It is a process step over the union of both.
 */
import { checkOptions, MillraceError } from '../platform/index.ts';
import type { Timer } from '../runtime/index.ts';
import { type Interval, IntervalJoin } from './joins/interval.ts';
import { bothSides, type Sided } from './joins/sides.ts';
import { WindowJoin } from './joins/window-join.ts';
import type { Emitted, Expired, KeyContext, ProcessFunctions, StateSpecs } from './process.ts';
import type { KeyedStream } from './stream.ts';
import type { TimedWindows } from './window-assigners.ts';

/** What is done with the records of each side, for one key at a time. */
export interface ConnectFunctions<
  Left,
  Right,
  Key,
  Specs extends StateSpecs,
  LeftOut,
  RightOut,
  TimerOut,
  EndOut,
> {
  /** Names the step, and its state on disk. */
  readonly name?: string;
  /** Shared by both sides. */
  readonly state?: Specs;
  onLeft(value: Left, context: KeyContext<Key, Specs>): Emitted<LeftOut>;
  onRight(value: Right, context: KeyContext<Key, Specs>): Emitted<RightOut>;
  onTimer?(timer: Timer, context: KeyContext<Key, Specs>): Emitted<TimerOut>;
  /** Called for each entry that has come to the end of its time-to-live. */
  onExpire?(expired: Expired<Specs>, context: KeyContext<Key, Specs>): Emitted<EndOut>;
}

const names = ['name', 'state', 'onLeft', 'onRight', 'onTimer', 'onExpire'] as const;

export class ConnectedStreams<Left, Right, Key> {
  readonly #left: KeyedStream<Left, Key>;
  readonly #right: KeyedStream<Right, Key>;

  constructor(left: KeyedStream<Left, Key>, right: KeyedStream<Right, Key>) {
    this.#left = left;
    this.#right = right;
  }

  /**
   * State and timers for each key, which records of both sides share; what the functions return is
   * emitted.
   * @example
   * orders.keyBy((o) => o.id).connect(payments.keyBy((p) => p.order)).process({
   *   state: { order: value<Order>({ ttl: '1d' }) },
   *   onLeft(order, { state }) {
   *     state.order.set(order);
   *   },
   *   onRight(payment, { state }) {
   *     const order = state.order.get();
   *     return order === undefined ? [] : [{ ...order, paid: payment.amount }];
   *   },
   * })
   */
  process<
    Specs extends StateSpecs = Record<never, never>,
    LeftOut = never,
    RightOut = never,
    TimerOut = never,
    EndOut = never,
  >(
    functions: ConnectFunctions<Left, Right, Key, Specs, LeftOut, RightOut, TimerOut, EndOut>,
  ): KeyedStream<LeftOut | RightOut | TimerOut | EndOut, Key> {
    checkOptions('process()', functions, names);
    const { onLeft, onRight, ...others } = functions;
    for (const [name, given] of Object.entries({ onLeft, onRight })) {
      if (typeof given === 'function') continue;
      throw new MillraceError('INVALID', `process() of two connected streams needs ${name}().`);
    }
    type Out = LeftOut | RightOut;
    const both: ProcessFunctions<Sided<Left, Right>, Key, Specs, Out, TimerOut, EndOut> = {
      ...others,
      onRecord: (record, context) =>
        record.side === 'left' ? onLeft(record.value, context) : onRight(record.value, context),
    };
    return bothSides(this.#left, this.#right).process(both);
  }

  /**
   * Pairs of records of both sides whose event times lie near to one another: say what is to be
   * made of them with `join`, `leftJoin`, `rightJoin` or `outerJoin`.
   * @example
   * orders.keyBy((o) => o.id).connect(payments.keyBy((p) => p.order))
   *   .within({ after: '1h' })
   *   .leftJoin((order, payment) => ({ id: order.id, paid: payment?.amount ?? 0 }))
   */
  within(interval: Interval): IntervalJoin<Left, Right, Key> {
    return new IntervalJoin(this.#left, this.#right, interval);
  }

  /**
   * The records of both sides that lie in one window: say what is to be made of them with `join`,
   * `leftJoin`, `rightJoin`, `outerJoin` or `coGroup`.
   * @example
   * people.keyBy((p) => p.id).connect(auctions.keyBy((a) => a.seller))
   *   .window(tumbling('10s'))
   *   .join((person, auction) => ({ name: person.name, item: auction.item }))
   */
  window(assigner: TimedWindows<Sided<Left, Right>>): WindowJoin<Left, Right, Key> {
    return new WindowJoin(bothSides(this.#left, this.#right), assigner);
  }
}

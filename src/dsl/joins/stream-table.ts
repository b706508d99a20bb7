/**
 * Joins of a keyed stream and a table: what `connect(table)` gives. Each record gets the row of its
 * key, as it is when the record comes, or as it was at the record's event time.
 */
import { checkOptions, type Duration, durationMs } from '../../runtime/index.ts';
import type { StepOptions } from '../step-options.ts';
import type { KeyedStream, WindowResults } from '../stream.ts';
import type { AnyRow, Change } from '../tables/change.ts';
import { asOfNow } from './as-of-now.ts';
import { asOfTime } from './as-of-time.ts';
import { bothSides, type Sided } from './sides.ts';

export interface AsOfTimeOptions {
  /**
   * How late a record may be and still get its row, and a change and still count: versions of rows
   * are kept so long behind the watermark. Default `'0s'`.
   */
  readonly grace?: Duration;
}

/** What a join makes of a record and a row; undefined: there was none. */
export type WithRow<Value, Row, Out> = (value: Value, row: Row | undefined) => Out;

/** A record of the stream, or a change of the table. */
export type StreamOrTable<Value, Row extends AnyRow> = Sided<Value, Change<Row>>;

/** Adds a step to a stream; `isLeft`: it emits records without a row as well. */
type AddStep<Value, Row, Key> = <Out>(
  call: string,
  name: string | undefined,
  isLeft: boolean,
  combine: WithRow<Value, Row, Out>,
) => KeyedStream<Out, Key>;

/** A keyed stream and a table with the same keys; say which version of a row a record gets. */
export class ConnectedTable<Value, Row extends AnyRow, Key> {
  readonly #both: KeyedStream<StreamOrTable<Value, Row>, Key>;

  constructor(stream: KeyedStream<Value, Key>, changes: KeyedStream<Change<Row>, Key>) {
    this.#both = bothSides(stream, changes);
  }

  /**
   * The row as it is when the record is met. Of what is there to be read, records and changes are
   * met in the order of event time.
   * @example
   * orders.keyBy((o) => o.customer).connect(customers).asOfNow()
   *   .join((order, customer) => ({ ...order, country: customer.country }))
   */
  asOfNow(): StreamTableJoin<Value, Row, Key> {
    return new StreamTableJoin<Value, Row, Key>(this.#both, (call, name, isLeft, combine) =>
      this.#both.addTimedStep(`${call}-now`, name, asOfNow(isLeft, combine)),
    );
  }

  /**
   * The row as it was at the record's event time, whatever came first: a record waits until the
   * watermark has passed its time.
   * @example
   * orders.keyBy((o) => o.currency).connect(rates).asOfEventTime({ grace: '1h' })
   *   .leftJoin((order, rate) => ({ ...order, euros: rate && order.price * rate.euros }))
   */
  asOfEventTime(options: AsOfTimeOptions = {}): StreamTableJoin<Value, Row, Key> {
    checkOptions('asOfEventTime()', options, ['grace']);
    const graceMs = durationMs(options.grace ?? 0, '{ grace } of asOfEventTime()');
    return new StreamTableJoin<Value, Row, Key>(this.#both, (call, name, isLeft, combine) =>
      this.#both.addTimedStep(`${call}-then`, name, asOfTime(graceMs, isLeft, combine)),
    );
  }
}

/** A stream and a table, and which version of a row a record gets. */
export class StreamTableJoin<Value, Row extends AnyRow, Key> {
  readonly #both: KeyedStream<StreamOrTable<Value, Row>, Key>;
  readonly #addStep: AddStep<Value, Row, Key>;

  constructor(
    both: KeyedStream<StreamOrTable<Value, Row>, Key>,
    addStep: AddStep<Value, Row, Key>,
  ) {
    this.#both = both;
    this.#addStep = addStep;
  }

  /** Each record that has a row, with it. */
  join<Out>(
    combine: (value: Value, row: Row) => Out,
    options: StepOptions = {},
  ): WindowResults<Out, Key, StreamOrTable<Value, Row>> {
    return this.#add('join', false, combine as WithRow<Value, Row, Out>, options); // it has one
  }

  /** Each record, with its row if it has one. */
  leftJoin<Out>(
    combine: (value: Value, row: Row | undefined) => Out,
    options: StepOptions = {},
  ): WindowResults<Out, Key, StreamOrTable<Value, Row>> {
    return this.#add('leftJoin', true, combine, options);
  }

  #add<Out>(
    call: string,
    isLeft: boolean,
    combine: WithRow<Value, Row, Out>,
    options: StepOptions,
  ): WindowResults<Out, Key, StreamOrTable<Value, Row>> {
    this.#both.check(`${call}()`, combine, options, ['name']);
    return this.#addStep(call, options.name, isLeft, combine).withLate<StreamOrTable<Value, Row>>();
  }
}

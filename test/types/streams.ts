/** Streams that come together and part. Nothing here runs: the compiler is the test. */
import { count, job, json, type KeyedStream, type Stream, string, topic, value } from 'millrace';

interface Cash {
  readonly kind: 'cash';
  readonly coins: number;
}

interface Card {
  readonly kind: 'card';
  readonly number: string;
}

const key = string();
const payments = topic('payments', { key, value: json<Cash | Card>() });
const orders = topic('orders', { key, value: json<{ readonly id: string }>() });
const cash = topic('cash', { key, value: json<Cash>() });
const isCash = (payment: Cash | Card): payment is Cash => payment.kind === 'cash';

export const parted = job('parted', ({ from }) => {
  const parts = from(payments).split({ cash: isCash, long: (p) => JSON.stringify(p).length > 99 });
  parts.cash.to(cash);
  parts.cash.map(({ coins }) => coins);
  const long: Stream<Cash | Card, string> = parts.long;
  const rest: Stream<Card, string> = parts.rest;
  // @ts-expect-error any payment may be long
  long.map(({ coins }) => coins);
  // @ts-expect-error the rest is not keyed
  rest.aggregate({ n: count() });
  // @ts-expect-error there is no such branch
  parts.credit;
  // @ts-expect-error the rest is what no branch takes
  from(payments).split({ rest: isCash });
  // @ts-expect-error a branch tests values of the stream
  from(payments).split({ dear: (order: { readonly price: number }) => order.price > 9 });
  const keyed = from(payments)
    .keyBy((p) => p.kind)
    .split({ cash: isCash });
  const perKind: KeyedStream<Cash, 'cash' | 'card'> = keyed.cash;
  perKind.aggregate({ n: count() });
});

export const together = job('together', ({ from }) => {
  const both = from(payments).union(from(orders));
  const either: Stream<Cash | Card | { readonly id: string }, string> = both;
  // @ts-expect-error an order has no kind
  either.map((of) => of.kind);
  // @ts-expect-error not keyed
  both.aggregate({ n: count() });
  // @ts-expect-error of what?
  from(payments).union();
  const byId = from(orders).keyBy(({ id }) => id);
  byId.union(byId).aggregate({ n: count() });
  // @ts-expect-error the other one is not keyed, so the union is not
  byId.union(from(orders)).aggregate({ n: count() });
  // @ts-expect-error keys of another type
  byId.union(from(orders).keyBy(({ id }) => id.length));
});

export const connected = job('connected', ({ from }) => {
  const byId = from(orders).keyBy(({ id }) => id);
  const byKind = from(payments).keyBy((payment): string => payment.kind);
  // @ts-expect-error not keyed
  byId.connect(from(payments));
  // @ts-expect-error not keyed
  from(payments).connect(byId);
  // @ts-expect-error a side is missing
  byId.connect(byKind).process({ onLeft: () => [] });
  const results: KeyedStream<string | number, string> = byId.connect(byKind).process({
    state: { seen: value<string>() },
    onLeft({ id }, { state }) {
      state.seen.set(id);
      // @ts-expect-error a string is kept
      state.seen.set(1);
      return [id];
    },
    onRight: (payment, { key: of }) => [isCash(payment) ? payment.coins : of.length],
  });
  // @ts-expect-error numbers come too
  results.map((result) => result.length);
});

/** Steps without windows: what they take, and what they make. The compiler is the test. */
import {
  count,
  job,
  json,
  type KeyedStream,
  keyJson,
  number,
  type Stream,
  string,
  sum,
  topic,
} from 'millrace';

interface Bid {
  readonly auction: string;
  readonly price: number;
  readonly note?: string;
}

type Is<A> = <T>() => T extends A ? true : false;

/** Compiles only where the two types are the same. */
function same<A, B>(..._proof: Is<A> extends Is<B> ? [] : [never]): void {}

const bids = topic('bids', { key: string(), value: json<Bid>() });
const prices = topic('prices', { key: string(), value: json<number>() });
const isNoted = (bid: Bid): bid is Bid & { readonly note: string } => bid.note !== undefined;

export const reading = job('reading', ({ from }) => {
  same<ReturnType<typeof bidsOf>, Stream<Bid, string>>();
  const bidsOf = () => from(bids, { eventTime: (bid) => bid.price, outOfOrderness: '5s' });
  const few = from(bids.select('price'));
  few.map(({ price }) => price);
  // @ts-expect-error it was not selected
  few.map(({ auction }) => auction);
  // @ts-expect-error there is no such field
  bids.select('dealer');
  // @ts-expect-error a time is a number
  from(bids, { eventTime: (bid) => bid.auction });
  // @ts-expect-error there is no such option
  from(bids, { outOfOrder: '5s' });
  // @ts-expect-error not a policy
  from(bids, { onError: 'ignore' });
  // @ts-expect-error a name is no topic
  from('bids');
});

export const stateless = job('stateless', ({ from }) => {
  const stream = from(bids);
  const numbers: Stream<number, string> = stream.map((bid) => bid.price);
  numbers.to(prices);
  // @ts-expect-error these are no numbers
  stream.to(prices);
  stream.filter(isNoted).map((bid) => bid.note.length);
  // @ts-expect-error there may be no note
  stream.filter((bid) => bid.price > 1).map((bid) => bid.note.length);
  // @ts-expect-error a filter says yes or no
  stream.filter((bid) => bid.note);
  const letters: Stream<string, string> = stream.flatMap((bid) => [...bid.auction]);
  letters.map((letter) => letter.length);
  // @ts-expect-error one value is not many
  stream.flatMap((bid) => bid.price);
  // @ts-expect-error there is no such option
  stream.map((bid) => bid, { names: 'same' });
  // @ts-expect-error without keys there is no state
  stream.process({ onRecord: () => [] });
  // @ts-expect-error nor are there windows
  stream.window;
  // @ts-expect-error nor running results
  stream.reduce((a: Bid, _b: Bid) => a);
});

export const keyed = job('keyed', ({ from }) => {
  const byAuction = from(bids).keyBy((bid) => bid.auction);
  same<typeof byAuction, KeyedStream<Bid, string>>();
  const byPair = from(bids).keyBy((bid) => [bid.auction, bid.price] as const);
  same<typeof byPair, KeyedStream<Bid, readonly [string, number]>>();
  from(bids).keyBy((bid) => bid.price, { key: number() });
  // @ts-expect-error the codec is for other keys
  from(bids).keyBy((bid) => bid.auction, { key: number() });
  from(bids).keyBy((bid) => bid.price, { key: keyJson<number>(), name: 'by-price' });
  same<ReturnType<typeof mapped>, KeyedStream<number, string>>();
  const mapped = () => byAuction.map((bid) => bid.price);
  const noted = byAuction.filter(isNoted);
  same<typeof noted, KeyedStream<Bid & { readonly note: string }, string>>();
  const twice = byAuction.flatMap((bid) => [bid, bid]);
  same<typeof twice, KeyedStream<Bid, string>>();
});

export const running = job('running', ({ from }) => {
  const byAuction = from(bids).keyBy((bid) => bid.auction);
  const best = byAuction.reduce((a, b) => (a.price > b.price ? a : b), { ttl: '1d' });
  same<typeof best, KeyedStream<Bid, string>>();
  // @ts-expect-error what is reduced stays what it was
  byAuction.reduce((a, b) => a.price + b.price);
  const totals = byAuction.aggregate({ n: count(), total: sum((bid) => bid.price) });
  same<typeof totals, KeyedStream<{ readonly n: number; readonly total: number }, string>>();
  // @ts-expect-error there is no such field
  byAuction.aggregate({ total: sum((bid) => bid.cost) });
  // @ts-expect-error only numbers have a sum
  byAuction.aggregate({ total: sum((bid) => bid.auction) });
  // @ts-expect-error not an aggregate
  byAuction.aggregate({ n: 1 });
});

export const counted = job('counted', ({ from }) => {
  const hundred = from(bids)
    .keyBy((bid) => bid.auction)
    .countWindow(100);
  const totals = hundred.aggregate({ n: count(), total: sum((bid) => bid.price) });
  same<typeof totals, KeyedStream<{ readonly n: number; readonly total: number }, string>>();
  // @ts-expect-error they have no end in time
  totals.map((result) => result.windowEnd);
  // @ts-expect-error and nothing can be late
  totals.late;
  // @ts-expect-error nor be waited for
  hundred.allowedLateness('1h');
});

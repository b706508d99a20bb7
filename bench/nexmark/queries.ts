/**
 * Queries of Nexmark (nexmark/nexmark at 6b3646c3, `queries/q*.sql`) as one would write them here.
 * Where SQL has the key in the row, results have it as the key of their record.
 */
import { count, hopping, type Stream, session, tumbling, value } from 'millrace';
import { dearest, newSeller, withMostBids } from './aggregates.ts';
import type { AuctionEvent, Bid, BidEvent, Event, PersonEvent } from './events.ts';

/** Makes a stream of results of a stream of events. */
export type Query = (events: Stream<Event, number>) => Stream<unknown, unknown>;

/** In Nexmark's order. */
export const queries = { q0, q1, q2, q5, q7, q8, q11 };

/** Passes the bids on. */
function q0(events: Stream<Event, number>) {
  return bidsOf(events).map(({ auction, bidder, price, dateTime, extra }) => {
    return { auction, bidder, price, dateTime, extra };
  });
}

/** Passes them on in another currency. */
function q1(events: Stream<Event, number>) {
  return bidsOf(events).map(({ auction, bidder, price, dateTime, extra }) => {
    return { auction, bidder, price: (price * 908) / 1000, dateTime, extra };
  });
}

/** The bids of some auctions. */
function q2(events: Stream<Event, number>) {
  return bidsOf(events)
    .filter(({ auction }) => auction % 123 === 0)
    .map(({ auction, price }) => ({ auction, price }));
}

/** Every 2 s, the auctions with the most bids in the last 10 s; all of them where several have. */
function q5(events: Stream<Event, number>) {
  return bidsOf(events)
    .keyBy(({ auction }) => auction)
    .window(hopping('10s', { every: '2s' }))
    .aggregate({ num: count() })
    .process({ onRecord: ({ num }, { key: auction }) => [{ auction, num }] })
    .keyBy(() => 'all')
    .window(tumbling('2s'))
    .aggregate({ best: withMostBids })
    .flatMap(({ best: { auctions, num } }) => auctions.map((auction) => ({ auction, num })));
}

/**
 * The dearest bids of each 10 s. In SQL the end belongs to the window here, although it does not
 * where the highest price is found: a bid at the end, as dear as that, counts for both.
 */
function q7(events: Stream<Event, number>) {
  return bidsOf(events)
    .keyBy(() => 'all')
    .window(tumbling('10s'))
    .aggregate({ dearest: dearest((bid) => bid.dateTime % 10_000 === 0) })
    .process({
      state: { last: value<{ readonly price: number; readonly windowEnd: number }>() },
      *onRecord({ dearest: { price, bids, atStart }, windowStart, windowEnd }, { state }) {
        const last = state.last.get();
        state.last.set({ price, windowEnd });
        if (last?.windowEnd === windowStart) {
          yield* atStart.filter((bid) => bid.price === last.price);
        }
        yield* bids;
      },
    });
}

/** People who opened an auction in the 10 s in which they came. */
function q8(events: Stream<Event, number>) {
  const people = events
    .filter((event): event is PersonEvent => event.person !== null)
    .map(({ person: { id, name } }) => ({ id, name }));
  const sellers = events
    .filter((event): event is AuctionEvent => event.auction !== null)
    .map(({ auction }) => ({ id: auction.seller, name: null }));
  return people
    .union(sellers)
    .keyBy(({ id }) => id)
    .window(tumbling('10s'))
    .aggregate({ seller: newSeller })
    .filter(({ seller: { name, hasAuction } }) => name !== null && hasAuction)
    .map(({ seller: { name }, windowStart }) => ({ name, windowStart }));
}

/** How many bids each bidder made without a pause of 10 s. */
function q11(events: Stream<Event, number>) {
  return bidsOf(events)
    .keyBy(({ bidder }) => bidder)
    .window(session('10s'))
    .aggregate({ bids: count() });
}

function bidsOf(events: Stream<Event, number>): Stream<Bid, number> {
  return events.filter((event): event is BidEvent => event.bid !== null).map(({ bid }) => bid);
}

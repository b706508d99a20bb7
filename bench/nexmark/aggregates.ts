/** What the queries compute for a window that no aggregate of Millrace does alone. */
import { type Aggregate, aggregate } from 'millrace';
import type { Bid } from './events.ts';

type Result = Pick<Bid, 'auction' | 'bidder' | 'price' | 'dateTime' | 'extra'>;

interface Dearest {
  readonly price: number;
  /** All bids of that price. */
  readonly bids: readonly Result[];
  /** All bids at the start of the window, of any price. */
  readonly atStart: readonly Result[];
}

/** The bids with the highest price. */
export function dearest(isAtStart: (bid: Bid) => boolean): Aggregate<Bid, Dearest> {
  return aggregate({
    name: 'dearest',
    create: (): Dearest => ({ price: 0, bids: [], atStart: [] }),
    add(so, bid: Bid) {
      const starts = isAtStart(bid);
      if (bid.price < so.price && !starts) return so;
      const { auction, bidder, price, dateTime, extra } = bid;
      const result = { auction, bidder, price, dateTime, extra };
      const of = { price, bids: [result], atStart: starts ? [result] : [] };
      return joinedDearest(so, of);
    },
    merge: joinedDearest,
    result: (so) => so,
  });
}

function joinedDearest(left: Dearest, right: Dearest): Dearest {
  const price = Math.max(left.price, right.price);
  const bids = [left, right].flatMap((so) => (so.price === price ? so.bids : []));
  return { price, bids, atStart: [...left.atStart, ...right.atStart] };
}

interface AuctionCount {
  readonly auction: number;
  readonly num: number;
}

interface MostBids {
  readonly num: number;
  /** All auctions with so many. */
  readonly auctions: readonly number[];
}

/** The auctions with the highest count. */
export const withMostBids: Aggregate<AuctionCount, MostBids> = aggregate({
  name: 'with-most-bids',
  create: (): MostBids => ({ num: 0, auctions: [] }),
  add: (best, { auction, num }: AuctionCount) =>
    num < best.num ? best : joinedMost(best, { num, auctions: [auction] }),
  merge: joinedMost,
  result: (best) => best,
  isOrderFree: true, // auctions are sorted
});

function joinedMost(left: MostBids, right: MostBids): MostBids {
  const num = Math.max(left.num, right.num);
  const auctions = [left, right].flatMap((of) => (of.num === num ? of.auctions : []));
  return { num, auctions: auctions.sort((a, b) => a - b) };
}

interface NewSeller {
  /** Null: no such person has come. */
  readonly name: string | null;
  readonly hasAuction: boolean;
}

/** Of one id: a person, whose name is given, and auctions, for which none is. */
export const newSeller: Aggregate<{ readonly name: string | null }, NewSeller> = aggregate({
  name: 'new-seller',
  create: (): NewSeller => ({ name: null, hasAuction: false }),
  add: ({ name, hasAuction }, part: { readonly name: string | null }) => {
    return { name: name ?? part.name, hasAuction: hasAuction || part.name === null };
  },
  merge: (left, right) => {
    return { name: left.name ?? right.name, hasAuction: left.hasAuction || right.hasAuction };
  },
  result: (seller) => seller,
});

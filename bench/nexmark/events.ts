/**
 * What Nexmark's stream is made of: an auction site's people, auctions and bids, in one topic. Ids
 * are whole numbers, prices cents, times ms since the epoch.
 */
import { json, number, topic } from 'millrace';

export interface Person {
  readonly id: number;
  readonly name: string;
  readonly emailAddress: string;
  readonly creditCard: string;
  readonly city: string;
  readonly state: string;
  readonly dateTime: number;
  readonly extra: string;
}

export interface Auction {
  readonly id: number;
  readonly itemName: string;
  readonly description: string;
  readonly initialBid: number;
  readonly reserve: number;
  readonly dateTime: number;
  readonly expires: number;
  /** A person; it may be one that comes later. */
  readonly seller: number;
  readonly category: number;
  readonly extra: string;
}

export interface Bid {
  /** It may be one that comes later. */
  readonly auction: number;
  readonly bidder: number;
  readonly price: number;
  readonly channel: string;
  readonly url: string;
  readonly dateTime: number;
  readonly extra: string;
}

/** One of the three members is there; the others are null. */
export type Event = PersonEvent | AuctionEvent | BidEvent;

export interface PersonEvent {
  readonly event_type: 0;
  readonly person: Person;
  readonly auction: null;
  readonly bid: null;
}

export interface AuctionEvent {
  readonly event_type: 1;
  readonly person: null;
  readonly auction: Auction;
  readonly bid: null;
}

export interface BidEvent {
  readonly event_type: 2;
  readonly person: null;
  readonly auction: null;
  readonly bid: Bid;
}

/** Records have the event's time. */
export const nexmark = topic('nexmark', { key: number(), value: json<Event>() });

export function timeOf({ person, auction, bid }: Event): number {
  return (bid ?? auction ?? person).dateTime;
}

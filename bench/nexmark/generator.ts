/**
 * Nexmark's generator (nexmark/nexmark at 6b3646c3, `source/generator`): the same mix, ids, fields,
 * sizes and quirks, one generator at a constant rate. Of 50 events one is a person, three are
 * auctions and 46 are bids; the first one is an auction.
 *
 * Each event is made from the seed and its number, so that any part of the stream can be made alone
 * and is the same each time; the original has one random generator without a seed.
 */
import type { Auction, Bid, Event, Person } from './events.ts';
import {
  type Channel,
  Channels,
  cities,
  Filler,
  firstNames,
  lastNames,
  priceOf,
  states,
  textOf,
} from './fields.ts';
import { mixed, Random } from './random.ts';

export interface GeneratorOptions {
  /** Default 42. */
  readonly seed?: number;
  /** Events in a second of event time. Default 100,000, as in the second of Nexmark's suites. */
  readonly rate?: number;
  /** Time of the first event, about. Default 2026-01-05T00:00Z. */
  readonly baseTime?: number;
  /** Events are out of order within groups of so many. Default 1: they are in order. */
  readonly outOfOrderGroupSize?: number;
  /**
   * What is added to the number of a bidder. The original adds 1000 twice, so that a bid's person
   * comes 1000 people later; 1000 is what Beam does. Default 2000.
   */
  readonly bidderOffset?: 1000 | 2000;
}

const firstId = 1000;
const firstCategory = 10;
const categories = 5;

/** In each epoch of 50 events. */
const people = 1;
const auctions = 3;
const epochEvents = 50;

const activePeople = 1000;
const inFlightAuctions = 100;
/** People and auctions that are spoken of before they come. */
const lead = 10;
/** People and auctions of which the first one is hot. */
const hotAmong = 100;
/** Events in which as many auctions come as are in flight. */
const horizonEvents = Math.floor((inFlightAuctions * epochEvents) / auctions);

/** As lengths that fillers make up for. */
const personSize = 200;
const auctionSize = 500;
const bidSize = 100;

export class EventGenerator {
  readonly #seed: number;
  readonly #baseTime: number;
  readonly #delayUs: number;
  readonly #groupSize: number;
  readonly #bidderOffset: number;
  readonly #channels: Channels;
  readonly #filler: Filler;
  readonly #random: Random;

  constructor(options: GeneratorOptions = {}) {
    const { seed = 42, rate = 100_000, baseTime = Date.UTC(2026, 0, 5) } = options;
    const { outOfOrderGroupSize = 1, bidderOffset = 2000 } = options;
    this.#seed = seed;
    this.#baseTime = baseTime;
    this.#delayUs = 1e6 / rate;
    this.#groupSize = outOfOrderGroupSize;
    this.#bidderOffset = bidderOffset;
    const shared = new Random(mixed(seed, 0)); // no event has the id 0
    this.#channels = new Channels(shared);
    this.#filler = new Filler(shared);
    this.#random = new Random(0);
  }

  /** The first `count` events. */
  *take(count: number): Generator<Event, void, void> {
    for (let index = 0; index < count; index++) yield this.at(index);
  }

  /** The event at `index`, which begins at 0. */
  at(index: number): Event {
    const number = this.#inGroup(index + 1);
    const id = 1 + number;
    const time = this.#timeOf(number);
    this.#random.reset(mixed(this.#seed, id));
    const place = id % epochEvents;
    if (place < people) return personEvent(this.#person(id, time));
    if (place < people + auctions) return auctionEvent(this.#auction(id, number, time));
    return bidEvent(this.#bid(id, time));
  }

  /** The number of an event, exchanged with another one of its group. */
  #inGroup(number: number): number {
    const size = this.#groupSize;
    return Math.floor(number / size) * size + ((number * 953) % size);
  }

  #timeOf(number: number): number {
    return this.#baseTime + Math.floor(Math.trunc(number * this.#delayUs) / 1000);
  }

  #person(id: number, dateTime: number): Person {
    const random = this.#random;
    const name = `${oneOf(firstNames, random)} ${oneOf(lastNames, random)}`;
    const emailAddress = `${textOf(random, 7)}@${textOf(random, 5)}.com`;
    const creditCard = [1, 2, 3, 4].map(() => digits(random.below(10_000))).join(' ');
    const city = oneOf(cities, random);
    const state = oneOf(states, random);
    const length = [name, emailAddress, creditCard, city, state].join('').length;
    const extra = this.#filler.textOf(random, 8 + length, personSize);
    const person = lastPerson(id) + firstId;
    return { id: person, name, emailAddress, creditCard, city, state, dateTime, extra };
  }

  #auction(id: number, number: number, dateTime: number): Auction {
    const random = this.#random;
    const isHot = random.below(4) > 0;
    const person = isHot ? hotOf(lastPerson(id)) : this.#anyPerson(id);
    const category = firstCategory + random.below(categories);
    const initialBid = priceOf(random);
    const horizonMs = this.#timeOf(number + horizonEvents) - dateTime;
    const expires = dateTime + 1 + random.below(Math.max(2 * horizonMs, 1));
    const itemName = textOf(random, 20);
    const description = textOf(random, 100);
    const reserve = initialBid + priceOf(random);
    const size = 8 + itemName.length + description.length + 5 * 8;
    const extra = this.#filler.textOf(random, size, auctionSize);
    return {
      id: lastAuction(id) + firstId,
      itemName,
      description,
      initialBid,
      reserve,
      dateTime,
      expires,
      seller: person + firstId,
      category,
      extra,
    };
  }

  #bid(id: number, dateTime: number): Bid {
    const random = this.#random;
    const isHot = random.below(2) > 0;
    const auction = firstId + (isHot ? hotOf(lastAuction(id)) : this.#anyAuction(id));
    const isOfHot = random.below(4) > 0;
    const person = isOfHot ? hotOf(lastPerson(id)) + 1 : this.#anyPerson(id);
    const price = priceOf(random);
    const { channel, url }: Channel = this.#channels.oneOf(random);
    const extra = this.#filler.textOf(random, 4 * 8, bidSize);
    const bidder = person + this.#bidderOffset;
    return { auction, bidder, price, channel, url, dateTime, extra };
  }

  /** One of those that are active, or about to come. */
  #anyPerson(id: number): number {
    const count = lastPerson(id) + 1;
    const active = Math.min(count, activePeople);
    return count - active + this.#random.below(active + lead);
  }

  #anyAuction(id: number): number {
    const last = lastAuction(id);
    const first = Math.max(last - inFlightAuctions, 0);
    return first + this.#random.below(last - first + 1 + lead);
  }
}

/** The newest person at an event, from 0 on. */
function lastPerson(id: number): number {
  const place = Math.min(id % epochEvents, people - 1);
  return Math.floor(id / epochEvents) * people + place;
}

/** The newest auction at an event, from 0 on; -1 before the first one. */
function lastAuction(id: number): number {
  const epoch = Math.floor(id / epochEvents);
  const place = id % epochEvents;
  if (place < people) return epoch * auctions - 1;
  return epoch * auctions + Math.min(place - people, auctions - 1);
}

function hotOf(last: number): number {
  return Math.floor(last / hotAmong) * hotAmong;
}

function digits(n: number): string {
  return String(n).padStart(4, '0');
}

function oneOf(some: readonly string[], random: Random): string {
  return some[random.below(some.length)] ?? '';
}

function personEvent(person: Person): Event {
  return { event_type: 0, person, auction: null, bid: null };
}

function auctionEvent(auction: Auction): Event {
  return { event_type: 1, person: null, auction, bid: null };
}

function bidEvent(bid: Bid): Event {
  return { event_type: 2, person: null, auction: null, bid };
}

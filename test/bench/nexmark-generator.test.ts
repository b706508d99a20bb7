/** The generator of the benchmark, against what is known of Nexmark's. */
import { describe, expect, test } from 'vitest';
import { type Bid, type Event, timeOf } from '../../bench/nexmark/events.ts';
import { idOf } from '../../bench/nexmark/fields.ts';
import { EventGenerator, type GeneratorOptions } from '../../bench/nexmark/generator.ts';

const count = 20_000;
const baseTime = Date.UTC(2026, 0, 5);

function make(options: GeneratorOptions = {}): Event[] {
  return [...new EventGenerator({ baseTime, ...options }).take(count)];
}

const events = make();
const people = events.flatMap(({ person }) => person ?? []);
const auctions = events.flatMap(({ auction }) => auction ?? []);
const bids = events.flatMap(({ bid }) => bid ?? []);

function shareOf<Item>(items: readonly Item[], is: (item: Item) => boolean): number {
  return items.filter(is).length / items.length;
}

describe('the stream', () => {
  test('is the same for a seed, and another one for another', () => {
    expect(make()).toEqual(events);
    expect(make({ seed: 43 })).not.toEqual(events);
  });

  test('can be begun anywhere', () => {
    const generator = new EventGenerator({ baseTime });
    for (const index of [19_999, 0, 7_042]) expect(generator.at(index)).toEqual(events[index]);
  });

  test('has 2 % people, 6 % auctions and 92 % bids, and begins with an auction', () => {
    expect([people.length, auctions.length, bids.length]).toEqual([400, 1200, 18_400]);
    expect(events[0]?.auction?.id).toBe(1001);
    expect(people.map(({ id }) => id)).toEqual(people.map((_, i) => 1001 + i));
    expect(auctions.map(({ id }) => id)).toEqual(auctions.map((_, i) => 1001 + i));
  });

  test('goes on with event time as the rate says, in whole ms', () => {
    const times = events.map(timeOf);
    expect(times).toEqual(events.map((_, i) => baseTime + Math.floor((i + 1) / 100)));
    const slow = make({ rate: 1000 });
    expect(timeOf(slow[999] as Event)).toBe(baseTime + 1000); // below the length
  });

  test('is out of order within groups only', () => {
    const numbers = make({ outOfOrderGroupSize: 10, rate: 1000 }).map(timeOf);
    const groups = Map.groupBy(numbers.slice(9), (_, i) => Math.floor(i / 10));
    const [first = []] = [...groups.values()];
    expect(first).not.toEqual(first.toSorted());
    for (const group of groups.values()) {
      expect(Math.max(...group) - Math.min(...group)).toBe(group.length - 1);
    }
    expect(numbers.toSorted()).toEqual(make({ rate: 1000 }).map(timeOf));
  });

  test('has 320 bytes of JSON an event', () => {
    const bytes = events.reduce((sum, event) => sum + JSON.stringify(event).length, 0);
    expect(bytes / count).toBeGreaterThan(310);
    expect(bytes / count).toBeLessThan(330);
  });
});

describe('bids', () => {
  test('go to a hot auction, and come from a hot bidder, for a half and three quarters', () => {
    const isHot = ({ auction }: Bid) => auction % 100 === 0;
    const isOfHot = ({ bidder }: Bid) => bidder % 100 === 1;
    expect(shareOf(bids, isHot)).toBeCloseTo(0.5 + 0.5 / 100, 1);
    expect(shareOf(bids, isOfHot)).toBeCloseTo(0.75 + 0.25 / 100, 1);
    expect(bids.every(({ bidder }) => bidder >= 2000)).toBe(true);
    expect(make({ bidderOffset: 1000 }).find(({ bid }) => bid !== null)?.bid?.bidder).toBe(1001);
  });

  test('speak of auctions that have not come, for a twentieth of all', () => {
    let last = 1000;
    const isAhead: boolean[] = [];
    for (const { auction, bid } of events) {
      if (auction !== null) last = auction.id;
      if (bid !== null && last > 1100) isAhead.push(bid.auction > last); // 100 are in flight
    }
    expect(shareOf(isAhead, (is) => is)).toBeCloseTo(0.5 * (10 / 111), 2);
  });

  test('have prices that are spread over six magnitudes alike', () => {
    expect(shareOf(bids, ({ price }) => price < 10_000)).toBeCloseTo(1 / 3, 1);
    expect(shareOf(bids, ({ price }) => price >= 1_000_000)).toBeCloseTo(1 / 3, 1);
    expect(bids.every(({ price }) => price >= 100 && price <= 100_000_000)).toBe(true);
  });

  test('come through four channels for a half, and say the number of nine tenths of others', () => {
    const others = bids.filter(({ channel }) => channel.startsWith('channel-'));
    expect(others.length / bids.length).toBeCloseTo(0.5, 1);
    expect(shareOf(others, ({ url }) => url.includes('&channel_id='))).toBeCloseTo(0.9, 1);
    expect([idOf(0), idOf(1), idOf(2), idOf(3)]).toEqual([
      0, -2_147_483_648, 1_073_741_824, 1_073_741_824,
    ]);
  });
});

test('fillers bring events to their sizes, with back-slashes among them', () => {
  const lengths = bids.map(({ extra }) => extra.length);
  expect([Math.min(...lengths), Math.max(...lengths)]).toEqual([54, 81]);
  expect(bids.some(({ extra }) => extra.includes('\\'))).toBe(true);
  const sizes = auctions.map(({ itemName, description, extra }) => {
    return 48 + itemName.length + description.length + extra.length;
  });
  expect(sizes.reduce((sum, size) => sum + size) / sizes.length).toBeCloseTo(500, -1);
});

test('auctions expire within the time in which twice as many come as are in flight', () => {
  const lengths = auctions.map(({ dateTime, expires }) => expires - dateTime);
  expect(Math.min(...lengths)).toBeGreaterThan(0);
  expect(Math.max(...lengths)).toBeLessThanOrEqual(2 * 17);
});

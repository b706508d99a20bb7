/** The queries of the benchmark, against naive computations over the same events. */
import { describe, expect, test } from 'vitest';
import { type Bid, type Event, nexmark, timeOf } from '../../bench/nexmark/events.ts';
import { EventGenerator } from '../../bench/nexmark/generator.ts';
import { type Query, queries } from '../../bench/nexmark/queries.ts';
import { job, topic } from '../../src/dsl/index.ts';
import { json, keyJson } from '../../src/formats/index.ts';
import { runScript } from '../support/operator-harness.ts';

const results = topic('results', { key: keyJson<unknown>(), value: json<unknown>() });
const windowMs = 10_000;

/** 45 s, within which some bidders pause for 10 s; out of order. */
const events = [
  ...new EventGenerator({ rate: 100, outOfOrderGroupSize: 20 }).take(4500),
  ...bidsAt([40_000, 1], [50_000, 9_999_999_999], [55_000, 7], [60_000, 9_999_999_999]),
];
const bids = events.flatMap(({ bid }) => bid ?? []);

/** Some of them are at the end of a window, and as dear as those in it; each is for an auction. */
function bidsAt(...of: readonly (readonly [afterMs: number, price: number])[]): Event[] {
  const [first] = [...new EventGenerator({ rate: 100 }).take(1)];
  const begin = first === undefined ? 0 : Math.floor(timeOf(first) / windowMs) * windowMs;
  return of.map(([afterMs, price], auction) => {
    const dateTime = begin + afterMs;
    return bidEvent({ auction, bidder: 8, price, channel: '', url: '', dateTime, extra: '' });
  });
}

function bidEvent(bid: Bid): Event {
  return { event_type: 2, person: null, auction: null, bid };
}

/** Key and value of each result, in no order. */
async function resultsOf(query: Query): Promise<readonly string[]> {
  const run = job('query', ({ from }) => {
    query(from(nexmark, { outOfOrderness: '4s', quietAfter: 'off' })).to(results);
  });
  const records = events.map((value) => ({ value, timestamp: timeOf(value) }));
  const { outputs } = await runScript(run, [{ records }]);
  return lines(Object.values(outputs).flatMap((of) => of.map(({ key, value }) => [key, value])));
}

function lines(of: readonly unknown[]): readonly string[] {
  return of.map((one) => JSON.stringify(one)).toSorted();
}

function resultOf({ auction, bidder, price, dateTime, extra }: Bid) {
  return { auction, bidder, price, dateTime, extra };
}

const windowOf = (time: number) => Math.floor(time / windowMs) * windowMs;

/** Windows of 10 s that have a bid, one begun every `everyMs`. */
function windowsOf(everyMs: number): { readonly start: number; readonly bids: readonly Bid[] }[] {
  const times = bids.map(({ dateTime }) => dateTime);
  const found = [];
  const begin = windowOf(Math.min(...times)) - windowMs;
  for (let start = begin; start <= Math.max(...times); start += everyMs) {
    const within = bids.filter(({ dateTime }) => dateTime >= start && dateTime < start + windowMs);
    if (within.length > 0) found.push({ start, bids: within });
  }
  return found;
}

describe('Nexmark', () => {
  test('q0, q1 and q2: what is made of each bid', async () => {
    const converted = (bid: Bid) => ({ ...resultOf(bid), price: (bid.price * 908) / 1000 });
    const some = bids.filter(({ auction }) => auction % 123 === 0);
    expect(some.length).toBeGreaterThan(0);
    expect(await resultsOf(queries.q0)).toEqual(lines(bids.map((bid) => [null, resultOf(bid)])));
    expect(await resultsOf(queries.q1)).toEqual(lines(bids.map((bid) => [null, converted(bid)])));
    expect(await resultsOf(queries.q2)).toEqual(
      lines(some.map(({ auction, price }) => [null, { auction, price }])),
    );
  });

  test('q5: the auctions with the most bids, with ties', async () => {
    const expected = windowsOf(2000).flatMap((window) => {
      const groups = [...Map.groupBy(window.bids, ({ auction }) => auction)];
      const num = Math.max(...groups.map(([, of]) => of.length));
      return groups.flatMap(([auction, of]) => (of.length === num ? [{ auction, num }] : []));
    });
    expect(expected.length).toBeGreaterThan(windowsOf(2000).length); // several are first
    expect(await resultsOf(queries.q5)).toEqual(lines(expected.map((one) => ['all', one])));
  });

  test('q7: the dearest bids, with those at the end that are as dear', async () => {
    const expected = windowsOf(windowMs).flatMap(({ start, bids: within }) => {
      const dearest = Math.max(...within.map(({ price }) => price));
      const atEnd = bids.filter(({ dateTime }) => dateTime === start + windowMs);
      return [...within, ...atEnd].filter(({ price }) => price === dearest).map(resultOf);
    });
    expect(expected.length).toBeGreaterThan(windowsOf(windowMs).length); // one counts twice
    expect(await resultsOf(queries.q7)).toEqual(lines(expected.map((one) => ['all', one])));
  });

  test('q8: people who opened an auction in their window', async () => {
    const expected = events.flatMap(({ person }) => {
      if (person === null) return [];
      const windowStart = windowOf(person.dateTime);
      const opened = ({ auction }: Event) =>
        auction?.seller === person.id && windowOf(auction.dateTime) === windowStart;
      return events.some(opened) ? [[person.id, { name: person.name, windowStart }]] : [];
    });
    expect(expected.length).toBeGreaterThan(0);
    expect(await resultsOf(queries.q8)).toEqual(lines(expected));
  });

  test('q11: the sessions of each bidder', async () => {
    const expected = [...Map.groupBy(bids, ({ bidder }) => bidder)].flatMap(([bidder, of]) => {
      const times = of.map(({ dateTime }) => dateTime).toSorted((a, b) => a - b);
      return sessionsOf(times).map((session) => [bidder, session]);
    });
    const bidders = new Set(expected.map(([bidder]) => bidder));
    expect(expected.length).toBeGreaterThan(bidders.size); // some pause
    expect(await resultsOf(queries.q11)).toEqual(lines(expected));
  });
});

function sessionsOf(times: readonly number[]) {
  const found: { bids: number; windowStart: number; windowEnd: number }[] = [];
  for (const time of times) {
    const session = found.at(-1);
    if (session !== undefined && time < session.windowEnd) {
      session.bids++;
      session.windowEnd = time + windowMs;
    } else {
      found.push({ bids: 1, windowStart: time, windowEnd: time + windowMs });
    }
  }
  return found;
}

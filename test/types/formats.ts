/** Types of codecs, and of topics of which some fields are read. The compiler is the test. */
import { avro, csv, job, json, number, openLog, string, topic, value } from 'millrace';
import * as v from 'valibot';
import { z } from 'zod';

interface Bid {
  readonly auction: number;
  readonly price: number;
  readonly channel: string;
}

const bids = topic('bids', { key: string(), value: avro<Bid>({ type: 'record' }) });
const prices = topic('prices', { key: string(), value: json<{ price: number }>() });
const copies = topic('copies', { key: string(), value: json<Bid>() });

export const selecting = job('selecting', ({ from }) => {
  const some = from(bids.select('auction', 'price'), { eventTime: (bid) => bid.auction });
  some.map((bid) => ({ price: bid.price + bid.auction })).to(prices);
  // @ts-expect-error the field was not selected
  some.map((bid) => ({ price: bid.channel.length }));
  // @ts-expect-error neither was it for the event time
  from(bids.select('auction'), { eventTime: (bid) => bid.price });
  // @ts-expect-error a bid has no such field
  from(bids.select('cost'));
  // @ts-expect-error some field must be named
  from(bids.select());
  // @ts-expect-error fields are missing
  some.to(copies);
  // @ts-expect-error a selection can only be read
  from(copies).to(bids.select('auction', 'price', 'channel'));
});

export async function reading(): Promise<void> {
  const log = await openLog('./data');
  for await (const { value: bid } of log.records(bids.select('price'))) {
    const price: number | undefined = bid?.price;
    // @ts-expect-error the field was not selected
    bid?.auction;
    if (price === 0) return;
  }
  // @ts-expect-error a selection can only be read
  await log.send(bids.select('price'), { key: null, value: { price: 1 } });
}

type Event =
  | { readonly kind: 'bid'; readonly price: number }
  | { readonly kind: 'person'; readonly name: string };
const events = topic('events', { key: string(), value: json<Event | null>() });
const numbers = topic('numbers', { key: string(), value: number() });

export const unions = job('unions', ({ from }) => {
  from(events.select('kind', 'price')).map((event) => {
    if (event?.kind === 'bid') return event.price;
    // @ts-expect-error a person has no price
    return event?.price;
  });
  // @ts-expect-error numbers have no fields
  numbers.select('toFixed');
});

export const rows = job('rows', ({ from }) => {
  const codec = csv({ columns: { id: 'number', name: 'string?', sold: 'boolean' } });
  const stream = from(topic('rows', { key: string(), value: codec }));
  stream.map((row) => row.id.toFixed(row.sold ? 1 : 0) + (row.name?.length ?? 0));
  // @ts-expect-error the name may be null
  stream.map((row) => row.name.length);
  // @ts-expect-error there is no such type of column
  csv({ columns: { at: 'date' } });
});

export const validated = job('validated', ({ from }) => {
  const withZod = json(z.object({ n: z.coerce.number(), tag: z.string().default('') }));
  const withValibot = json(v.object({ n: v.pipe(v.string(), v.transform(Number)) }));
  from(topic('zod', { key: string(), value: withZod })).map(({ n, tag }) => n + tag.length);
  from(topic('valibot', { key: string(), value: withValibot }))
    .keyBy(({ n }) => n)
    .process({
      state: { last: value(withValibot) },
      onRecord: (record, { state }) => {
        state.last.set(record);
        // @ts-expect-error n is a number by then
        state.last.set({ n: '1' });
        return [];
      },
    });
  // @ts-expect-error a schema is no description of one
  json({ n: 'number' });
});

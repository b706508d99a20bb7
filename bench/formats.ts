/**
 * A format on its own: `node bench/formats.ts FORMAT` encodes and decodes the flights of the demo
 * and Nexmark's bids, and reads two fields of the bids. Nanoseconds and bytes for each value.
 */
import {
  avro,
  type Codec,
  csv,
  type Decoder,
  json,
  messagePack,
  protobuf,
  string,
  topic,
} from 'millrace';
import { z } from 'zod';
import { readFlights } from '../demo/flights.ts';
import type { Flight } from '../examples/flight-delays.ts';
import { type Bid, bidSchema, makeBids } from './bids.ts';
import { print } from './figures.ts';

interface Formats {
  readonly flight: Codec<Flight>;
  readonly bid: Codec<Bid>;
}

const flightFields = ['date', 'delay', 'distance', 'origin', 'destination'];

const formats: Readonly<Record<string, () => Formats>> = {
  json: () => ({ flight: json<Flight>(), bid: json<Bid>() }),
  zod: () => ({
    flight: json(
      z.object({
        date: z.number(),
        delay: z.number(),
        distance: z.number(),
        origin: z.string(),
        destination: z.string(),
      }),
    ),
    bid: json(
      z.object({
        auction: z.int(),
        bidder: z.int(),
        price: z.int(),
        channel: z.string(),
        url: z.string(),
        dateTime: z.int(),
        extra: z.string(),
      }),
    ),
  }),
  avro: () => ({
    flight: avro<Flight>({
      type: 'record',
      name: 'Flight',
      fields: flightFields.map((name, i) => ({ name, type: i < 3 ? 'long' : 'string' })),
    }),
    bid: avro<Bid>(bidSchema),
  }),
  messagePack: () => ({ flight: messagePack<Flight>(), bid: messagePack<Bid>() }),
  protobuf: () => {
    const schema = `
      syntax = "proto3";
      message Flight {
        int64 date = 1; sint32 delay = 2; int32 distance = 3; string origin = 4;
        string destination = 5;
      }
      message Bid {
        int64 auction = 1; int64 bidder = 2; int64 price = 3; string channel = 4; string url = 5;
        int64 dateTime = 6; string extra = 7;
      }
    `;
    return {
      flight: protobuf<Flight>({ schema, message: 'Flight' }),
      bid: protobuf<Bid>({ schema, message: 'Bid' }),
    };
  },
  csv: () => ({
    flight: csv({
      columns: {
        date: 'number',
        delay: 'number',
        distance: 'number',
        origin: 'string',
        destination: 'string',
      },
    }),
    bid: csv({
      columns: {
        auction: 'number',
        bidder: 'number',
        price: 'number',
        channel: 'string',
        url: 'string',
        dateTime: 'number',
        extra: 'string',
      },
    }),
  }),
};

const values = 100_000;
const rounds = 15;

const [name = ''] = process.argv.slice(2);
const make = formats[name];
if (make === undefined) throw new Error(`Choose a format: ${Object.keys(formats).join(', ')}`);
const { flight, bid } = make();
const flights = (await readFlights(() => {})).slice(0, values);
const bids = [...makeBids(values)];
const some = topic('bids', { key: string(), value: bid }).select('auction', 'price');
print({
  ...measure('Flight', flight, flights),
  ...measure('Bid', bid, bids),
  [`${name}BidSelectNs`]: decodeNs(some.value, encodedBy(bid, bids)),
});

function measure<Value>(
  of: string,
  codec: Codec<Value>,
  some: readonly Value[],
): Record<string, number> {
  const encoded = encodedBy(codec, some);
  const encodeNs = bestOf(() => {
    for (const value of some) codec.encode(value);
  });
  return {
    [`${name}${of}EncodeNs`]: encodeNs,
    [`${name}${of}DecodeNs`]: decodeNs(codec, encoded),
    [`${name}${of}Bytes`]: Math.round(encoded.bytes.length / some.length),
  };
}

interface Encoded {
  /** One value behind the other, as in a batch of records. */
  readonly bytes: Buffer;
  readonly ends: readonly number[];
}

function encodedBy<Value>(codec: Codec<Value>, some: readonly Value[]): Encoded {
  const all = some.map((value) => codec.encode(value));
  let end = 0;
  return { bytes: Buffer.concat(all), ends: all.map(({ length }) => (end += length)) };
}

function decodeNs(decoder: Decoder<unknown>, { bytes, ends }: Encoded): number {
  return bestOf(() => {
    let start = 0;
    for (const end of ends) {
      decoder.decode(bytes, start, end);
      start = end;
    }
  });
}

/** Nanoseconds for each value, in the round that the machine disturbed least. */
function bestOf(round: () => void): number {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < rounds; i++) {
    const began = performance.now();
    round();
    best = Math.min(best, performance.now() - began);
  }
  return Math.round((best * 1e6) / values);
}

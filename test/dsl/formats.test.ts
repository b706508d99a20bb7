/** Formats in jobs: reading some fields, state in Avro, and codecs that keys can't have. */
import { describe, expect, test } from 'vitest';
import { MemoryBroker, RecordBatchBuilder, RecordCursor } from '../../src/broker/index.ts';
import { job, list, map, type ReadableTopic, topic, value } from '../../src/dsl/index.ts';
import {
  avro,
  type Codec,
  csv,
  json,
  messagePack,
  number,
  protobuf,
  string,
  structured,
} from '../../src/formats/index.ts';
import { describeGraph, type Job, run } from '../../src/runtime/index.ts';
import { realClock } from '../support/real-clock.ts';

interface Bid {
  readonly auction: number;
  readonly price: number;
  readonly channel: string;
}

const schema = {
  type: 'record',
  name: 'Bid',
  fields: [
    { name: 'auction', type: 'long' },
    { name: 'price', type: 'long' },
    { name: 'channel', type: 'string' },
  ],
};

const bids: readonly Bid[] = [5, 3, 8, 1].map((price, i) => {
  return { auction: i % 2, price, channel: `channel ${i}` };
});

async function brokerWith<Value>(codec: Codec<Value>, values: readonly Value[]) {
  const broker = new MemoryBroker({ clock: realClock });
  await broker.createTopic('bids');
  await append(broker, codec, values);
  return broker;
}

async function append<Value>(broker: MemoryBroker, codec: Codec<Value>, values: readonly Value[]) {
  const builder = new RecordBatchBuilder();
  for (const [i, each] of values.entries()) builder.append(i, null, codec.encode(each));
  const recordCount = values.length;
  const batches = builder.build();
  const maxTimestamp = recordCount - 1;
  await broker.append([{ topic: 'bids', partition: 0, batches, recordCount, maxTimestamp }]);
}

async function drained(broker: MemoryBroker, reading: Job): Promise<void> {
  const handle = await run(reading, { broker });
  await handle.stop({ drain: true });
}

/** Keys and values of a topic, as bytes. */
function bytesIn(broker: MemoryBroker, name: string): string[] {
  const batches = broker.read({ topic: name, partition: 0 }, 0, 1024 * 1024);
  const cursor = new RecordCursor();
  if (batches !== undefined) cursor.reset(batches.bytes);
  const found: string[] = [];
  while (cursor.next()) {
    found.push(
      Buffer.from(cursor.bytes.subarray(cursor.bodyStart, cursor.bodyEnd)).toString('hex'),
    );
  }
  return found;
}

describe.each<[string, Codec<Bid>]>([
  ['avro', avro<Bid>(schema)],
  ['json', json<Bid>()],
  ['messagePack', messagePack<Bid>()],
  ['csv', csv({ columns: { auction: 'number', price: 'number', channel: 'string' } })],
])('a job that reads some fields of %s', (_name, codec) => {
  const whole = topic('bids', { key: string(), value: codec });
  const highest = topic('highest', { key: number(), value: json<{ price: number }>() });
  const reading = (source: ReadableTopic<string, Pick<Bid, 'auction' | 'price'>>) =>
    job('highest', ({ from }) => {
      from(source, { eventTime: (bid) => bid.price })
        .keyBy((bid) => bid.auction, { key: number() })
        .process({
          state: { last: value<{ price: number }>() },
          onRecord({ price }, { state }) {
            const before = state.last.get()?.price ?? 0;
            state.last.set({ price: Math.max(price, before) });
            return [{ price: Math.max(price, before) }];
          },
        })
        .to(highest);
    });

  test('writes and keeps what one does that reads all of them', async () => {
    const all = await brokerWith(codec, bids);
    const some = await brokerWith(codec, bids);
    await drained(all, reading(whole));
    await drained(some, reading(whole.select('price', 'auction')));
    expect(bytesIn(all, 'highest')).toHaveLength(4);
    for (const name of ['highest', '__highest-0-changelog']) {
      expect(bytesIn(some, name)).toEqual(bytesIn(all, name));
    }
  });

  test('has the same steps', () => {
    const [, source, ...steps] = describeGraph(reading(whole).graph).split('\n');
    const selected = describeGraph(reading(whole.select('price', 'auction')).graph).split('\n');
    expect(selected.slice(2)).toEqual(steps);
    expect(selected[1]).not.toBe(source);
  });
});

describe('state in Avro', () => {
  const results = topic('results', { key: number(), value: json<Partial<Bid>>() });
  const keeping = (codec: Codec<Partial<Bid>>) =>
    job('keeping', ({ from }) => {
      from(topic('bids', { key: string(), value: json<Bid>() }))
        .keyBy((bid) => bid.auction, { key: number() })
        .process({
          state: { first: value(codec), all: list(codec) },
          onRecord(bid, { state }) {
            const first = state.first.get();
            if (first === undefined) state.first.set(bid);
            state.all.add(bid);
            return [...(first === undefined ? [] : [first]), ...state.all.values()];
          },
        })
        .to(results);
    });
  const later = {
    ...schema,
    fields: [...schema.fields, { name: 'note', type: 'string', default: 'none' }],
  };
  const noted = (bid: Bid | undefined) => ({ ...bid, note: 'new' });

  test('is read by a job whose schema has grown, each entry by the schema it has', async () => {
    const broker = await brokerWith(json<Bid>(), bids.slice(0, 1));
    await drained(broker, keeping(avro<Partial<Bid>>(schema)));
    await append(broker, json<object>(), [noted(bids[2])]);
    await drained(broker, keeping(avro<Partial<Bid>>(later, { earlier: [schema] })));
    const old = { ...bids[0], note: 'none' };
    const values = bytesIn(broker, 'results').map((hex) => Buffer.from(hex, 'hex').toString());
    expect(values).toHaveLength(4);
    for (const [i, expected] of [bids[0], old, old, noted(bids[2])].entries()) {
      expect(values[i]).toContain(JSON.stringify(expected));
    }
  });

  test('is refused where a changed schema could not notice', async () => {
    const broker = await brokerWith(json<Bid>(), bids);
    const bare = { framing: 'none' } as const;
    await drained(broker, keeping(avro<Partial<Bid>>(schema, bare)));
    await expect(drained(broker, keeping(avro<Partial<Bid>>(later, bare)))).rejects.toMatchObject({
      code: 'STATE_MISMATCH',
      message: expect.stringContaining('bare avro Bid'),
    });
  });
});

describe('codecs that may write equal keys differently are refused:', () => {
  const maps = { type: 'map', values: 'long' };
  const inMaps = 'syntax = "proto3"; message A { map<string, int32> m = 1; }';

  test.each<[string, Codec<unknown>]>([
    ['messagePack()', messagePack()],
    ['structured()', structured()],
    ['avro() with maps', avro({ type: 'array', items: maps })],
    ['protobuf() with maps', protobuf({ schema: inMaps, message: 'A' })],
  ])('%s', (_name, key) => {
    const refusal = expect.objectContaining({
      code: 'INVALID',
      message: expect.stringContaining("can't be the codec of keys"),
    });
    expect(() => topic('keyed', { key, value: json() })).toThrow(refusal);
    expect(() => map({ key })).toThrow(refusal);
    const source = topic('bids', { key: string(), value: json<Bid>() });
    const keying = () =>
      job('keying', ({ from }) => {
        from(source).keyBy((bid) => bid, { key });
      });
    expect(keying).toThrow(refusal);
  });

  test('others are not', () => {
    for (const key of [avro(schema), csv({ columns: { a: 'string' } }) as Codec<unknown>]) {
      expect(() => topic('keyed', { key, value: json() })).not.toThrow();
    }
  });
});

import { beforeEach, describe, expect, test } from 'vitest';
import { MemoryBroker, Producer, partitionOf } from '../../src/broker/index.ts';
import { codeOf, readAll } from '../contracts/broker.ts';
import { realClock } from '../support/real-clock.ts';

const encode = (text: string) => new TextEncoder().encode(text);

describe('a producer', () => {
  let broker: MemoryBroker;
  let producer: Producer;

  beforeEach(async () => {
    broker = new MemoryBroker({ clock: realClock });
    await broker.createTopic('t', { partitions: 4 });
    producer = new Producer(broker, realClock);
  });

  const send = (key: string | null, value: string) =>
    producer.send({ topic: 't', key: key === null ? null : encode(key), value: encode(value) });

  test('answers each record with its partition and offset, in the order sent', async () => {
    const sent = await Promise.all(['a', 'b', 'c'].map((value) => send('k', value)));
    const partition = partitionOf(encode('k'), 4);
    expect(sent).toEqual([0, 1, 2].map((offset) => ({ partition, offset })));
    expect(readAll(broker, { topic: 't', partition })).toEqual(['a', 'b', 'c']);
  });

  test('sends what waits as one commit', async () => {
    const before = broker.status().sequence;
    await Promise.all(Array.from({ length: 100 }, (_, i) => send(`k${i}`, 'v')));
    expect(broker.status().sequence).toBe(before + 1);
  });

  test('spreads records without a key', async () => {
    const sent = await Promise.all(['a', 'b', 'c', 'd'].map((value) => send(null, value)));
    expect(new Set(sent.map(({ partition }) => partition)).size).toBe(4);
  });

  test('closes batches at their size and keeps the order', async () => {
    const small = new Producer(broker, realClock, { batchBytes: 100 });
    const values = Array.from({ length: 50 }, (_, i) => `value ${i}`);
    await Promise.all(
      values.map((value) =>
        small.send({ topic: 't', partition: 2, key: null, value: encode(value) }),
      ),
    );
    expect(readAll(broker, { topic: 't', partition: 2 })).toEqual(values);
  });

  test('flush waits for all that was sent', async () => {
    let answered = 0;
    for (let i = 0; i < 10; i++) await send('k', 'v').then(() => answered++);
    await producer.flush();
    expect(answered).toBe(10);
  });

  test('a record that is refused takes no other with it', async () => {
    const sends = [
      send('k', 'good'),
      producer.send({ topic: 'none', key: null, value: null }),
      producer.send({ topic: 't', partition: 9, key: null, value: null }),
      producer.send({ topic: 't', partition: 0, key: null, value: null, timestamp: 4e15 }),
      producer.send({ topic: 't', partition: 0, key: null, value: null, timestamp: Number.NaN }),
      producer.send({ topic: 't', partition: 0, key: null, value: encode('good too') }),
    ];
    const outcomes = await Promise.all(sends.map(codeOf));
    const refused = ['TOPIC_MISSING', 'INVALID', 'INVALID', 'INVALID'];
    expect(outcomes).toEqual(['no error', ...refused, 'no error']);
    expect(readAll(broker, { topic: 't', partition: 0 })).toContain('good too');
  });

  test('tells of a missing topic, a wrong partition, and too many records', async () => {
    const none = producer.send({ topic: 'none', key: null, value: null });
    expect(await codeOf(none)).toBe('TOPIC_MISSING');
    const wrong = producer.send({ topic: 't', partition: 9, key: null, value: null });
    expect(await codeOf(wrong)).toBe('INVALID');
    const narrow = new Producer(broker, realClock, { waitingMax: 1 });
    const sends = [1, 2].map(() => codeOf(narrow.send({ topic: 't', key: null, value: null })));
    expect(await Promise.all(sends)).toEqual(['no error', 'INVALID']);
  });
});

/** In which order a task meets the records of its partitions and topics. */
import { expect, test } from 'vitest';
import { job, topic } from '../../../src/dsl/index.ts';
import { json, keyJson, string } from '../../../src/formats/index.ts';
import type { Job } from '../../../src/runtime/index.ts';
import { type ScriptRecord, sameInEveryMode, valuesOf } from '../../support/operator-harness.ts';

interface Event {
  readonly at: number;
  readonly as: string;
}

const events = (name: string) => topic(name, { key: string(), value: json<Event>() });
const met = topic('met', { key: keyJson<string>(), value: json<string>(), partitions: 1 });

/** Writes what it meets, in the order in which one step has met it. */
const meeting: Job = job('meeting', ({ from }) => {
  const options = { eventTime: (e: Event) => e.at, quietAfter: 'off' } as const;
  const one = { key: () => 'one' };
  from(events('trades'), options)
    .map((e) => e.as)
    .to(met, one);
  from(events('rates'), options)
    .map((e) => e.as)
    .to(met, one);
});

const event = (topic: string, at: number, partition = 0): ScriptRecord => ({
  topic,
  partition,
  value: { at, as: `${topic}/${partition} ${at}` },
});

const order = async (...steps: ScriptRecord[][]) =>
  valuesOf(
    await sameInEveryMode(
      meeting,
      steps.map((records) => ({ records })),
    ),
    'met',
  );

test('topics and partitions are met in the order of event time', async () => {
  const records = [
    ...[event('trades', 10), event('trades', 40), event('trades', 50)],
    ...[event('rates', 5, 1), event('rates', 45, 1)],
    ...[event('rates', 7), event('rates', 41)],
    event('trades', 39, 1),
  ];
  expect(await order(records)).toEqual([
    'rates/1 5',
    'rates/0 7',
    'trades/0 10',
    'trades/1 39',
    'trades/0 40',
    'rates/0 41',
    'rates/1 45',
    'trades/0 50',
  ]);
});

test('records of one time are met in the order of topic, partition and offset', async () => {
  const records = [
    ...[event('trades', 10, 1), event('trades', 10), event('rates', 10, 1)],
    ...[event('rates', 10), event('rates', 11), event('trades', 10)],
  ];
  expect(await order(records)).toEqual([
    'rates/0 10',
    'rates/1 10',
    'trades/0 10',
    'trades/0 10',
    'trades/1 10',
    'rates/0 11',
  ]);
});

test('records of one partition are met as they lie, whatever their time', async () => {
  const records = [
    ...[event('rates', 50), event('rates', 1), event('rates', 60)],
    ...[event('trades', 40), event('trades', 55), event('trades', 2)],
  ];
  expect(await order(records)).toEqual([
    'trades/0 40',
    'rates/0 50',
    'rates/0 1',
    'trades/0 55',
    'trades/0 2',
    'rates/0 60',
  ]);
});

test('what comes later is met later, whatever its time', async () => {
  expect(await order([event('trades', 50)], [event('rates', 10)], [event('trades', 5)])).toEqual([
    'trades/0 50',
    'rates/0 10',
    'trades/0 5',
  ]);
});

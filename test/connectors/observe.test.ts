import { firstValueFrom, map, take, toArray } from 'rxjs';
import { expect, test } from 'vitest';
import { ingest, iterable, observe } from '../../src/connectors/index.ts';
import { cups, makeCups, memoryLog, upTo } from './fixtures.ts';

test('an Observable gives the records of a topic, and those that come', async () => {
  const log = memoryLog();
  await (await ingest(iterable(makeCups(3)), cups, { data: log })).done;
  const prices = observe(log, cups).pipe(
    map(({ value }) => value?.price ?? -1),
    take(5),
    toArray(),
  );
  const all = firstValueFrom(prices);
  await (await ingest(iterable(makeCups(5)), cups, { data: log })).done;
  expect((await all).sort()).toEqual(upTo(5));
});

test('an Observable completes at the end of the topic, where it does not follow', async () => {
  const log = memoryLog();
  await (await ingest(iterable(makeCups(3)), cups, { data: log })).done;
  const records = await firstValueFrom(observe(log, cups, { follow: false }).pipe(toArray()));
  expect(records.length).toBe(3);
  const latest = observe(log, cups, { follow: false, from: 'latest' }).pipe(toArray());
  expect(await firstValueFrom(latest)).toEqual([]);
});

test('an Observable tells of a record that can not be decoded', async () => {
  const log = memoryLog();
  await log.createTopic(cups);
  await log.send(
    { ...cups, value: { ...cups.value, encode: () => Buffer.from('{') } },
    {
      key: 'ada',
      value: { by: 'ada', price: 0 },
    },
  );
  await expect(firstValueFrom(observe(log, cups))).rejects.toMatchObject({ code: 'DECODE' });
});

/**
 * Interval join: two topics of as many records each, keys round robin, one record of a side each
 * millisecond; each meets the other side's records of its key within a second before and behind it.
 *
 *   join.ts <records a side> <keys> [profile]
 */
import { execFileSync } from 'node:child_process';
import { job, json, keyJson, openLog, run, string, topic } from 'millrace';
import { appendEvents } from './events.ts';
import { inDirectory, print } from './figures.ts';

interface Event {
  readonly id: number;
  readonly key: string;
  readonly amount: number;
}

const [records = '1000000', keys = '1000', loadInto] = process.argv.slice(2);
const left = topic('left', { key: string(), value: json<Event>() });
const right = topic('right', { key: string(), value: json<Event>() });
const pairs = topic('pairs', {
  key: keyJson<string>(),
  value: json<{ left: number; right: number; sum: number }>(),
});

const joining = job('joining', ({ from }) => {
  const options = { quietAfter: 'off' } as const;
  from(left, options)
    .keyBy((event) => event.key)
    .connect(from(right, options).keyBy((event) => event.key))
    .within({ before: '1s', after: '1s' })
    .join((l, r) => ({ left: l.id, right: r.id, sum: l.amount + r.amount }))
    .to(pairs);
});

if (loadInto !== undefined) await load(loadInto);
else await inDirectory(measure);

async function measure(directory: string): Promise<void> {
  execFileSync(process.execPath, [import.meta.filename, records, keys, directory], {
    stdio: 'inherit', // its garbage does not count
  });
  const log = await openLog(directory);
  const handle = await run(joining, { data: log });
  const began = performance.now();
  while (handle.metrics().recordsRead < 2 * Number(records)) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const seconds = (performance.now() - began) / 1000;
  const { recordsWritten } = handle.metrics();
  await handle.stop();
  await log.close();
  print({
    recordsPerSecond: Math.round((2 * Number(records)) / seconds),
    pairs: recordsWritten,
  });
}

async function load(directory: string): Promise<void> {
  const log = await openLog(directory);
  for (const side of [left, right]) {
    await log.createTopic(side);
    await appendEvents(log, side.name, made());
  }
  await log.close();
}

function* made() {
  for (let i = 0; i < Number(records); i++) {
    const event: Event = { id: i, key: `key-${i % Number(keys)}`, amount: i % 97 };
    yield { key: '', value: JSON.stringify(event), timestamp: 1_700_000_000_000 + i };
  }
}

/**
 * A tumbling window of many keys fires: how long a turn of the event loop takes at worst, while it
 * is filled and while it fires. Reading, folding and commits go on as always.
 */
import { execFileSync } from 'node:child_process';
import { count, job, json, keyJson, openLog, run, string, topic, tumbling } from 'millrace';
import { appendEvents } from './events.ts';
import { inDirectory, print, round } from './figures.ts';
import { measureTurns } from './turns.ts';

const events = topic('events', { key: string(), value: string() });
const counts = topic('counts', {
  key: keyJson<string>(),
  value: json<{ n: number; windowStart: number; windowEnd: number }>(),
});
const hourMs = 3_600_000;

const [keys = '2000000', loadInto] = process.argv.slice(2);

const perHour = job('per-hour', ({ from }) => {
  from(events, { quietAfter: 'off' })
    .keyBy((key) => key)
    .window(tumbling('1h'))
    .aggregate({ n: count() })
    .to(counts);
});

if (loadInto !== undefined) await load(loadInto);
else await inDirectory(measure);

async function measure(directory: string): Promise<void> {
  const script = [import.meta.filename, keys, directory];
  execFileSync(process.execPath, script, { stdio: 'inherit' }); // its garbage does not count
  const log = await openLog(directory);
  const turns = measureTurns();
  const handle = await run(perHour, { data: log });
  await read(handle, Number(keys));
  const filling = turns.worst();
  const began = performance.now();
  await log.send(events, { key: 'last', value: 'last', timestamp: 2 * hourMs });
  let seen = 0;
  while (seen < Number(keys)) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    seen = log.broker.endOf({ topic: counts.name, partition: 0 });
  }
  const seconds = (performance.now() - began) / 1000;
  const firing = turns.worst();
  turns.stop();
  await handle.stop();
  await log.close();
  print({
    worstTurnMs: round(firing),
    worstTurnFillingMs: round(filling),
    seconds: round(seconds),
  });
}

async function read(handle: Awaited<ReturnType<typeof run>>, records: number): Promise<void> {
  while (handle.metrics().recordsRead < records) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function load(directory: string): Promise<void> {
  const log = await openLog(directory);
  await log.createTopic(events);
  await appendEvents(log, events.name, windowOf(Number(keys)));
  await log.close();
}

function* windowOf(many: number) {
  for (let i = 0; i < many; i++) yield { key: '', value: `key-${i}`, timestamp: i % hourMs };
}

/**
 * Hopping windows of 60 slides against tumbling windows of one: 1,000 keys, 100 records of each in
 * a slide. Both give a result for each key and slide, which nobody encodes. Each runs in a process
 * of its own over the same log, until all of it is read.
 */
import { execFileSync } from 'node:child_process';
import {
  count,
  hopping,
  job,
  json,
  keyJson,
  openLog,
  run,
  string,
  sum,
  topic,
  tumbling,
} from 'millrace';
import { appendEvents } from './events.ts';
import { inDirectory, print, round } from './figures.ts';

const events = topic('events', { key: string(), value: string() });
const counts = topic('counts', {
  key: keyJson<string>(),
  value: json<{ n: number; letters: number; windowStart: number; windowEnd: number }>(),
});
const keys = 1000;
const recordsPerKeyAndSlide = 100;
const slidesPerSize = 60;
const slides = slidesPerSize + 20;
const slideMs = 60_000;

const assigners = {
  tumbling: tumbling(slideMs),
  hopping: hopping(slidesPerSize * slideMs, { every: slideMs }),
};

const [what, directory = ''] = process.argv.slice(2);
if (what === undefined) await inDirectory(compare);
else if (what === 'load') await load();
else if (what === 'tumbling' || what === 'hopping') await measure(what);

async function compare(at: string): Promise<void> {
  runAlone('load', at);
  const tumblingSeconds = Number(runAlone('tumbling', at));
  const hoppingSeconds = Number(runAlone('hopping', at));
  print({ ratio: round(hoppingSeconds / tumblingSeconds), tumblingSeconds, hoppingSeconds });
}

function runAlone(how: string, at: string): string {
  const script = [import.meta.filename, how, at];
  return execFileSync(process.execPath, script, {
    stdio: ['ignore', 'pipe', 'inherit'],
  }).toString();
}

async function measure(kind: keyof typeof assigners): Promise<void> {
  const log = await openLog(directory);
  const windows = job(kind, ({ from }) => {
    from(events, { quietAfter: 'off' })
      .keyBy((key) => key)
      .window(assigners[kind])
      .aggregate({ n: count(), letters: sum((key) => key.length) })
      .filter(() => false)
      .to(counts);
  });
  const began = performance.now();
  const handle = await run(windows, { data: log });
  await new Promise<void>((resolve) => {
    handle.status$.subscribe(({ partitions }) => {
      if (partitions.length > 0 && partitions.every(({ lag }) => lag === 0)) resolve();
    });
  });
  const seconds = (performance.now() - began) / 1000;
  await handle.stop();
  await log.close();
  process.stdout.write(String(round(seconds)));
}

async function load(): Promise<void> {
  const log = await openLog(directory);
  await log.createTopic(events);
  await appendEvents(log, events.name, all());
  await log.close();
}

function* all() {
  const names = Array.from({ length: keys }, (_, i) => `key-${i}`);
  const inSlide = keys * recordsPerKeyAndSlide;
  for (let i = 0; i < slides * inSlide; i++) {
    const timestamp = Math.floor((i / inSlide) * slideMs);
    yield { key: '', value: names[i % keys] ?? '', timestamp };
  }
}

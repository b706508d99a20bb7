/**
 * Lists that grow to 100,000 elements for each of ten keys: the time for an element at the end of
 * the lists against that at their beginning, commits and folds included.
 */
import { job, json, keyJson, list, openLog, run, string, topic } from 'millrace';
import { appendEvents } from './events.ts';
import { inDirectory, print, round } from './figures.ts';

const keys = 10;
const elements = 100_000;
const block = (keys * elements) / 10;

const events = topic('events', { key: string(), value: string() });
const results = topic('results', { key: keyJson<string>(), value: json<number>() });
const times: number[] = [];
let seen = 0;

const collecting = job('collecting', ({ from }) => {
  from(events, { quietAfter: 'off' })
    .keyBy((value) => value.slice(0, 1))
    .process({
      state: { all: list<string>() },
      onRecord(value, { state }) {
        state.all.add(value);
        if (seen++ % block === 0) times.push(performance.now());
        if (seen < keys * elements) return [];
        let sum = 0;
        for (const each of state.all.values()) sum += each.length;
        return [sum];
      },
    })
    .to(results);
});

await inDirectory(async (directory) => {
  const log = await openLog(directory);
  await log.createTopic(events);
  await appendEvents(log, events.name, made());
  await log.createTopic(results, 1);
  const handle = await run(collecting, { data: log });
  while (log.broker.endOf({ topic: results.name, partition: 0 }) === 0) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  times.push(performance.now());
  await handle.stop();
  await log.close();
  const perElement = times.slice(1).map((time, i) => ((time - (times[i] ?? 0)) * 1000) / block);
  const first = perElement[1] ?? 0; // the code is compiled by then
  const last = perElement.at(-2) ?? 0;
  print({ firstUs: round(first), lastUs: round(last), ratio: round(last / first) });
});

function* made() {
  for (let i = 0; i < keys * elements; i++) {
    yield { key: '', value: `${i % keys} element ${i}`, timestamp: i };
  }
}

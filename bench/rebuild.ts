/**
 * How long it takes to rebuild lost state, beside the first run: a running count whose commits hold
 * many records, or one each; and what the record of a commit takes.
 *
 *   rebuild.ts many | one
 */
import { rmSync } from 'node:fs';
import {
  type JobHandle,
  job,
  json,
  keyJson,
  type Log,
  openLog,
  run,
  string,
  topic,
  value,
} from 'millrace';
import { appendEvents } from './events.ts';
import { inDirectory, print, round } from './figures.ts';
import { measureTurns } from './turns.ts';

const [mode = 'many'] = process.argv.slice(2);
const records = mode === 'many' ? 2_000_000 : 40_000;
const keys = records / 10;

const events = topic('events', { key: string(), value: string() });
const results = topic('results', { key: keyJson<string>(), value: json<number>() });
const counting = job('counting', ({ from }) => {
  from(events, { quietAfter: 'off' })
    .keyBy((key) => key)
    .process({
      name: 'counting',
      state: { entry: value<{ n: number; pad: string }>() },
      onRecord(_, { state }) {
        const n = (state.entry.get()?.n ?? 0) + 1;
        state.entry.set({ n, pad: 'x'.repeat(60) });
        return n % 5 === 0 ? [n] : [];
      },
    })
    .to(results);
});

await inDirectory(measure);

async function measure(directory: string): Promise<void> {
  const log = await openLog(directory);
  await log.createTopic(events);
  await appendEvents(log, events.name, made());
  const first = await timed(log, false, (handle) => handle.metrics().recordsRead >= records);
  await new Promise((resolve) => setTimeout(resolve, 1000)); // what is folded is forgotten
  rmSync(`${directory}/state/counting/counting-0.db`);
  const turns = measureTurns();
  const again = await timed(log, true, (handle) => handle.status().rebuild?.done === true);
  const worstTurnMs = turns.worst();
  turns.stop();
  const epochs = log.broker.describeTopic('__counting-0-epochs')?.partitions[0];
  await log.close();
  print({
    [`first run, records/s, ${mode} a commit`]: Math.round(records / first),
    [`rebuild, records/s, ${mode} a commit`]: Math.round(records / again),
    [`ratio, ${mode} a commit`]: round(first / again),
    [`worst turn in ms, ${mode} a commit`]: round(worstTurnMs),
    [`commits, ${mode} a commit`]: epochs?.end ?? 0,
    [`bytes of a record of a commit, ${mode}`]: round((epochs?.bytes ?? 0) / (epochs?.end ?? 1)),
  });
}

/** Seconds from the start of the job until it is so far. */
async function timed(log: Log, rebuildState: boolean, isThere: (handle: JobHandle) => boolean) {
  const began = performance.now();
  const epoch = mode === 'one' ? { epochRecords: 1 } : {};
  const handle = await run(counting, { data: log, foldIntervalMs: 200, rebuildState, epoch });
  while (!isThere(handle)) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    const { state, error } = handle.status();
    if (state === 'failed') throw error;
  }
  const seconds = (performance.now() - began) / 1000;
  await new Promise((resolve) => setTimeout(resolve, 500)); // the last fold
  await handle.stop();
  return seconds;
}

function* made() {
  for (let i = 0; i < records; i++) {
    const key = (Math.imul(i, 2_654_435_761) >>> 0) % keys;
    yield { key: '', value: `key-${key}`, timestamp: i };
  }
}

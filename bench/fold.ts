/**
 * Distinct keys in random order, written steadily over state that is much larger than its memory:
 * how many entries a second are read, changed, committed and folded.
 *
 *   fold.ts <MiB of state> <MiB of memory> <seconds>
 */
import { spawnSync } from 'node:child_process';
import { job, json, keyJson, openLog, run, string, topic, value } from 'millrace';
import { appendEvents } from './events.ts';
import { inDirectory, print } from './figures.ts';

const entryBytes = 107;
/** More than there is time for. */
const recordsPerSecondMax = 150_000;
/** A prime, for an order that looks like chance and meets every key. */
const stride = 7_368_787;
const [stateMib = '1280', memoryMib = '128', seconds = '300', role, directory = ''] =
  process.argv.slice(2);
const entries = Math.round((Number(stateMib) * 2 ** 20) / entryBytes);
const changes = Number(seconds) * recordsPerSecondMax;
const pad = 'x'.repeat(75);

const events = topic('events', { key: string(), value: string() });
const results = topic('results', { key: keyJson<string>(), value: json<number>() });
const writing = job('writing', ({ from }) => {
  from(events, { quietAfter: 'off' })
    .keyBy((key) => key)
    .process({
      name: 'writing',
      state: { entry: value<{ n: number; pad: string }>() },
      onRecord(_, { state, timestamp }) {
        state.entry.set({ n: timestamp, pad });
        return [];
      },
    })
    .to(results);
});

if (role === undefined) await inDirectory(measure);
else if (role === 'load') await load();
else await write();

async function measure(into: string): Promise<void> {
  const script = [import.meta.filename, stateMib, memoryMib, seconds];
  spawnSync(process.execPath, [...script, 'load', into], { stdio: 'inherit' });
  spawnSync(process.execPath, [...script, 'write', into], { stdio: 'inherit' });
}

async function write(): Promise<void> {
  const log = await openLog(directory);
  const handle = await run(writing, { data: log, stateMemoryMax: Number(memoryMib) * 2 ** 20 });
  handle.done.catch((error: unknown) => process.stderr.write(`${String(error)}\n`));
  const read = () => handle.metrics().recordsRead;
  while (read() < entries) await sleep(100);
  const [began, from] = [performance.now(), read()];
  const ends = began + Number(seconds) * 1000;
  while (performance.now() < ends && read() < entries + changes) await sleep(100);
  const entriesPerSecond = Math.round(((read() - from) / (performance.now() - began)) * 1000);
  const peakRssMib = Math.round(process.resourceUsage().maxRSS / 1024);
  const { unfoldedBytes } = handle.metrics();
  print({ entriesPerSecond, unfoldedMib: Math.round(unfoldedBytes / 2 ** 20), peakRssMib });
  process.kill(process.pid, 'SIGKILL'); // it need not read the rest
}

/** Each key once, in order; then all of them again and again, in another one. */
async function load(): Promise<void> {
  const log = await openLog(directory);
  await log.createTopic(events);
  await appendEvents(log, events.name, made());
  await log.close();
}

function* made() {
  for (let i = 0; i < entries; i++) yield { key: '', value: keyOf(i), timestamp: i };
  for (let i = 0; i < changes; i++) {
    yield { key: '', value: keyOf((i * stride) % entries), timestamp: entries + i };
  }
}

function keyOf(i: number): string {
  return `key-${String(i).padStart(9, '0')}`;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * A running count over keys whose state does not fit into its limit, and the same with all of it in
 * memory: records per second, and what the process took of memory at most. Keys are drawn uniformly
 * or by Zipf's law (exponent 0.99).
 *
 *   spill.ts <MiB of state> <MiB of limit> [uniform | zipf]
 */
import { spawnSync } from 'node:child_process';
import { job, json, keyJson, openLog, run, string, topic, value } from 'millrace';
import { appendEvents } from './events.ts';
import { inDirectory, print, round } from './figures.ts';

const entryBytes = 107;
const [stateMib = '2560', limitMib = '256', keys = 'uniform', role, directory = ''] =
  process.argv.slice(2);
const entries = Math.round((Number(stateMib) * 2 ** 20) / entryBytes);
const records = Math.min(entries, 2_000_000);
const pad = 'x'.repeat(75);

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
        state.entry.set({ n, pad });
        return n % 1000 === 0 ? [n] : [];
      },
    })
    .to(results);
});

interface Figures {
  readonly recordsPerSecond: number;
  readonly peakRssMib: number;
}

const none: Figures = { recordsPerSecond: 0, peakRssMib: 0 };

if (role === undefined) await inDirectory(measure);
else if (role === 'load') await load();
else await count(role === 'limited' ? Number(limitMib) * 2 ** 20 : 1e12);

async function measure(parent: string): Promise<void> {
  const figures = ['limited', 'memory'].map((mode) => {
    const into = `${parent}/${mode}`;
    start('load', into);
    return start(mode, into);
  });
  const [limited = none, memory = none] = figures;
  print({
    [`recordsPerSecond ${keys}`]: limited.recordsPerSecond,
    [`ratio ${keys}`]: round(limited.recordsPerSecond / memory.recordsPerSecond),
    [`peakRssMiB ${keys}`]: limited.peakRssMib,
    [`peakRssMiB of all in memory ${keys}`]: memory.peakRssMib,
  });
}

function start(mode: string, into: string): Figures {
  const script = [import.meta.filename, stateMib, limitMib, keys, mode, into];
  const flags = ['--max-old-space-size=20000', '--max-semi-space-size=16']; // docs/state.md
  const { stdout } = spawnSync(process.execPath, [...flags, ...script], {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
  });
  return stdout === '' ? none : (JSON.parse(stdout) as Figures); // as printed below
}

async function count(stateMemoryMax: number): Promise<void> {
  const log = await openLog(directory);
  const handle = await run(counting, { data: log, stateMemoryMax });
  handle.done.catch((error: unknown) => process.stderr.write(`${String(error)}\n`));
  const read = async (many: number) => {
    while (handle.metrics().recordsRead < many) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  await read(entries);
  const began = performance.now();
  await read(entries + records);
  const recordsPerSecond = Math.round((records / (performance.now() - began)) * 1000);
  const peakRssMib = Math.round(process.resourceUsage().maxRSS / 1024);
  await handle.stop();
  await log.close();
  print({ recordsPerSecond, peakRssMib });
}

/** Each key once, then keys by chance, the same ones each time. */
async function load(): Promise<void> {
  const log = await openLog(directory);
  await log.createTopic(events);
  await appendEvents(log, events.name, made());
  await log.close();
}

function* made() {
  for (let i = 0; i < entries; i++) yield { key: '', value: keyOf(i), timestamp: i };
  const draw = keys === 'zipf' ? zipf(entries, 0.99) : (share: number) => share * entries;
  let seed = 1;
  for (let i = 0; i < records; i++) {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    yield { key: '', value: keyOf(Math.floor(draw(seed / 2 ** 32))), timestamp: entries + i };
  }
}

/** Neighbours by rank are not neighbours by key. */
function keyOf(rank: number): string {
  return `key-${Math.imul(rank, 2_654_435_761) >>> 0}-${rank}`;
}

/** Ranks by Zipf's law, approximated by the inverse of the integral. */
function zipf(many: number, exponent: number): (share: number) => number {
  const rest = 1 - exponent;
  return (share) => ((many ** rest - 1) * share + 1) ** (1 / rest) - 1;
}

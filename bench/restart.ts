/**
 * kill -9 of a job with much state, and how long it takes from the start of the next process until
 * it has committed its first output: 100-byte entries, as much unfolded changelog as there may be,
 * and 100,000 timers that are due.
 */
import { spawn, spawnSync } from 'node:child_process';
import { openLog, run } from 'millrace';
import { appendEvents } from './events.ts';
import { inDirectory, print, round } from './figures.ts';
import { counting, counts, type Event, events } from './restart-job.ts';

const entryBytes = 107;
const timers = 100_000;
const [gib = '1', role, directory = ''] = process.argv.slice(2);
const entries = Math.round((Number(gib) * 2 ** 30) / entryBytes);

if (role === 'fill') await fill();
else if (role === 'spread') await spread();
else await inDirectory(measure);

async function measure(into: string): Promise<void> {
  for (const part of ['fill', 'spread']) {
    // The second one kills itself.
    spawnSync(process.execPath, [import.meta.filename, gib, part, into], { stdio: 'inherit' });
  }
  const log = await openLog(into);
  const before = log.broker.endOf({ topic: counts.name, partition: 0 });
  const began = performance.now();
  const job = `${import.meta.dirname}/restart-job.ts`;
  const cli = `${import.meta.dirname}/../dist/cli/main.js`;
  const child = spawn(
    process.execPath,
    [cli, 'run', job, '--data', into, '--quiet', '--take-over'],
    {
      stdio: 'inherit',
    },
  );
  const seconds = await new Promise<number>((resolve) => {
    const subscription = log.broker.subscribe(() => {
      if (log.broker.endOf({ topic: counts.name, partition: 0 }) === before) return;
      subscription.close();
      resolve((performance.now() - began) / 1000);
    });
  });
  child.kill('SIGKILL');
  await new Promise((resolve) => child.on('close', resolve));
  await log.close();
  print({ [gib === '1' ? 'seconds' : `seconds${gib}GiB`]: round(seconds) });
}

/** All entries, folded. */
async function fill(): Promise<void> {
  const log = await openLog(directory);
  await log.createTopic(events);
  await appendEvents(
    log,
    events.name,
    made(0, entries, (i) => i < timers),
  );
  await runUntil(log, entries, (unfolded) => unfolded === 0);
  await log.close();
}

/** As many changes of entries spread over all of them as the changelog may hold unfolded. */
async function spread(): Promise<void> {
  const log = await openLog(directory);
  const many = Math.min(entries, 600_000);
  const step = Math.floor(entries / many);
  await appendEvents(
    log,
    events.name,
    made(1, many, () => false, step),
  );
  // The timers come due with the first record that the next process reads.
  const last = { key: 'due', n: 2, timer: false } satisfies Event;
  await runUntil(log, many, () => true);
  await appendEvents(log, events.name, [
    { key: '', value: JSON.stringify(last), timestamp: 10_000_000 },
  ]);
  process.kill(process.pid, 'SIGKILL');
}

function* made(n: number, many: number, timer: (i: number) => boolean, step = 1) {
  for (let i = 0; i < many; i++) {
    const event: Event = { key: `key-${i * step}`, n, timer: timer(i) };
    yield { key: '', value: JSON.stringify(event), timestamp: 1000 + n };
  }
}

async function runUntil(
  log: Awaited<ReturnType<typeof openLog>>,
  records: number,
  enough: (unfoldedBytes: number) => boolean,
): Promise<void> {
  const handle = await run(counting, {
    data: log,
    foldIntervalMs: records === entries ? 500 : 1e9,
  });
  handle.done.catch((error: unknown) => {
    throw error;
  });
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    const { recordsRead, unfoldedBytes } = handle.metrics();
    if (recordsRead >= records && enough(unfoldedBytes)) break;
  }
  if (records !== entries) return; // it is killed
  await handle.stop();
}

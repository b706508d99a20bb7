/**
 * A process that shares a job: `sharer.ts DIRECTORY [WORKERS]`. A line on standard input makes it
 * leave, `drain` after everything is counted; `stop` makes it stop itself (SIGSTOP), when it does not
 * hold the lock, without which nobody could commit. On standard error it tells, a line of JSON each,
 * who runs which task as it knows (`{ tasks }`), and each failure (`{ error }`).
 */
import { isMillraceError } from '../../src/platform/index.ts';
import { openLog, run } from '../../src/runtime/index.ts';
import { shared } from './shared-job.ts';

const [, , directory = '', workers] = process.argv;
const module = new URL('./shared-job.ts', import.meta.url);

const log = await openLog(directory, { durability: 'process' });
const handle = await run(shared, {
  data: log,
  durability: 'process',
  ...(workers === undefined ? {} : { workers: Number(workers), module }),
});
let told = '';
let errorsTold = 0;
const subscription = log.broker.subscribe(tell); // what others do changes the log alone
handle.status$.subscribe(tell);
process.stdin.on('data', (data) => {
  const order = String(data).trim();
  if (order === 'stop') process.kill(process.pid, 'SIGSTOP');
  else void handle.stop({ drain: order === 'drain' });
});
try {
  await handle.done;
} finally {
  subscription.close();
  tell();
  process.stdin.destroy();
  await log.close();
}

function tell(): void {
  const tasks = JSON.stringify({ tasks: handle.status().tasks });
  if (tasks !== told) say(tasks);
  told = tasks;
  for (const error of handle.errors.slice(errorsTold)) {
    const code = isMillraceError(error) ? error.code : 'other';
    say(JSON.stringify({ error: `${code}: ${error.message}` }));
  }
  errorsTold = handle.errors.length;
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

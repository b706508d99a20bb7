/**
 * Another process at a test's directory: `peer.ts DIRECTORY ROLE [WHAT]`.
 *
 *   append NAME     after a line on standard input appends `NAME 0`, `NAME 1`, ... one commit each
 *   race NAME       the same, but it waits behind the first one until another process has begun
 *   stop FAILPOINT  appends `before`; after a line on standard input it appends `during`, and stops
 *                   itself (SIGSTOP) where it passes the step
 *   job             runs the counting job until it ends; stops itself after a line on standard
 *                   input, when it does not hold the lock
 *
 * What happens is told on standard error, a line each.
 */
import { openBroker } from '../../src/broker/index.ts';
import { isMillraceError, nodePlatform } from '../../src/platform/index.ts';
import { run } from '../../src/runtime/index.ts';
import { appendOf } from '../contracts/broker.ts';
import { appendsEach, counting, records } from './peers.ts';

const [, , directory = '', role = '', what = ''] = process.argv;
let isArmed = false;

const platform = nodePlatform({
  failpoint: (name) => {
    if (!isArmed || name !== what) return;
    isArmed = false;
    stop();
  },
});

const broker = await openBroker(platform, directory, { durability: 'process' });
say('open');
if (role === 'append' || role === 'race') {
  await line();
  for (let i = 0; i < appendsEach; i++) {
    await broker.append([appendOf(records, [`${what} ${i}`])]);
    if (role === 'race' && i === 0) await bothBegan();
  }
} else if (role === 'stop') {
  await broker.append([appendOf(records, ['before'])]);
  say('ready');
  await line();
  isArmed = true;
  await broker.append([appendOf(records, ['during'])]);
} else {
  const handle = await run(counting, { broker, stateDirectory: directory, platform });
  handle.status$.subscribe(({ state }) => say(state));
  process.stdin.once('data', stop);
  await handle.done.catch((error: unknown) => say(isMillraceError(error) ? error.code : 'other'));
}
say('done');
process.stdin.destroy();
await broker.close();
await platform.background.close();

async function bothBegan(): Promise<void> {
  while (broker.endOf(records) < 2) await new Promise((go) => platform.clock.after(1, () => go(0)));
}

function line(): Promise<unknown> {
  return new Promise((resolve) => process.stdin.once('data', resolve));
}

function stop(): void {
  say('stopping');
  process.kill(process.pid, 'SIGSTOP');
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

/**
 * The golden pipeline as a process that dies: `child.ts DIRECTORY FAILPOINT HIT`. It kills itself
 * at the n-th time it passes the failpoint; without one it runs to the end and prints the outputs
 * as one line of JSON. `working` on standard error says that the jobs run and are not at their end.
 */
import { nodePlatform } from '../../src/platform/index.ts';
import { finishSession, makeReadings, startSession } from '../golden/pipeline.ts';

const [, , directory = '', failpoint, hit = '1'] = process.argv;
let left = Number(hit);

const platform = nodePlatform({
  failpoint: (name) => {
    if (name === failpoint && --left === 0) process.kill(process.pid, 'SIGKILL');
  },
});

const session = await startSession(platform, directory, makeReadings(900, 7));
process.stderr.write('working\n');
const outputs = await finishSession(session);
process.stdout.write(`${JSON.stringify(outputs)}\n`);
await platform.background.close();

/**
 * The golden pipeline as a process that dies: `child.ts DIRECTORY FEED [FAILPOINT HIT]`. FEED is
 * `history`, where the input is there before the jobs start, or `live`, where it comes while they
 * run. It kills itself at the n-th time it passes the failpoint; without one it runs to its end and
 * prints the outputs as one line of JSON.
 *
 * On standard error it says `done N` when it has opened the directory: how many records earlier
 * processes have written (live: fed); and `working` once its own jobs have written something, so
 * that whoever kills it then finds it between two commits.
 */
import type { Broker } from '../../src/broker/index.ts';
import { nodePlatform } from '../../src/platform/index.ts';
import {
  appendsOf,
  finishSession,
  inputTopic,
  outputTopics,
  startSession,
} from '../golden/pipeline.ts';
import { liveChunk, nextChunk, readings } from './readings.ts';

const [, , directory = '', feed = 'history', failpoint, hit = '1'] = process.argv;
const isLive = feed === 'live';
let passes = Number(hit);

const platform = nodePlatform({
  failpoint: (name) => {
    if (name === failpoint && --passes === 0) process.kill(process.pid, 'SIGKILL');
  },
});

const session = await startSession(platform, directory, isLive ? liveChunk(0) : readings, {
  durability: 'process', // a killed process loses nothing of what it wrote
  onOpen: (broker) => {
    say(`done ${count(broker, isLive ? [inputTopic] : outputTopics)}`);
    sayOnceWorking(broker);
  },
});
if (isLive) await feedTheRest(session.broker);
const outputs = await finishSession(session);
process.stdout.write(`${JSON.stringify(outputs)}\n`);
await platform.background.close();

/** Records that the topics hold. */
function count(broker: Broker, topics: readonly string[]): number {
  const partitions = topics.flatMap((name) => broker.describeTopic(name)?.partitions ?? []);
  return partitions.reduce((sum, { end }) => sum + end, 0);
}

async function feedTheRest(broker: Broker): Promise<void> {
  for (let chunk = nextChunk(count(broker, [inputTopic])); ; chunk++) {
    const records = liveChunk(chunk);
    if (records.length === 0) return;
    await broker.append(appendsOf(records), { id: 'feeder', sequence: chunk });
  }
}

function sayOnceWorking(broker: Broker): void {
  const before = count(broker, outputTopics);
  const subscription = broker.subscribe(() => {
    if (count(broker, outputTopics) === before) return;
    subscription.close();
    say('working');
  });
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

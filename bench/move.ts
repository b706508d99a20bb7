/**
 * Two processes share a job with 100 MiB of state and 20,000 records a second; one is killed. How
 * long the slowest record takes from when it should have been sent until its result is seen: the
 * gap that the move of its task makes.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { type Log, openLog, RecordCursor } from 'millrace';
import { appendEvents } from './events.ts';
import { inDirectory, print, round } from './figures.ts';
import { counts, type Event, events, tasks } from './move-job.ts';

const entryBytes = 107;
const keys = Math.round((100 * 2 ** 20) / entryBytes);
const rate = 20_000;
const seconds = 30;
const killAfterSeconds = 10;
/** Appended at once; their latency is this much at least. */
const everyMs = 5;

await inDirectory(measure);

async function measure(directory: string): Promise<void> {
  const log = await openLog(directory);
  await log.createTopic(events, tasks);
  await log.createTopic(counts, tasks);
  await appendEvents(log, events.name, keysOnce());
  const children = [start(directory), start(directory)];
  await until(() => isShared(log) && endsOf(log) === keys);
  const consumed = consume(log, rate * seconds);
  const killed = setTimeout(() => children[0]?.kill('SIGKILL'), killAfterSeconds * 1000);
  await produce(log);
  const { slowestMs, slowestBeforeMs } = await consumed;
  clearTimeout(killed);
  for (const child of children) child.kill('SIGKILL');
  await log.close();
  print({ seconds: round(slowestMs / 1000), secondsBeforeTheKill: round(slowestBeforeMs / 1000) });
}

function start(directory: string): ChildProcess {
  return spawn(process.execPath, [`${import.meta.dirname}/move-job.ts`, directory], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
}

/** Both processes have half of the tasks. */
function isShared({ broker }: Log): boolean {
  const pids = Array.from({ length: 2 * tasks }, (_, i) => {
    const [stage, index] = [Math.floor(i / tasks), i % tasks];
    return broker.describeTask(`counting-1.${stage}.${index}`)?.holder?.pid;
  });
  const [first] = pids;
  return !pids.includes(undefined) && pids.filter((pid) => pid === first).length === tasks;
}

function endsOf({ broker }: Log): number {
  const { partitions = [] } = broker.describeTopic(counts.name) ?? {};
  return partitions.reduce((sum, { end }) => sum + end, 0);
}

async function produce(log: Log): Promise<void> {
  const began = now();
  for (let sent = 0; sent < rate * seconds; ) {
    const due = Math.min(rate * seconds, Math.floor(((now() - began) / 1000) * rate));
    await appendEvents(log, events.name, between(sent, due, began));
    sent = due;
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

function* between(from: number, to: number, began: number) {
  for (let i = from; i < to; i++) {
    yield record(`key-${Math.floor(Math.random() * keys)}`, began + (i / rate) * 1000);
  }
}

function* keysOnce() {
  for (let i = 0; i < keys; i++) yield record(`key-${i}`, now());
}

function record(key: string, sent: number) {
  const value: Event = { key, sent };
  return { key, value: JSON.stringify(value), timestamp: Math.floor(sent) };
}

interface Slowest {
  readonly slowestMs: number;
  /** Of those sent before the process was killed. */
  readonly slowestBeforeMs: number;
}

async function consume({ broker }: Log, total: number): Promise<Slowest> {
  const positions = Array.from({ length: tasks }, (_, partition) =>
    broker.endOf({ topic: counts.name, partition }),
  );
  const began = now();
  const cursor = new RecordCursor();
  let [seen, slowestMs, slowestBeforeMs] = [0, 0, 0];
  const see = (sent: number) => {
    seen++;
    slowestMs = Math.max(slowestMs, now() - sent);
    if (sent < began + (killAfterSeconds - 1) * 1000) slowestBeforeMs = slowestMs;
  };
  const read = () => {
    for (const [partition, position] of positions.entries()) {
      const batches = broker.read({ topic: counts.name, partition }, position, 1024 * 1024);
      if (batches === undefined) continue;
      cursor.reset(batches.bytes, batches.placeOf);
      while (cursor.next()) {
        if (cursor.offset < position) continue;
        see(counts.value.decode(cursor.bytes, cursor.valueStart, cursor.valueEnd).sent);
      }
      positions[partition] = cursor.endOffset();
    }
  };
  const subscription = broker.subscribe(read);
  await until(() => seen >= total);
  subscription.close();
  return { slowestMs, slowestBeforeMs };
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** The same clock in all processes. */
function now(): number {
  return performance.timeOrigin + performance.now();
}

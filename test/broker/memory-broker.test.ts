import { expect, test } from 'vitest';
import { MemoryBroker } from '../../src/broker/index.ts';
import { appendOf, brokerContract, codeOf, readAll } from '../contracts/broker.ts';
import { SimulatedMachine } from '../support/simulated-platform.ts';

const start = Date.UTC(2026, 0, 1);

const clock = {
  now: () => start,
  monotonicMs: () => 0,
  after: () => ({ cancel: () => {} }),
  soon: (run: () => void) => void setImmediate(run),
};

brokerContract('MemoryBroker', async () => {
  const broker = new MemoryBroker({ clock });
  return { broker, now: clock.now, close: () => broker.close() };
});

brokerContract('MemoryBroker of another process', async () => {
  const broker = new MemoryBroker({ clock }).process('other');
  return { broker, now: clock.now, close: () => broker.close() };
});

/** A log, and two processes that share it. */
function sharing() {
  const machine = new SimulatedMachine();
  const [a, b] = [machine.process(), machine.process()];
  const first = new MemoryBroker({ clock: a.platform.clock, id: 'shared' });
  const second = first.process('b', { clock: b.platform.clock, isLive: () => b.isAlive });
  return { machine, a, b, first, second };
}

const t = { topic: 't', partition: 0 };

test('processes that share a log in memory see what the others append, a turn later', async () => {
  const { machine, first, second } = sharing();
  expect(second.id).toBe('shared');
  let heard = 0;
  second.subscribe(() => heard++);
  first.createTopicNow('t');
  first.appendNow([appendOf(t, ['a'])]);
  expect(second.describeTopic('t')).toBeUndefined();
  await machine.settle();
  expect(heard).toBe(1);
  expect(readAll(second, t)).toEqual(['a']);
  first.appendNow([appendOf(t, ['b'])]);
  second.appendNow([appendOf(t, ['c'])]);
  expect(readAll(first, t)).toEqual(['a', 'b']);
  await machine.settle();
  expect(readAll(first, t)).toEqual(['a', 'b', 'c']);
});

test('a task is held by one of the processes that share a log in memory', async () => {
  const { machine, a, b, first, second } = sharing();
  second.claimNow('task');
  expect(await machine.until(codeOf(first.claim('task')))).toBe('TASK_HELD');
  const of = { instance: 'b', isLive: true };
  expect(first.describeTask('task')?.holder).toMatchObject({ ...of, isThis: false });
  expect(second.describeTask('task')?.holder).toMatchObject({ ...of, isThis: true });
  b.kill();
  expect(first.describeTask('task')?.holder).toMatchObject({ instance: 'b', isLive: false });
  expect(await machine.until(first.claim('task'))).toMatchObject({ incarnation: 2 });
  expect(a.isAlive).toBe(true);
});

test('a process that stands still sees nothing until it goes on', async () => {
  const { machine, b, first, second } = sharing();
  first.createTopicNow('t');
  expect(second.subscribe(() => {})).toBeDefined();
  b.stop();
  first.appendNow([appendOf(t, ['a'])]);
  await machine.settle();
  expect(second.describeTopic('t')).toBeUndefined();
  b.resume();
  await machine.settle();
  expect(readAll(second, t)).toEqual(['a']);
});

test('a process that has closed its log in memory holds nothing any more', async () => {
  const { machine, first, second } = sharing();
  second.claimNow('task');
  await second.close();
  expect(first.describeTask('task')).toBeUndefined();
  expect(await machine.until(first.claim('task'))).toMatchObject({ incarnation: 2 });
});

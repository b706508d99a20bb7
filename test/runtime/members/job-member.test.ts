/** What single members do: joining, failing, leaving; and with the heartbeats of a directory. */
import { expect, test } from 'vitest';
import { openBroker } from '../../../src/broker/index.ts';
import { JobMember } from '../../../src/runtime/members/job-member.ts';
import { SimulatedMachine, type SimulatedProcess } from '../../support/simulated-platform.ts';
import { codeOf, job, Processes, type ProcessesOptions, stages } from './processes.ts';

function sharing(tasks: ProcessesOptions['tasks'], delayMs = 1): Processes {
  return new Processes({ tasks, delayMs: () => delayMs, commitEveryMs: undefined });
}

test('a member that joins takes its part of all stages within two looks', async () => {
  const processes = sharing(stages(4, 4));
  const a = processes.start();
  await processes.machine.advance(100);
  expect(a.running.length).toBe(8);
  const b = processes.start();
  await processes.machine.advance(1000);
  const stagesOf = (names: readonly string[]) => names.map((name) => name.split('.')[1]).sort();
  expect(stagesOf(a.running)).toEqual(['0', '0', '1', '1']);
  expect(stagesOf(b.running)).toEqual(['0', '0', '1', '1']);
});

test('a member for which there is no task waits for one', async () => {
  const processes = sharing(stages(1));
  const a = processes.start();
  const b = processes.start();
  await processes.machine.advance(1000);
  expect([a.running.length, b.running.length]).toEqual([1, 0]);
  a.machine.kill();
  await processes.machine.advance(600);
  expect(b.running.length).toBe(1);
});

test('a process joins a job once', async () => {
  const processes = sharing(stages(1));
  const a = processes.start();
  await processes.machine.advance(100);
  expect(await a.join().catch(codeOf)).toBe('TASK_HELD');
  expect(a.running.length).toBe(1);
});

test('the tasks of a member that leaves move as each of them ends', async () => {
  const delaysMs: number[] = [];
  const delayMs = () => delaysMs.shift() ?? 1;
  const processes = new Processes({ tasks: stages(4), delayMs, commitEveryMs: undefined });
  const a = processes.start();
  const b = processes.start();
  await processes.machine.advance(1000);
  expect([a.running.length, b.running.length]).toEqual([2, 2]);
  delaysMs.push(1, 3000);
  const closed = Promise.resolve(a.member?.close());
  await processes.machine.advance(700);
  expect([a.member?.tasks.length, b.running.length]).toEqual([1, 3]);
  await processes.machine.until(closed);
  await processes.machine.advance(700);
  expect([a.member?.tasks.length, b.running.length]).toEqual([0, 4]);
  expect(b.broker.describeTask(`${job}/members/0`)).toMatchObject({ holder: undefined });
});

test('a task that fails for good stays where it failed, and is told once', async () => {
  const processes = sharing(stages(2));
  const a = processes.start();
  a.failureOf = (task) => (task.endsWith('1') ? new Error('it fails') : undefined);
  await processes.machine.advance(3000);
  expect(a.failures).toEqual([new Error('it fails')]);
  expect(a.member?.tasks.map(({ state }) => state)).toEqual(['running', 'failed']);
  await processes.machine.until(Promise.resolve(a.member?.close()));
  expect(a.started.length).toBe(2);
});

test('a task that this process holds and does not run is taken over', async () => {
  const processes = sharing(stages(1));
  const [{ task }] = stages(1) as [ReturnType<typeof stages>[number]];
  const a = processes.start();
  a.broker.claimNow(task);
  await processes.machine.advance(600);
  expect(a.running).toEqual([task]);
  expect(a.broker.describeTask(task)?.incarnation).toBe(2);
});

/** Members in a directory: each process has a heartbeat file. */
async function memberIn(machine: SimulatedMachine, process: SimulatedProcess): Promise<JobMember> {
  const { platform } = process;
  const broker = await openBroker(platform, '/data', { journalFileBytes: 64 * 1024 });
  return JobMember.join({
    ...{ job, tasks: stages(2), broker, clock: platform.clock },
    async run({ task, signal, takeOver, claimed }) {
      const claim = await broker.claim(task, { takeOver });
      claimed(claim.incarnation);
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      await broker.release(claim);
    },
    onFailure: (_task, error) => expect(error).toBeUndefined(),
    onError: (error) => expect([machine, error]).toBeUndefined(),
  });
}

async function pairIn(machine: SimulatedMachine) {
  const processes = [machine.process(), machine.process()] as const;
  const a = await machine.until(memberIn(machine, processes[0]));
  const b = await machine.until(memberIn(machine, processes[1]));
  await machine.advance(2000);
  expect([a.tasks.length, b.tasks.length]).toEqual([1, 1]);
  return { processes, a, b };
}

test('the tasks of a killed process move within a second, by its process id', async () => {
  const machine = new SimulatedMachine();
  const { processes, b } = await pairIn(machine);
  processes[0].kill();
  await machine.advance(1000);
  expect(b.tasks.length).toBe(2);
});

test('a process that stood still for longer than its heartbeat lasts joins again', async () => {
  const machine = new SimulatedMachine();
  const { processes, a, b } = await pairIn(machine);
  processes[0].stop();
  await machine.advance(4000);
  expect(b.tasks.length).toBe(1);
  await machine.advance(3000);
  expect(b.tasks.length).toBe(2);
  processes[0].resume();
  await machine.advance(4000);
  expect([a.tasks.length, b.tasks.length]).toEqual([1, 1]);
});

test('a task that was claimed by another one, who has died, is not taken for one that runs', async () => {
  const processes = sharing(stages(1));
  const a = processes.start();
  await processes.machine.advance(1000);
  a.stop();
  const b = processes.start();
  await processes.machine.advance(1000);
  expect(b.running.length).toBe(1);
  b.machine.kill();
  a.resume();
  expect(await processes.settle(4)).toBeLessThan(4);
  expect(a.started.length).toBe(2);
});

test('what a member sees may be old: its claim of what another one runs is refused', async () => {
  const processes = sharing(stages(2));
  const a = processes.start();
  const c = processes.start();
  await processes.machine.advance(1000);
  expect([a.started.length, c.started.length]).toEqual([2, 1]);
  a.stop();
  c.machine.kill();
  await processes.machine.advance(600); // its next look is due, and is the first thing that it does
  const b = processes.start();
  await processes.machine.advance(1000);
  expect(b.started.length).toBe(2);
  a.resume();
  await processes.machine.settle();
  expect([a.member?.tasks.length, a.started.length, b.running.length]).toEqual([1, 2, 2]);
  expect(await processes.settle(4)).toBeLessThan(4);
  expect([a.started.length, processes.failures]).toEqual([3, []]);
});

import { describe, expect, it } from 'vitest';
import { type Claim, MemoryBroker, RecordBatchBuilder } from '../../../src/broker/index.ts';
import { job, topic, value } from '../../../src/dsl/index.ts';
import { json, keyJson, string } from '../../../src/formats/index.ts';
import { nodePlatform } from '../../../src/platform/index.ts';
import { assembleTask } from '../../../src/runtime/assemble-task.ts';
import { ClockLimit } from '../../../src/runtime/epoch-limit.ts';
import { changelogReader, stateInMemory } from '../../../src/runtime/open-task.ts';
import { epochDefaults } from '../../../src/runtime/run.ts';
import {
  type JobTasks,
  makeExchanges,
  type StageTask,
  tasksOf,
} from '../../../src/runtime/stages/job-tasks.ts';
import { lagOf } from '../../../src/runtime/stages/plan.ts';
import { sharingOf } from '../../../src/runtime/stages/sharing.ts';
import type { Task } from '../../../src/runtime/task.ts';

const { clock } = nodePlatform();
const visits = topic('visits', { key: string(), value: json<number>() });
const counts = topic('counts', { key: keyJson<number>(), value: json<number>() });
const visited = job(
  'visited',
  ({ from }) => {
    from(visits)
      .keyBy((n) => n)
      .process({ state: { n: value<number>() }, onRecord: (n) => [n] })
      .to(counts);
  },
  { parallelism: 2 },
);

async function opened(): Promise<{ broker: MemoryBroker; tasks: JobTasks }> {
  const broker = new MemoryBroker({ clock });
  await broker.createTopic(visits.name, { partitions: 2 });
  const tasks = tasksOf(visited.graph, { generation: 1, tasks: [2, 2] });
  await makeExchanges(tasks, broker);
  return { broker, tasks };
}

function taskAt({ all }: JobTasks, stage: number, index: number): StageTask {
  const found = all.find((task) => task.stage.index === stage && task.index === index);
  if (found === undefined) throw new Error('there is no such task');
  return found;
}

async function append(broker: MemoryBroker, of: string, partition: number, records: number) {
  const builder = new RecordBatchBuilder();
  for (let n = 0; n < records; n++) builder.append(n, null, Buffer.from(String(n)));
  const { recordCount, maxTimestamp } = builder;
  const batches = builder.build();
  await broker.append([{ topic: of, partition, batches, recordCount, maxTimestamp }]);
}

async function moveTo(broker: MemoryBroker, claim: Claim, of: string, partition: number) {
  const offset = broker.endOf({ topic: of, partition });
  const positions = [{ topic: of, partition, offset }];
  const { task, incarnation, epoch } = claim;
  await broker.commit({ task, incarnation, epoch: epoch + 1, clockMs: 0, positions, appends: [] });
}

describe('what a task knows of those that share its job', () => {
  it('all have caught up once the tasks that read topics stand at their ends', async () => {
    const { broker, tasks } = await opened();
    const { haveAllCaughtUp } = sharingOf(tasks, taskAt(tasks, 0, 0), broker);
    expect(haveAllCaughtUp()).toBe(true);
    await append(broker, visits.name, 1, 3);
    expect(haveAllCaughtUp()).toBe(false);
    await moveTo(broker, await broker.claim(taskAt(tasks, 0, 1).name), visits.name, 1);
    expect(haveAllCaughtUp()).toBe(true);
  });

  it('it is ahead while one of its receivers has very much to read from it', async () => {
    const { broker, tasks } = await opened();
    const sender = taskAt(tasks, 0, 1);
    const [exchange] = sender.stage.sends;
    const { isAhead } = sharingOf(tasks, sender, broker);
    const toFirst = 1; // receiver 0 from sender 1, of two
    await append(broker, exchange?.topic ?? '', toFirst, 250_000);
    expect(isAhead()).toBe(false);
    await append(broker, exchange?.topic ?? '', toFirst, 1);
    expect(isAhead()).toBe(true);
    expect(sharingOf(tasks, taskAt(tasks, 0, 0), broker).isAhead()).toBe(false);
    const claim = await broker.claim(taskAt(tasks, 1, 0).name);
    await moveTo(broker, claim, exchange?.topic ?? '', toFirst);
    expect(isAhead()).toBe(false);
  });
});

describe('a task whose receivers are far behind', () => {
  it('reads nothing, tells how far it is, and goes on when they have come nearer', async () => {
    const { broker, tasks } = await opened();
    let isAhead = true;
    const task = await assembled(broker, tasks, {
      haveAllCaughtUp: () => true,
      isAhead: () => isAhead,
    });
    await append(broker, visits.name, 0, 5);
    expect(task.hasInput()).toBe(false);
    const { topic: told } = taskAt(tasks, 0, 0).stage.sends[0] ?? { topic: '' };
    const first = epochOf(task);
    expect(first?.positions).toEqual([]);
    expect(first?.appends.map((of) => of.topic)).toContain(told);
    isAhead = false;
    expect(task.hasInput()).toBe(true);
    if (first !== undefined) task.committed(await broker.commit(first));
    expect(epochOf(task)?.positions).toMatchObject([{ topic: visits.name, offset: 5 }]);
  });
});

function epochOf(task: Task) {
  task.beginEpoch();
  while (!task.turn());
  return task.endEpoch();
}

async function assembled(
  broker: MemoryBroker,
  tasks: JobTasks,
  sharing: ReturnType<typeof sharingOf>,
): Promise<Task> {
  const of = taskAt(tasks, 0, 0);
  const changelog = `__${of.name}-changelog`;
  await broker.createTopic(changelog, { internal: true });
  return assembleTask({
    graph: of.stage.graph,
    claim: await broker.claim(of.name),
    ...{ broker, clock, changelog, sharing },
    state: stateInMemory(changelogReader(broker, { topic: changelog, partition: 0 })),
    limit: new ClockLimit(clock, epochDefaults),
    place: { index: of.index, tasks: of.tasks, ranks: of.stage.ranks },
    lagMs: lagOf(visited.graph),
    positionOf: ({ partition }) => (partition === 0 ? 0 : undefined),
  });
}

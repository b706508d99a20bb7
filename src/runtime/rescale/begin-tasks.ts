/** Where the tasks of a new layout begin: their positions, and their changelogs. */
import { type Broker, type Claim, type Position, RecordBatchBuilder } from '../../broker/index.ts';
import type { Platform } from '../../platform/index.ts';
import { encodeStoreRecord, type StoreRecord, storeKey } from '../../state/index.ts';
import { changelogOf } from '../open-task.ts';
import { partitionsRead, reads } from '../stages/job-tasks.ts';
import type { NewLayout } from './layouts.ts';
import { foldedAtFirst } from './new-state-file.ts';

export interface BeginOptions {
  readonly broker: Broker;
  readonly platform: Platform;
  readonly to: NewLayout;
  /** Of the tasks before. */
  readonly claims: readonly Claim[];
  /** What is recorded of the store that every task has, and its number. */
  readonly time: { readonly record: StoreRecord; numberIn(task: string): number };
}

/** Commits where each task begins. */
export async function beginTasks(options: BeginOptions): Promise<void> {
  const { to, broker, claims } = options;
  const known = newestPositions(claims);
  for (const [stage, { graph, tasks }] of to.stages.entries()) {
    const partitions = stage === 0 ? partitionsRead(graph, broker) : [];
    const positions = partitions.flatMap(
      ({ topic, partition }) => known.get(`${topic}/${partition}`) ?? [],
    );
    for (const task of tasks) {
      await beginTask(
        options,
        task,
        positions.filter((of) => isReadBy(options, task, of)),
      );
    }
  }
}

function isReadBy({ to, broker }: BeginOptions, task: string, of: Position): boolean {
  const own = to.job?.all.find(({ name }) => name === task);
  if (own === undefined) return true;
  const node = own.stage.graph.nodes.find(
    (each) => each.kind === 'source' && each.topic.name === of.topic,
  );
  return node?.kind === 'source' && reads(own, node, of, broker);
}

async function beginTask(
  { broker, platform, claims, time }: BeginOptions,
  task: string,
  positions: readonly Position[],
): Promise<void> {
  const changelog = changelogOf(task);
  await broker.createTopic(changelog, { internal: true });
  const claim = await broker.claim(task);
  const clockMs = Math.max(claim.clockMs, ...claims.map((of) => of.clockMs));
  const builder = new RecordBatchBuilder();
  builder.append(clockMs, storeKey(time.numberIn(task)), encodeStoreRecord(time.record));
  const { recordCount, maxTimestamp } = builder;
  const append = { topic: changelog, partition: 0, batches: builder.build() };
  await broker.commit({
    ...{ task, incarnation: claim.incarnation, epoch: claim.epoch + 1, clockMs, positions },
    appends: [{ ...append, recordCount, maxTimestamp }],
  });
  // It is in the file: without that, the task is refused.
  await broker.deleteRecordsBefore(
    { topic: changelog, partition: 0, offset: foldedAtFirst },
    claim,
  );
  await broker.release(claim);
  platform.failpoint('rescale.begun');
}

/** By partition: the furthest, where a task has read it before another one did. */
function newestPositions(claims: readonly Claim[]): ReadonlyMap<string, Position> {
  const newest = new Map<string, Position>();
  for (const position of claims.flatMap(({ positions }) => positions)) {
    const name = `${position.topic}/${position.partition}`;
    if ((newest.get(name)?.offset ?? -1) < position.offset) newest.set(name, position);
  }
  return newest;
}

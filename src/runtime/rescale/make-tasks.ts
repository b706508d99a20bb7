/** Makes the tasks of a new layout beside the old ones: nobody looks at them yet. */
import type { Broker, Claim, LogView } from '../../broker/index.ts';
import type { Platform } from '../../platform/index.ts';
import type { StoreRecord } from '../../state/index.ts';
import type { Graph } from '../graph.ts';
import { beginTasks } from './begin-tasks.ts';
import { snapshotOf, timesOf } from './former-state.ts';
import type { FormerLayout, NewLayout } from './layouts.ts';
import { removeTask } from './leftovers.ts';
import { onlyRow, StateMove } from './move-state.ts';
import { type FormerTime, movedTime } from './moved-time.ts';
import { NewStateFile } from './new-state-file.ts';
import { StorePlaces, timeStore } from './store-places.ts';

export interface MakeParts {
  readonly graph: Graph;
  readonly broker: Broker;
  readonly platform: Platform;
  readonly log: LogView;
  /** Where the job's state files are. */
  readonly directory: string;
  /** Of the layout. */
  readonly claim: Claim;
  onProgress(progress: string): void;
}

export interface MadeTasks {
  readonly rows: number;
  readonly unlike: readonly string[];
}

/** `claims`: of the former tasks. */
export async function makeTasks(
  parts: MakeParts,
  former: FormerLayout,
  to: NewLayout,
  claims: readonly Claim[],
): Promise<MadeTasks> {
  const { graph, broker, platform, claim, directory } = parts;
  const times = timesOf(parts, former.tasks);
  if (times.length === 0) return { rows: 0, unlike: [] }; // it has never read anything
  for (const task of to.stages.flatMap(({ tasks }) => tasks)) {
    await removeTask({ broker, platform, job: graph.job, directory }, task);
  }
  const files = openFiles(parts, to);
  try {
    const record = timeRecordOf(parts, former);
    for (const [stage, own] of files.entries()) putTime(own, stage, times, record, to);
    const moved = await moveAll(parts, former, to, files);
    for (const file of files.flat()) file.complete();
    platform.failpoint('rescale.written');
    await broker.whileNewest(claim, () => {
      for (const file of files.flat()) file.putInPlace();
      platform.files.syncDirectory(directory);
    });
    platform.failpoint('rescale.placed');
    const numberIn = (task: string) =>
      files
        .flat()
        .find((file) => file.task === task)
        ?.storeOf(record) ?? 1;
    await beginTasks({ broker, platform, to, claims, time: { record, numberIn } });
    return moved;
  } finally {
    for (const file of files.flat()) file.discard();
  }
}

function openFiles(
  { broker, platform, directory, claim }: MakeParts,
  { stages }: NewLayout,
): readonly (readonly NewStateFile[])[] {
  const { id: directoryId } = broker;
  return stages.map(({ tasks }) =>
    tasks.map((task) => {
      return new NewStateFile(platform, { directory, directoryId, task }, claim.incarnation);
    }),
  );
}

function putTime(
  files: readonly NewStateFile[],
  stage: number,
  times: readonly FormerTime[],
  record: StoreRecord,
  { job }: NewLayout,
): void {
  for (const [index, file] of files.entries()) {
    const time = JSON.stringify(movedTime(times, { stage, index, isShared: job !== undefined }));
    file.put(file.storeOf(record), onlyRow(time));
    file.flush();
  }
}

async function moveAll(
  parts: MakeParts,
  former: FormerLayout,
  to: NewLayout,
  files: readonly (readonly NewStateFile[])[],
): Promise<MadeTasks> {
  const { graph, platform, onProgress } = parts;
  const places = new StorePlaces(graph.job, to.stages);
  const move = new StateMove({
    ...{ platform, places, files },
    onRows: (rows) => onProgress(`moving state: ${rows} rows`),
  });
  for (const { name } of former.tasks) {
    const snapshot = snapshotOf(parts, name);
    try {
      await move.add(snapshot);
    } finally {
      snapshot.database.close();
    }
  }
  return { rows: move.rows, unlike: [...move.unlike].sort() };
}

function timeRecordOf(parts: MakeParts, { tasks }: FormerLayout): StoreRecord {
  for (const { name } of tasks) {
    const { database, overlay } = snapshotOf(parts, name);
    database.close();
    for (const record of overlay.stores.values()) if (record.name === timeStore) return record;
  }
  throw new Error('a task that has a time has its store'); // it was found before
}

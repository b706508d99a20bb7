/**
 * The plain replay: the records of a range, at full speed, on a fresh state.
 *
 * All input is there from the start, and nothing is decided by a clock: silence does not count, and
 * `now` is the latest timestamp of the records read so far. So results depend neither on where
 * epochs end nor on when the replay runs. In the end event time runs on until nothing waits for it.
 */
import type { TopicPartition } from '../../broker/index.ts';
import { isMillraceError, MillraceError, pause } from '../../platform/index.ts';
import { assembleTask, type TaskLog } from '../assemble-task.ts';
import { ClockLimit } from '../epoch-limit.ts';
import type { Graph } from '../graph.ts';
import { goesOn } from '../record-errors.ts';
import type { Task } from '../task.ts';
import { countsOfTask, type TaskCounts } from '../task-counts.ts';
import type { PartitionRange } from './replay-range.ts';
import type { ReplayWork } from './replay-work.ts';
import { keepChanges, type ScratchState } from './scratch-state.ts';
import { Turns } from './turns.ts';

/** Encoding more changed entries than these takes a turn of the event loop of its own. */
const changesInTurn = 256;

/** Resolves with what was counted, at the end or once `signal` has ended it. */
export async function replayRecords(
  work: ReplayWork,
  state: ScratchState,
  ranges: readonly PartitionRange[],
): Promise<TaskCounts> {
  const task = await openTask(work, state, ranges);
  const total = ranges.reduce((sum, { start, end }) => sum + end - start, 0);
  try {
    return await new Replay(work, state, task).run(total);
  } catch (error) {
    throw failure(error);
  }
}

/** A run goes on where a step has failed; a replay does not. */
function failure(error: unknown): unknown {
  if (!isMillraceError(error) || !error.message.endsWith(goesOn)) return error;
  const message = error.message.replace(goesOn, ' After the fix replay again: it begins anew.');
  return new MillraceError(error.code, message, { cause: error.cause });
}

async function openTask(
  { graph, platform, task, budget, topics, broker }: ReplayWork,
  state: ScratchState,
  ranges: readonly PartitionRange[],
): Promise<Task> {
  const { clock } = platform;
  const rangeOf = (of: TopicPartition) =>
    ranges.find(({ topic, partition }) => topic === of.topic && partition === of.partition);
  const log: TaskLog = {
    describeTopic: (topic) => topics.describe(topic),
    endOf: (partition) => rangeOf(partition)?.end ?? 0,
    read: (partition, offset, bytesMax) => broker.read(partition, offset, bytesMax),
  };
  return assembleTask({
    graph: withoutSilence(graph),
    claim: { task, incarnation: 0, epoch: 0, clockMs: 0 },
    broker: log,
    clock: { ...clock, now: () => 0 },
    changelog,
    state: await state.openState(),
    limit: new ClockLimit(clock, budget),
    nowFollowsRecords: true,
    positionOf: (partition) => rangeOf(partition)?.start,
  });
}

/** No topic has this name: changes go to the state at once. */
const changelog = '';

/** Only the clock tells that nothing comes. */
function withoutSilence(graph: Graph): Graph {
  const never = { idleAfterMs: Number.POSITIVE_INFINITY, quietAfterMs: Number.POSITIVE_INFINITY };
  const nodes = graph.nodes.map((node) => (node.kind === 'source' ? { ...node, ...never } : node));
  return { ...graph, nodes };
}

class Replay {
  readonly #work: ReplayWork;
  readonly #state: ScratchState;
  readonly #task: Task;
  readonly #turns: Turns;
  #epochs = 0;

  constructor(work: ReplayWork, state: ScratchState, task: Task) {
    this.#work = work;
    this.#state = state;
    this.#task = task;
    this.#turns = new Turns(work.platform.clock, work.budget.turnMs);
  }

  async run(total: number): Promise<TaskCounts> {
    const { signal, onProgress } = this.#work;
    const task = this.#task;
    let isDraining = false;
    while (!signal.aborted) {
      await this.#epoch();
      onProgress({ ...this.#counts(), done: task.recordsRead, total });
      if (task.hasInput() || task.isDue()) continue;
      if (isDraining && task.drained) break;
      if (!isDraining) task.drain();
      isDraining = true;
    }
    return this.#counts();
  }

  #counts(): TaskCounts {
    return countsOfTask(this.#task, this.#epochs);
  }

  async #epoch(): Promise<void> {
    const task = this.#task;
    const { pauseMs } = task.errors; // a record is to be tried again
    if (pauseMs > 0) await pause(this.#work.platform.clock, pauseMs, this.#work.signal);
    task.beginEpoch();
    while (!task.turn() && !task.isFull()) await this.#turns.next();
    if (this.#turns.isOver || task.parts.state.changes > changesInTurn) await this.#turns.next();
    const commit = task.endEpoch();
    if (commit === undefined) return;
    this.#epochs++;
    await this.#work.output.write(this.#work.topics.renamed(commit.appends));
    task.committed(keepChanges(this.#state, changelog, commit.appends));
    await this.#state.tend();
  }
}

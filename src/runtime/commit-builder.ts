/** What a task commits at the end of an epoch: positions moved, outputs, changes of state. */
import type { Append, Appended, Commit, Position } from '../broker/index.ts';
import { ChangelogWriter } from './changelog.ts';
import type { EpochCourse } from './epoch-log.ts';
import type { Moved } from './epoch-record.ts';
import type { PartitionInput } from './partition-input.ts';
import type { TaskParts } from './task-parts.ts';

/** Records that have been read are removed so many at once, or after so many epochs. */
const deletedAtOnce = 4096;
const deletedEpochs = 64;

export class CommitBuilder {
  readonly #parts: TaskParts;
  readonly #changelog: ChangelogWriter;
  #epoch: number;
  /** Positions as of the last commit. */
  readonly #positions: number[];
  /** By input from another task: where its log begins. */
  readonly #logStartOf: number[] = [];

  constructor(parts: TaskParts) {
    this.#parts = parts;
    this.#changelog = new ChangelogWriter(parts.changelog);
    this.#epoch = parts.epoch;
    this.#positions = parts.inputs.map(({ position }) => position);
  }

  /** The start positions, before the first record is read. */
  start(): Commit {
    return this.#commit(this.#parts.inputs.map(positionOf), this.#takeAppends(), []);
  }

  /** Undefined where the epoch did nothing. */
  end(course: EpochCourse): Commit | undefined {
    const { inputs } = this.#parts;
    const appends = this.#takeAppends();
    const moved = inputs.flatMap(({ position }, input) => {
      const records = position - (this.#positions[input] ?? 0);
      return records === 0 ? [] : [{ input, records }];
    });
    if (moved.length === 0 && appends.all.length === 0 && course.fired === 0) return undefined;
    const positions = inputs.filter(({ position }, i) => position !== this.#positions[i]);
    return this.#commit(positions.map(positionOf), appends, moved, course);
  }

  /** The commit is durable: what was answered to it. */
  committed(appended: readonly Appended[]): void {
    this.#epoch++;
    const { state, changelog, inputs, recorder } = this.#parts;
    recorder?.committed();
    const changes = appended.find(({ topic }) => topic === changelog);
    if (changes !== undefined) state.committed(changes.baseOffset + changes.recordCount);
    state.tend();
    for (const [i, { position }] of inputs.entries()) this.#positions[i] = position;
  }

  #takeAppends(): Appends {
    const { context, chain, state, asking } = this.#parts;
    const written = chain.outputs.flatMap((output) => output.takeAppends());
    const outputs = [...written, ...asking.takeAppends(this.#epoch + 1, context.now)];
    const changes = this.#changelog.take(state, context.now);
    return { outputs, all: changes === undefined ? outputs : [...outputs, changes] };
  }

  #commit(
    positions: readonly Position[],
    { outputs, all }: Appends,
    moved: readonly Moved[],
    course?: EpochCourse,
  ): Commit {
    const { name: task, incarnation, context, recorder } = this.#parts;
    const epoch = this.#epoch + 1;
    const { now: clockMs } = context;
    const logStarts = this.#logStarts(epoch);
    const record = recorder?.take({ epoch, clockMs, moved, course, outputs });
    const appends = record === undefined ? all : [...all, record];
    return { task, incarnation, epoch, clockMs, positions, appends, logStarts };
  }

  /** What came from other tasks goes behind their reader; not with each commit. */
  #logStarts(epoch: number): readonly Position[] {
    return this.#parts.inputs.flatMap((input, i) => {
      if (input.sender === undefined) return [];
      const unread = input.position - (this.#logStartOf[i] ?? 0);
      const isWorthIt = unread >= deletedAtOnce || (unread > 0 && epoch % deletedEpochs === 0);
      if (!isWorthIt) return [];
      this.#logStartOf[i] = input.position;
      return [positionOf(input)];
    });
  }
}

interface Appends {
  readonly outputs: readonly Append[];
  /** And what changed. */
  readonly all: readonly Append[];
}

function positionOf({ topic, partition, position }: PartitionInput): Position {
  return { topic, partition, offset: position };
}

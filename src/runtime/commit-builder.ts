/** What a task commits at the end of an epoch: positions moved, outputs, changes of state. */
import type { Appended, Commit, Position } from '../broker/index.ts';
import { ChangelogWriter } from './changelog.ts';
import type { PartitionInput } from './partition-input.ts';
import type { TaskParts } from './task.ts';

export class CommitBuilder {
  readonly #parts: TaskParts;
  readonly #changelog: ChangelogWriter;
  #epoch: number;
  /** Positions as of the last commit. */
  readonly #positions: number[];

  constructor(parts: TaskParts) {
    this.#parts = parts;
    this.#changelog = new ChangelogWriter(parts.changelog);
    this.#epoch = parts.epoch;
    this.#positions = parts.inputs.map(({ position }) => position);
  }

  /** The start positions, before the first record is read. */
  start(): Commit {
    return this.#commit(this.#parts.inputs.map(positionOf));
  }

  /** Undefined where the epoch did nothing. */
  end(): Commit | undefined {
    const { inputs } = this.#parts;
    const moved = inputs.filter((input, i) => input.position !== this.#positions[i]);
    const commit = this.#commit(moved.map(positionOf));
    return moved.length === 0 && commit.appends.length === 0 ? undefined : commit;
  }

  /** The commit is durable: what was answered to it. */
  committed(appended: readonly Appended[]): void {
    this.#epoch++;
    const { state, changelog, inputs } = this.#parts;
    const changes = appended.find(({ topic }) => topic === changelog);
    if (changes !== undefined) state.committed(changes.baseOffset + changes.recordCount);
    state.tend();
    for (const [i, { position }] of inputs.entries()) this.#positions[i] = position;
  }

  #commit(positions: readonly Position[]): Commit {
    const { name: task, incarnation, context, chain, state } = this.#parts;
    const outputs = chain.outputs.flatMap((output) => output.takeAppends());
    const changes = this.#changelog.take(state, context.now);
    return {
      task,
      incarnation,
      epoch: this.#epoch + 1,
      clockMs: context.now,
      positions,
      appends: changes === undefined ? outputs : [...outputs, changes],
    };
  }
}

function positionOf({ topic, partition, position }: PartitionInput): Position {
  return { topic, partition, offset: position };
}

/** Options of steps: what every step can have, and some have besides. */
import type { Codec } from '../formats/index.ts';
import { MillraceError } from '../platform/index.ts';
import type { AgeingOptions } from './state-specs.ts';

/** A name for a step: errors and metrics show it, and the state of a step is kept under it. */
export interface StepOptions {
  readonly name?: string;
}

/** `ttl`: a key that gets no record for so long begins anew. */
export interface RunningOptions extends StepOptions, AgeingOptions {}

export interface KeyByOptions<Key> extends StepOptions {
  /** How keys are told apart and kept: equal bytes, equal keys. Default: canonical JSON. */
  readonly key?: Codec<Key>;
  /**
   * How many tasks the steps behind it are run by, up to the next keyBy(). Default: as many as the
   * job has. See docs/parallelism.md.
   */
  readonly parallelism?: number;
}

export interface ToOptions<Value, Key> {
  /** The key of the written record, instead of the stream's. */
  readonly key: (value: Value) => Key;
}

/** Fails with `INVALID`. */
export function checkStepName(job: string, name: string | undefined): void {
  if (name === undefined || /^[a-zA-Z0-9._-]{1,200}$/.test(name)) return;
  throw new MillraceError(
    'INVALID',
    `Job "${job}": a step can't be named ${JSON.stringify(name)}: use 1 to 200 letters, ` +
      `digits, dots, underscores or hyphens.`,
  );
}

/** More tasks than key groups would own nothing. */
const parallelismMax = 128;

/** Fails with `INVALID`. */
export function checkParallelism(where: string, parallelism: number | undefined): void {
  if (parallelism === undefined) return;
  if (Number.isInteger(parallelism) && parallelism >= 1 && parallelism <= parallelismMax) return;
  throw new MillraceError(
    'INVALID',
    `parallelism of ${where} can't be ${String(parallelism)}: give a whole number from 1 to ` +
      `${parallelismMax}, the number of tasks.`,
  );
}

export function nameOf({ name }: StepOptions): StepOptions {
  return name === undefined ? {} : { name };
}

/** At least one. */
export type SomeOf<Streams> = readonly [Streams, ...Streams[]];

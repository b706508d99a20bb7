/** Splitting a stream into typed branches. */
import { MillraceError } from '../platform/index.ts';
import type { Branch } from '../runtime/index.ts';
import type { Shown } from './aggregates/composite.ts';
import type { KeyedStream, Stream } from './stream.ts';

/** For each branch, by its name: whether it takes a value. A type guard narrows the branch. */
export type BranchTests<Value> = Readonly<Record<string, (value: Value) => boolean>>;

/** What a branch's test lets through. */
type Taken<Test, Value> = Test extends Guard<infer Narrowed> ? Value & Narrowed : Value;

/** What no branch takes: without the types that a type guard takes all of. */
type Rest<Tests, Value> = Exclude<Value, GuardedBy<Tests[keyof Tests]>>;

type GuardedBy<Test> = Test extends Guard<infer Narrowed> ? Narrowed : never;

// biome-ignore lint/suspicious/noExplicitAny: what a guard takes says nothing about what it narrows
type Guard<Narrowed> = (value: any) => value is Narrowed;

/** The branches of a split, by name, and what none of them takes. */
export type SplitStreams<Tests, Value, Key> = Shown<
  {
    readonly [Name in keyof Tests]: Stream<Taken<Tests[Name], Value>, Key>;
  } & { readonly rest: Stream<Rest<Tests, Value>, Key> }
>;

/** The same, of a keyed stream. */
export type SplitKeyedStreams<Tests, Value, Key> = Shown<
  {
    readonly [Name in keyof Tests]: KeyedStream<Taken<Tests[Name], Value>, Key>;
  } & { readonly rest: KeyedStream<Rest<Tests, Value>, Key> }
>;

/** Fails with `INVALID`. */
export function branchesOf(job: string, tests: Readonly<Record<string, unknown>>): Branch[] {
  const branches = Object.entries(tests ?? {});
  if (branches.length === 0) {
    throw invalid(job, 'it needs at least one branch, for example { large: (o) => o.price > 100 }');
  }
  return branches.map(([name, takes]) => {
    if (name === 'rest') throw invalid(job, 'rest is what no branch takes; name yours otherwise');
    if (!/^[a-zA-Z_]\w*$/.test(name)) {
      throw invalid(job, `a branch can't be named "${name}": use letters, digits and underscores`);
    }
    if (typeof takes !== 'function') {
      throw invalid(job, `branch "${name}" takes a function of the value, not ${String(takes)}`);
    }
    return { name, takes: takes as Branch['takes'] }; // the graph does not know types
  });
}

function invalid(job: string, what: string): MillraceError {
  return new MillraceError('INVALID', `Job "${job}": split(): ${what}.`);
}

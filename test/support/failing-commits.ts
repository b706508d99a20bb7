/** A log on which some commits fail, with or without having happened: nobody knows which. */
import type { Appended, Broker, Commit } from '../../src/broker/index.ts';
import { MillraceError } from '../../src/platform/index.ts';
import { seededChoices } from './choices.ts';

/** How a commit fails: it has not happened, or has; or it has not, and nothing can mend that. */
export type Failure = 'before' | 'after' | 'for good' | undefined;

export interface FailingCommits {
  readonly broker: Broker;
  /** How many have failed. */
  readonly failed: number;
  /** From here on commits fail otherwise: `index` counts them from 0. */
  fail(failureOf: (index: number) => Failure): void;
}

export const noFailures = { seed: 0, every: 1, most: 0 } as const;

/** One of `every` commits fails, `most` at most. */
export function failingCommits(
  broker: Broker,
  { seed, every, most }: { readonly seed: number; readonly every: number; readonly most: number },
): FailingCommits {
  const choose = seededChoices(seed);
  let left = most;
  let failed = 0;
  let index = 0;
  let failureOf = (_index: number): Failure => {
    if (left === 0 || choose(every) > 0) return undefined;
    left--;
    return choose(2) === 0 ? 'after' : 'before';
  };
  async function commit(of: Commit): Promise<readonly Appended[]> {
    const failure = failureOf(index++);
    if (failure === undefined) return broker.commit(of);
    failed++;
    if (failure === 'after') await broker.commit(of);
    const code = failure === 'for good' ? 'DAMAGED' : 'OUTCOME_UNKNOWN';
    throw new MillraceError(code, 'as the test has it');
  }
  return {
    get failed() {
      return failed;
    },
    fail(next) {
      failureOf = next;
      index = 0;
    },
    broker: withCommit(broker, commit),
  };
}

/** The log, as whoever commits in another way sees it. */
export function withCommit(broker: Broker, commit: Broker['commit']): Broker {
  return new Proxy(broker, {
    get(target, name) {
      if (name === 'commit') return commit;
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}

/** A log on which some commits fail, with or without having happened: nobody knows which. */
import type { Appended, Broker, Commit } from '../../src/broker/index.ts';
import { MillraceError } from '../../src/platform/index.ts';
import { type Choose, seededChoices } from './choices.ts';

export interface FailingCommits {
  readonly broker: Broker;
  /** How many have failed. */
  failed: number;
  /** From here on none fails. */
  heal(): void;
}

/** One of `every` commits fails, `most` at most. */
export function failingCommits(
  broker: Broker,
  { seed, every, most }: { readonly seed: number; readonly every: number; readonly most: number },
): FailingCommits {
  const choose = seededChoices(seed);
  let left = most;
  const failing: FailingCommits = {
    failed: 0,
    heal: () => {
      left = 0;
    },
    broker: new Proxy(broker, {
      get(target, name) {
        if (name === 'commit') return commit;
        const member: unknown = Reflect.get(target, name, target);
        return typeof member === 'function' ? member.bind(target) : member;
      },
    }),
  };
  async function commit(of: Commit): Promise<readonly Appended[]> {
    if (left === 0 || choose(every) > 0) return broker.commit(of);
    left--;
    failing.failed++;
    return failedAt(broker, of, choose);
  }
  return failing;
}

async function failedAt(broker: Broker, of: Commit, choose: Choose): Promise<never> {
  if (choose(2) === 0) await broker.commit(of);
  throw new MillraceError('OUTCOME_UNKNOWN', 'as the test has it');
}

/**
 * Mutation proof: each rule that keeps a shared job right is broken once, in a copy of the sources,
 * and a simulation must notice. How many seeds that took is in docs/architecture.md.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { changed, type Mutant, Mutants, proves, unfenced } from '../support/mutants.ts';
import type * as Simulation from './simulation.ts';
import { simulate as simulateIntact } from './simulation.ts';

const seedsMax = 300;

const mutants: readonly Mutant[] = [
  {
    rule: 'only the newest incarnation commits',
    changes: unfenced,
  },
  {
    rule: 'a task has its watermark again',
    changes: [
      ['runtime/assemble-task.ts', 'if (snapshot !== undefined) time.restore(snapshot);', ''],
    ],
  },
  {
    rule: 'positions and outputs are one commit',
    changes: [
      [
        'runtime/task-loop.ts',
        'const appended = await broker.commit(commit);',
        'await broker.commit({ ...commit, appends: [] });\n' +
          '    const appended = await broker.append(commit.appends);',
      ],
    ],
  },
  {
    rule: 'a receiver that was moved knows what it was told',
    changes: [['runtime/stages/senders.ts', 'if (told !== undefined) input.hear(hear(told));', '']],
  },
  {
    rule: 'a sender that was moved tells again',
    changes: [
      [
        'runtime/stages/standing.ts',
        '|| told === undefined || isNews(mark, told);',
        '|| (told !== undefined && isNews(mark, told));',
      ],
      [
        'runtime/stages/standing.ts',
        'if (told !== undefined && !isDue && !isUrgent(mark, told)) return false;',
        'if (!isDue && (told === undefined || !isUrgent(mark, told))) return false;',
      ],
    ],
  },
  {
    rule: 'receivers wait for senders that are busy',
    changes: [
      [
        'runtime/stages/senders.ts',
        "return sender.state === 'busy' || (drains && sender.state === 'caught up');",
        "return drains && sender.state !== 'ended';",
      ],
    ],
  },
  {
    rule: 'what lies in an exchange is deleted only behind its reader',
    changes: [
      [
        'runtime/commit-builder.ts',
        'return [positionOf(input)];',
        'return [{ ...positionOf(input), offset: this.#parts.broker.endOf(input) }];',
      ],
    ],
  },
  {
    rule: 'a task knows that nobody waits for it',
    changes: [
      [
        'runtime/task.ts',
        'hasRead || hasTold || this.#due.movesTime',
        'hasRead || this.#due.movesTime',
      ],
    ],
  },
  {
    rule: 'the tasks of a stage are idle together',
    changes: [
      [
        'runtime/time/task-time.ts',
        'if (!idle || together === undefined) return idle;',
        'if (idle || together === undefined) return idle;',
      ],
    ],
  },
];

const copies = new Mutants('simulation', ['test/simulation']);

describe('a simulation shows that it is broken: the rule that', () => {
  test.each(mutants)('$rule', async (mutant) => {
    if (!proves) return void changed(mutant);
    const { simulate }: typeof Simulation = await import(
      pathToFileURL(join(copies.make(mutant), 'test/simulation/simulation.ts')).href
    );
    const seeds = await seedsUntilFound(simulate);
    process.stderr.write(`${mutant.rule}: ${seeds}\n`);
    expect(seeds).toBeLessThanOrEqual(seedsMax);
  });
});

/** More than `seedsMax` where none finds it; a seed counts only where the intact sources pass it. */
async function seedsUntilFound(simulate: (typeof Simulation)['simulate']): Promise<number> {
  for (let seed = 1; seed <= seedsMax; seed++) {
    const { wrong } = await simulate(seed);
    if (wrong.length === 0) continue;
    expect((await simulateIntact(seed)).wrong).toEqual([]);
    return seed;
  }
  return seedsMax + 1;
}

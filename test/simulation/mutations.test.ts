/**
 * Mutation proof: each rule that keeps a shared job right is broken once, in a copy of the sources,
 * and a simulation must notice. How many seeds that took is in docs/architecture.md.
 */
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import type * as Simulation from './simulation.ts';
import { simulate as simulateIntact } from './simulation.ts';

const seedsMax = 300;
/** For docs/architecture.md. */
const showsSeeds = process.env.MILLRACE_SHOW_SEEDS !== undefined;

interface Mutant {
  readonly rule: string;
  /** Each `from` stands once in its file. */
  readonly changes: readonly (readonly [file: string, from: string, to: string])[];
}

const mutants: readonly Mutant[] = [
  {
    rule: 'only the newest incarnation commits',
    changes: [
      [
        'broker/requests.ts',
        'if (task === undefined || task.incarnation !== commit.incarnation) {',
        'if (task === undefined) {',
      ],
      ['broker/requests.ts', 'if (commit.epoch !== task.epoch + 1) {', 'if (false) {'],
      [
        'broker/catalogue.ts',
        'assert(task?.incarnation === operation.incarnation,',
        'assert(task !== undefined,',
      ],
      [
        'broker/catalogue.ts',
        'assert(operation.epoch === task.epoch + 1,',
        'assert(task.epoch >= 0,',
      ],
    ],
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

describe('a simulation shows that it is broken: the rule that', () => {
  const root = join(import.meta.dirname, '../../.mutants/simulation');
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  test.each(mutants)('$rule', { timeout: 600_000 }, async ({ rule, changes }) => {
    const directory = join(root, rule.replaceAll(' ', '-'));
    copySources(directory);
    for (const [file, from, to] of changes) change(join(directory, 'src', file), from, to);
    const { simulate }: typeof Simulation = await import(
      pathToFileURL(join(directory, 'test/simulation/simulation.ts')).href
    );
    const seeds = await seedsUntilFound(simulate);
    if (showsSeeds) process.stderr.write(`${rule}: ${seeds}\n`);
    expect(seeds).toBeLessThanOrEqual(seedsMax);
  });
});

/** More than `seedsMax` where none finds it; a seed counts only where the intact sources pass it. */
async function seedsUntilFound(simulate: (typeof Simulation)['simulate']): Promise<number> {
  for (let seed = 1; seed <= seedsMax; seed++) {
    const { wrong } = await simulate(seed);
    if (wrong.length === 0) continue;
    if (showsSeeds) process.stderr.write(`${wrong[0]?.slice(0, 200)}\n`);
    expect((await simulateIntact(seed)).wrong).toEqual([]);
    return seed;
  }
  return seedsMax + 1;
}

function copySources(directory: string): void {
  const project = join(import.meta.dirname, '../..');
  for (const folder of ['src', 'test/support', 'test/simulation']) {
    cpSync(join(project, folder), join(directory, folder), { recursive: true });
  }
}

function change(path: string, from: string, to: string): void {
  const text = readFileSync(path, 'utf8');
  expect(text.split(from), `${path} holds once: ${from}`).toHaveLength(2);
  writeFileSync(
    path,
    text.replace(from, () => to),
  );
}

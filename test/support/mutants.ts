/**
 * Mutation proof: a rule is broken in a copy of the sources, and tests must notice.
 *
 * `npm run mutations` looks whether they do. `npm test` looks whether the lines are still there
 * that are to be changed, for the rest takes minutes.
 */
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect } from 'vitest';

export interface Mutant {
  readonly rule: string;
  /** `from` stands once in the file, which is in src. */
  readonly changes: readonly (readonly [file: string, from: string, to: string])[];
}

/** Whoever has held a task once goes on to commit for it. */
export const unfenced: Mutant['changes'] = [
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
  ['broker/catalogue.ts', 'assert(operation.epoch === task.epoch + 1,', 'assert(task.epoch >= 0,'],
];

/** Whether tests have to notice. */
export const proves = process.env.MILLRACE_MUTATIONS === 'proved';

const project = join(import.meta.dirname, '../..');

/** Copies with one rule broken each, which go when the tests have ended. */
export class Mutants {
  readonly #root: string;
  readonly #folders: readonly string[];

  /** `folders`: of the tests that are to run there. */
  constructor(name: string, folders: readonly string[]) {
    this.#root = join(project, '.mutants', name);
    this.#folders = ['src', 'test/support', ...folders];
    afterAll(() => rmSync(this.#root, { recursive: true, force: true }));
  }

  /** The directory of the copy. */
  make(mutant: Mutant): string {
    const directory = join(this.#root, mutant.rule.replaceAll(' ', '-'));
    for (const folder of this.#folders) {
      cpSync(join(project, folder), join(directory, folder), { recursive: true });
    }
    for (const [path, text] of changed(mutant)) writeFileSync(join(directory, 'src', path), text);
    return directory;
  }
}

/** The files that are otherwise. Fails where what is to be changed does not stand there once. */
export function changed({ changes }: Mutant): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const [path, from, to] of changes) {
    const text = files.get(path) ?? readFileSync(join(project, 'src', path), 'utf8');
    expect(text.split(from), `${path} holds once: ${from}`).toHaveLength(2);
    files.set(
      path,
      text.replace(from, () => to),
    );
  }
  return files;
}

/**
 * Every TypeScript block in README.md and docs/ type-checks, and every example runs and prints what
 * it should.
 */
import { execFile } from 'node:child_process';
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';

const project = join(import.meta.dirname, '..');
const execute = promisify(execFile);

interface Block {
  readonly page: string;
  readonly code: string;
}

function blocks(): Block[] {
  const pages = ['README.md', ...globSync('docs/**/*.md', { cwd: project })];
  return pages.flatMap((page) => {
    const text = readFileSync(join(project, page), 'utf8');
    return [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map((match) => ({
      page,
      code: match[1] ?? '',
    }));
  });
}

describe('the documentation', () => {
  test('has TypeScript blocks that all compile', async () => {
    const folder = join(project, 'docs-check');
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder);
    try {
      for (const [i, { page, code }] of blocks().entries()) {
        const name = `${page.replaceAll(/[/.]/g, '-')}-${i}.ts`;
        writeFileSync(join(folder, name), `// ${page}\n${code}\nexport {};\n`);
      }
      const settings = { extends: '../tsconfig.json', include: ['.'] };
      writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(settings));
      const { stdout } = await execute('npx', ['tsc', '-p', folder], { cwd: project }).catch(
        (error: { readonly stdout: string }) => error,
      );
      expect(stdout).toBe('');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }, 60_000);

  test('has a program in the README', () => {
    expect(blocks().filter(({ page }) => page === 'README.md').length).toBeGreaterThan(1);
  });
});

describe('an example', () => {
  test.each([
    ['word-count', 'a 2\nalways 1\nand 1\nis 1\nrose 3\nthe 1\nwas 1\n'],
    [
      'inactive-users',
      'ada left after 2 clicks, said at 12:40\nbob left after 1 clicks, said at 13:30\n',
    ],
    [
      'abandoned-carts',
      '2 ice cream left by ada, said at 12:11\n1 book left by ada, said at 13:00\n',
    ],
    ['best-bid', 'best: bob with 12\nbest: cy with 11\nbest: ada with 15\nlate: bob with 99\n'],
    [
      'candles',
      '09:30 100 102 98 101, 100 at 99.70 on average, median 100\n' +
        '09:31 103 103 103 103, 20 at 103.00 on average, median 103\n',
    ],
    [
      'open-orders',
      'France: 1 open, 0.1\nFrance: 2 open, 0.30000000000000004\nItaly: 1 open, 5\n' +
        'France: 1 open, 0.2\nFrance: nothing\nItaly: 2 open, 5.2\n',
    ],
    [
      'card-limits',
      'ada has spent 110 of 100 (purchase)\nada has spent 110 of 15 (limit)\n' +
        'bob has spent 20 of 15 (limit)\nbob has spent 21 of 15 (purchase)\n',
    ],
    [
      'enrich-orders',
      'order 1: Bonn\norder 2: Rome\norder 3: Bonn\norder 5: Rome\nasked: 2, dead: 1\n',
    ],
    ['dead-letters', 'dead: bob, no rate for JPY\nsent back: 1\nada 12\ncy 7\nbob 6\n'],
  ])('%s prints what it should', async (name, expected) => {
    const { stdout } = await execute(process.execPath, ['examples/main.ts', name], {
      cwd: project,
    });
    expect(stdout).toBe(expected);
  });
});

/** Links, paths and names in README.md and docs/ lead to what is there. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, test } from 'vitest';
import { backupFailpoints, failpoints } from '../src/platform/index.ts';
import { page, project } from './support/pages.ts';

const pages = ['README.md', ...globSync('docs/*.md', { cwd: project }).sort()];
const source = globSync('src/**/*.ts', { cwd: project })
  .map((path) => readFileSync(join(project, path), 'utf8'))
  .join('\n');
/** Comments say what they like. */
const words = new Set(source.replaceAll(/\/\*[\s\S]*?\*\/|\/\/ .*/g, '').match(/\w+/g));

const exists = (path: string) => existsSync(join(project, path));

/** Text without its fenced blocks. */
const proseOf = (path: string) => page(path).replaceAll(/^ *```[\s\S]*?^ *```$/gm, '');

/** As GitHub makes them of headings. */
function anchorsOf(path: string): string[] {
  return [...proseOf(path).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
}

/** What stands in backticks, in prose. */
const codesIn = (path: string) =>
  [...proseOf(path).matchAll(/`([^`\n]+)`/g)].map(([, c = '']) => c);

function deadLinks(path: string): string[] {
  return [...proseOf(path).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link = '']) => {
    if (/^https?:/.test(link)) return [];
    const [file = '', anchor] = link.split('#');
    const target = file === '' ? path : relative(project, join(project, dirname(path), file));
    if (!exists(target)) return [`${path}: ${link}`];
    return anchor === undefined || anchorsOf(target).includes(anchor) ? [] : [`${path}: ${link}`];
  });
}

test('every link leads to a file, and to a heading where it names one', () => {
  expect(pages.length).toBeGreaterThan(4);
  expect(pages.flatMap(deadLinks)).toEqual([]);
});

test('every page of docs/ is linked from the README', () => {
  const readme = page('README.md');
  expect(pages.filter((path) => path.startsWith('docs/') && !readme.includes(`(${path})`))).toEqual(
    [],
  );
});

test('every path that is named exists', () => {
  const named = pages.flatMap((path) =>
    [...proseOf(path).matchAll(/(?<![\w/.-])(?:src|test|examples|bench|demo)\/[\w./-]*\w/g)].map(
      ([name]) => ({ path, name }),
    ),
  );
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter(({ name }) => !exists(name))).toEqual([]);
});

test('every name of code in the glossary is a name in the source', () => {
  const names = codesIn('docs/glossary.md').filter((code) => /^\w+$/.test(code));
  expect(names.length).toBeGreaterThan(60);
  expect(names.filter((name) => !words.has(name))).toEqual([]);
});

test('every camelCase name in the pages is a name in the source', () => {
  const notOurs = new Set(['setTimeout', 'mapAsync']); // of Node.js, and not built yet
  const names = pages.flatMap((path) =>
    codesIn(path).flatMap((code) => code.match(/\b[a-z]+[A-Z]\w*\b/g) ?? []),
  );
  expect(names.length).toBeGreaterThan(20);
  expect(names.filter((name) => !words.has(name) && !notOurs.has(name))).toEqual([]);
});

test('every failpoint in the pages exists', () => {
  const known: readonly string[] = [...failpoints, ...backupFailpoints];
  const steps = new Set(known.map((name) => name.split('.')[0]));
  const named = pages.flatMap((path) =>
    codesIn(path).filter((code) => {
      const [step, what = ''] = code.split('.');
      return /^\w+\.[a-z]+$/.test(code) && steps.has(step ?? '') && what !== 'db';
    }),
  );
  expect(named.length).toBeGreaterThan(0);
  expect(named.filter((name) => !known.includes(name))).toEqual([]);
});

test('every command in the pages has a place in package.json', () => {
  const { scripts } = JSON.parse(page('package.json'));
  const named = pages.flatMap((path) => [...page(path).matchAll(/npm run ([\w-]+)/g)]);
  expect(named.length).toBeGreaterThan(1);
  expect(named.filter(([, name = '']) => !(name in scripts))).toEqual([]);
});

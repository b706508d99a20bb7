/**
 * Checks properties of the code itself: the layering, and the limits that keep files readable.
 *
 * THINK HARD ABOUT THE LAYERING BEFORE CHANGING THIS TABLE.
 */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';

/** layer → the layers it may import, always through their index.ts. */
const layers: Record<string, readonly string[]> = {
  testing: ['platform', 'formats', 'broker', 'runtime'],
  cli: ['platform', 'formats', 'broker', 'state', 'runtime', 'dsl'],
  dsl: ['platform', 'formats', 'runtime'],
  connectors: ['platform', 'formats', 'broker', 'runtime'],
  runtime: ['platform', 'formats', 'broker', 'state'],
  state: ['platform', 'formats'],
  broker: ['platform'],
  formats: ['platform'],
  platform: [],
};

const lineColumnsMax = 100;
const fileLinesMax = 400;

const files = globSync('src/**/*.ts').map((path) => ({ path, text: readFileSync(path, 'utf8') }));

describe('tidy', () => {
  test('imports follow the layering', () => {
    expect(
      files.flatMap(({ path, text }) => importsOf(path, text).flatMap((to) => violation(path, to))),
    ).toEqual([]);
  });

  test('lines and files stay short', () => {
    const long = files.flatMap(({ path, text }) => {
      const lines = text.split('\n');
      const wide = lines.flatMap((line, i) =>
        line.length > lineColumnsMax
          ? [`${path}:${i + 1}: line exceeds ${lineColumnsMax} columns`]
          : [],
      );
      return lines.length > fileLinesMax
        ? [...wide, `${path}: file exceeds ${fileLinesMax} lines`]
        : wide;
    });
    expect(long).toEqual([]);
  });
});

function importsOf(path: string, text: string): string[] {
  return [...text.matchAll(/\bfrom '(\.[^']+)'/g)].map((match) =>
    normalize(join(dirname(path), match[1] ?? '')),
  );
}

function violation(path: string, target: string): string[] {
  const [from, to] = [layerOf(path), layerOf(target)];
  if (from === null || to === null || from === to) return [];
  if (!layers[from]?.includes(to)) return [`${path}: ${from} must not import ${to}`];
  return target.endsWith(`${to}/index.ts`) ? [] : [`${path}: import ${to} through its index.ts`];
}

function layerOf(path: string): string | null {
  return /^src\/(\w+)\//.exec(path)?.[1] ?? null;
}

/** What tests read in the documentation: fenced blocks, tables, links. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const project: string = join(import.meta.dirname, '../..');

/** The text of a page, by its path in the project. */
export function page(path: string): string {
  return readFileSync(join(project, path), 'utf8');
}

export interface FencedBlock {
  /** The first word behind the fence: `ts`, `bytes`. */
  readonly kind: string;
  /** The other words. */
  readonly about: string;
  readonly code: string;
}

export function fencedBlocks(text: string): FencedBlock[] {
  return [...text.matchAll(/^ *```(\w+) ?(.*)\n([\s\S]*?)^ *```$/gm)].map((match) => ({
    kind: match[1] ?? '',
    about: match[2] ?? '',
    code: match[3] ?? '',
  }));
}

/** The cells of the table with these columns, without its head; fails where there is none. */
export function tableRows(text: string, ...columns: readonly string[]): string[][] {
  const lines = text.split('\n');
  const head = lines.indexOf(`| ${columns.join(' | ')} |`);
  if (head < 0) throw new Error(`there is no table with the columns ${columns.join(', ')}`);
  const rows: string[][] = [];
  for (let i = head + 2; lines[i]?.startsWith('|') === true; i++)
    rows.push(cellsOf(lines[i] ?? ''));
  return rows;
}

function cellsOf(line: string): string[] {
  return line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());
}

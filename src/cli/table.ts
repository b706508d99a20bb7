/** Rows of a query as aligned lines under the names of their columns. */
import type { SqlValue } from '../runtime/index.ts';

/** Longer cells are cut, but for those of the last column. */
const cellMax = 60;
const lastCellMax = 200;

export function tableOf(
  columns: readonly string[],
  rows: readonly (readonly (SqlValue | undefined)[])[],
): string {
  const shown = [columns, ...rows].map((row) =>
    row.map((value, i) => shownAs(cellOf(value), i < row.length - 1 ? cellMax : lastCellMax)),
  );
  const [head = [], ...body] = shown;
  const widths = head.map((_, i) =>
    shown.reduce((width, row) => Math.max(width, row[i]?.length ?? 0), 0),
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd();
  const rule = widths.map((width) => '-'.repeat(width));
  return `${[head, rule, ...body].map(line).join('\n')}\n`;
}

/** NULL is empty; bytes are written as SQL does. */
function cellOf(value: SqlValue | undefined): string {
  if (value === null || value === undefined) return '';
  return value instanceof Uint8Array ? `x'${Buffer.from(value).toString('hex')}'` : String(value);
}

/** A cell is one line, without what a terminal would take for a command. */
function shownAs(cell: string, lengthMax: number): string {
  const line = cell.replaceAll(/[\p{Cc}\u2028\u2029]/gu, ' ');
  return line.length > lengthMax ? `${line.slice(0, lengthMax - 3)}...` : line;
}

import { type QueryResult, query, type SqlValue } from '../../runtime/index.ts';
import type { DataOptions } from '../open.ts';
import { tableOf } from '../table.ts';
import { type Terminal, write } from '../terminal.ts';

export interface SqlOptions extends DataOptions {
  readonly job?: string;
  readonly json?: boolean;
  readonly limit: number;
  readonly timeout: number;
}

const whatThereIs = 'SELECT DISTINCT view, kind, columns FROM stores ORDER BY view';

type Result = QueryResult<Record<string, SqlValue>>;

/** Prints what a SELECT gives of the state of a job. */
export async function sql(
  select: string | undefined,
  options: SqlOptions,
  { output, errors }: Terminal,
): Promise<void> {
  const { data, job, json, limit: rowsMax, timeout: timeoutMs } = options;
  const limits = { rowsMax, timeoutMs };
  const result = await query(
    data,
    select ?? whatThereIs,
    job === undefined ? limits : { ...limits, job },
  );
  const { columns } = result;
  await write(output, json === true ? linesOf(result) : tableOf(columns, rowsOf(result)));
  if (!result.truncated) return;
  const rows = result.rows.length;
  await write(errors, `There are more rows than these ${rows}; --limit takes another number.\n`);
}

function linesOf({ rows }: Result): string {
  return rows.map((row) => `${JSON.stringify(row, asJson)}\n`).join('');
}

/** Bytes as `consume --json` prints them; a whole number that JSON can't hold as text. */
function asJson(_name: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  return value instanceof Uint8Array ? { base64: Buffer.from(value).toString('base64') } : value;
}

function rowsOf({ columns, rows }: Result): (SqlValue | undefined)[][] {
  return rows.map((row) => columns.map((name) => row[name]));
}

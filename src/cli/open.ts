/** Opens a data directory for a command, and closes it behind it. */
import { type Log, openLog } from '../runtime/index.ts';

export interface DataOptions {
  readonly data: string;
}

/** Fails with `DIRECTORY` where there is no data, unless `create`. */
export async function withLog<Result>(
  { data }: DataOptions,
  create: boolean,
  use: (log: Log) => Promise<Result>,
): Promise<Result> {
  const log = await openLog(data, { create });
  try {
    return await use(log);
  } finally {
    await log.close();
  }
}

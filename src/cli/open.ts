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

/** A signal that aborts with Ctrl-C or a polite kill; a second one ends the process at once. */
export function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(130);
      controller.abort();
    });
  }
  return controller.signal;
}

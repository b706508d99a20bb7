/** Opens state where a rebuild is wanted if its file is refused. */
import type Database from 'better-sqlite3';
import { isMillraceError, type MillraceError, sqliteFailure } from '../../platform/index.ts';
import { type RebuildOptions, rebuildState } from './rebuild.ts';
import { Turns } from './turns.ts';

/**
 * `recover` opens the state; where it refuses the file, or the file is damaged anywhere, state is
 * rebuilt before. Undefined where that was ended.
 */
export async function recoverOrRebuild<Recovered>(
  options: RebuildOptions,
  recover: () => Recovered,
): Promise<Recovered | undefined> {
  const { signal } = options;
  const damage = await damageOf(options);
  if (signal.aborted) return undefined;
  const opened = damage === undefined ? await attempt(options, recover) : { refusal: damage };
  if ('recovered' in opened) return opened.recovered;
  return (await rebuildState(options, opened.refusal)) ? recover() : undefined;
}

type Attempt<Recovered> = { readonly recovered: Recovered } | { readonly refusal: MillraceError };

async function attempt<Recovered>(
  { broker, claim }: RebuildOptions,
  recover: () => Recovered,
): Promise<Attempt<Recovered>> {
  try {
    return { recovered: recover() };
  } catch (error) {
    if (isRefusal(error)) return { refusal: error };
    if (!isMillraceError(error, 'FENCED')) throw error;
    await broker.whileNewest(claim, () => {}); // else it is the log that is older than the file
    return { refusal: error };
  }
}

function isRefusal(error: unknown): error is MillraceError {
  return ['FILE_MISMATCH', 'DAMAGED', 'DIRECTORY'].some(
    (code) => isMillraceError(error) && error.code === code,
  );
}

/** Opening reads little of the file; a damaged page would be met later, and end the job again. */
async function damageOf(options: RebuildOptions): Promise<MillraceError | undefined> {
  const { platform, statePath, durable } = options;
  if (!platform.files.exists(statePath)) return undefined;
  try {
    const database = platform.openDatabase(statePath, { durable });
    try {
      await readThrough(database, options);
      return undefined;
    } finally {
      database.close();
    }
  } catch (error) {
    const failure = sqliteFailure(statePath, error);
    if (isRefusal(failure)) return failure;
    throw failure;
  }
}

/** Rows between two looks at the clock. */
const checkEvery = 64;

async function readThrough(
  database: Database.Database,
  { platform, budget, signal }: RebuildOptions,
): Promise<void> {
  const isThere = database.prepare("SELECT 1 FROM sqlite_master WHERE name = 'entries'").get();
  if (isThere === undefined) return;
  const turns = new Turns(platform.clock, budget.turnMs);
  let rows = 0;
  for (const _ of database.prepare('SELECT * FROM entries').raw().iterate()) {
    rows++;
    if (rows % checkEvery !== 0 || !turns.isOver) continue;
    await turns.next();
    if (signal.aborted) return;
  }
}

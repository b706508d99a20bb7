/** Loads the jobs of a file: its default export, one job or several. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isJob } from '../dsl/index.ts';
import { MillraceError, messageOf } from '../platform/index.ts';
import type { Job } from '../runtime/index.ts';

/** Fails with `INVALID`, saying what the file must be. */
export async function loadJobs(file: string): Promise<readonly Job[]> {
  const path = resolve(file);
  if (!existsSync(path)) throw new MillraceError('INVALID', `There is no file ${path}.`);
  const jobs = jobsOf(await importFile(path));
  if (jobs !== undefined) return jobs;
  throw new MillraceError(
    'INVALID',
    `${file} is not a job file: its default export must be what job(...) returns, or an array of ` +
      'such. For example: export default job("clicks", ({ from }) => { ... })',
  );
}

async function importFile(path: string): Promise<unknown> {
  try {
    const module = await import(pathToFileURL(path).href);
    return module.default;
  } catch (error) {
    throw explained(path, error);
  }
}

function jobsOf(exported: unknown): readonly Job[] | undefined {
  if (isJob(exported)) return [exported];
  if (!Array.isArray(exported) || exported.length === 0 || !exported.every(isJob)) return undefined;
  return exported;
}

function explained(path: string, error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code !== 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX') return error;
  return new MillraceError(
    'INVALID',
    `${path} can't be run as it is: ${messageOf(error)}. Node.js strips types but makes no ` +
      `code of ` +
      'enums, namespaces and parameter properties; write them in another way, or compile the ' +
      'file first.',
    { cause: error },
  );
}

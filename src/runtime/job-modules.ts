/**
 * Jobs as modules export them: the default export, one job or several, told apart by their names.
 * The command line loads them from a file, and a worker thread loads the module anew, for functions
 * can't be sent to it.
 */
import { fileURLToPath } from 'node:url';
import { isMillraceError, MillraceError, messageOf } from '../platform/index.ts';
import type { Job } from './run.ts';

/**
 * The jobs of the module at `url`, in TypeScript or JavaScript. Fails with `INVALID`, saying what
 * the file must be, or where it fails.
 */
export async function jobsOfModule(url: string): Promise<readonly Job[]> {
  const path = pathOf(url);
  const jobs = jobsOf(await importModule(url, path));
  if (jobs === undefined) {
    throw invalid(
      `${path} is not a job file: its default export must be what job(...) returns, or an array ` +
        "of such. For example: export default job('clicks', ({ from }) => { ... })",
    );
  }
  checkNames(jobs, path);
  return jobs;
}

/** The job of that name; `INVALID` where the module has none. */
export async function jobOfModule(url: string, name: string): Promise<Job> {
  const jobs = await jobsOfModule(url);
  const found = jobs.find((job) => job.name === name);
  if (found !== undefined) return found;
  const names = jobs.map((job) => `"${job.name}"`).join(', ');
  throw invalid(`${pathOf(url)} exports no job named "${name}"; it has ${names}.`);
}

/** Whether `value` is what `job()` returns. */
export function isJob(value: unknown): value is Job {
  return (
    typeof value === 'object' &&
    value !== null &&
    'kind' in value &&
    value.kind === 'job' &&
    'graph' in value
  );
}

function pathOf(url: string): string {
  return url.startsWith('file:') ? fileURLToPath(url) : url;
}

async function importModule(url: string, path: string): Promise<unknown> {
  try {
    const module = await import(url);
    return module.default;
  } catch (error) {
    throw isMillraceError(error) ? error : explained(path, error);
  }
}

function jobsOf(exported: unknown): readonly Job[] | undefined {
  if (isJob(exported)) return [exported];
  if (!Array.isArray(exported) || exported.length === 0 || !exported.every(isJob)) return undefined;
  return exported;
}

function checkNames(jobs: readonly Job[], path: string): void {
  const names = jobs.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice === undefined) return;
  throw invalid(
    `${path} exports two jobs named "${twice}". Give each its own name: state and positions are ` +
      'kept under it.',
  );
}

/** Says in a sentence what Node.js says with a stack. */
function explained(path: string, error: unknown): MillraceError {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const message = messageOf(error);
  if (code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX') {
    return invalid(
      `${path} can't be run as it is: ${message}. Node.js strips types but makes no code of ` +
        'enums, namespaces and parameter properties; write them in another way, or compile the ' +
        'file first.',
      error,
    );
  }
  if (code === 'ERR_MODULE_NOT_FOUND') {
    return invalid(
      `${path} can't be loaded: ${message}. Install the package, or correct the path; a relative ` +
        'import needs its file extension.',
      error,
    );
  }
  if (error instanceof SyntaxError) {
    return invalid(`${path} can't be loaded:\n${beforeStack(error)}`, error);
  }
  const place = placeOf(error);
  const where = place === undefined ? '' : ` (${place})`;
  return invalid(`${path} failed while it was loaded: ${message}${where}`, error);
}

/** Where Node.js found the mistake, the line itself, and what is wrong with it. */
function beforeStack({ stack = '' }: Error): string {
  return stack.split(/\n\s+at /)[0]?.trim() ?? '';
}

/** The innermost place in a stack that is not within Node.js. */
function placeOf(error: unknown): string | undefined {
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  const places = [...stack.matchAll(/\n\s+at .*?(file:\/\/\S+?:\d+:\d+)/g)];
  return places[0]?.[1];
}

function invalid(message: string, cause?: unknown): MillraceError {
  return new MillraceError('INVALID', message, { cause });
}

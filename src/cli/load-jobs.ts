/** Loads the jobs of a file: its default export, one job or several. */
import { statSync } from 'node:fs';
import { extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isJob } from '../dsl/index.ts';
import { isMillraceError, MillraceError, messageOf } from '../platform/index.ts';
import type { Job } from '../runtime/index.ts';

const extensions = ['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs'];

/** Fails with `INVALID`, saying what the file must be, or where it fails. */
export async function loadJobs(file: string): Promise<readonly Job[]> {
  const path = resolve(file);
  checkFile(path);
  const jobs = jobsOf(await importFile(path));
  if (jobs === undefined) {
    throw invalid(
      `${path} is not a job file: its default export must be what job(...) returns, or an array ` +
        "of such. For example: export default job('clicks', ({ from }) => { ... })",
    );
  }
  checkNames(jobs, path);
  return jobs;
}

function checkFile(path: string): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) {
    throw invalid(`There is no file ${path}. Give the path of a file that exports a job.`);
  }
  if (found.isFile() && extensions.includes(extname(path))) return;
  throw invalid(
    `${path} is not a job file: it must be TypeScript or JavaScript (${extensions.join(', ')}).`,
  );
}

async function importFile(path: string): Promise<unknown> {
  try {
    const module = await import(pathToFileURL(path).href);
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

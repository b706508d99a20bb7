/** Loads the jobs of a file: its default export, one job or several. */
import { statSync } from 'node:fs';
import { extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { MillraceError } from '../platform/index.ts';
import { type Job, jobsOfModule } from '../runtime/index.ts';

const extensions = ['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs'];

/** Fails with `INVALID`, saying what the file must be, or where it fails. */
export async function loadJobs(file: string): Promise<readonly Job[]> {
  const path = resolve(file);
  checkFile(path);
  return jobsOfModule(pathToFileURL(path).href);
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

function invalid(message: string): MillraceError {
  return new MillraceError('INVALID', message);
}

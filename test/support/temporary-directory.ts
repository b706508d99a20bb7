/** Directories of a test's own. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, onTestFinished } from 'vitest';

/** Makes a directory that is removed after the test that calls. */
export function temporaryDirectory(): string {
  return makeDirectory(onTestFinished);
}

/** Makes a directory that is removed after the tests of the suite that calls. */
export function suiteDirectory(): string {
  return makeDirectory(afterAll);
}

function makeDirectory(atEnd: (remove: () => void) => void): string {
  const path = mkdtempSync(join(tmpdir(), 'millrace-'));
  atEnd(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

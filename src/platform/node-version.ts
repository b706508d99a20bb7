/**
 * The check that runs before anything native is loaded: better-sqlite3 crashes the process on an
 * old Node.js.
 */
import { MillraceError } from './errors.ts';

const oldest = { major: 22, minor: 18 } as const;

/**
 * Fails with `NODE_VERSION` where `version` (as in `process.versions.node`) is older than Millrace
 * needs.
 */
export function checkNodeVersion(version: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > oldest.major || (major === oldest.major && minor >= oldest.minor)) return;
  throw new MillraceError(
    'NODE_VERSION',
    `Millrace needs Node.js ${oldest.major}.${oldest.minor} or later; this is v${version}. ` +
      'Install a newer Node.js (https://nodejs.org), or start with one that is installed already.',
  );
}

/**
 * Packages that only some formats need. They are optional: whoever uses such a format installs its
 * package. It is loaded when the codec is made, so that a job without it neither has nor loads it.
 *
 * `require` and not `import`: a codec is made by a plain call, which can't wait for a promise.
 */
import { createRequire } from 'node:module';
import { MillraceError, messageOf } from '../platform/index.ts';

/** Fails with `INVALID`, saying what to install; `call` names the codec. */
export function loadPackage(call: string, name: string): unknown {
  try {
    return createRequire(import.meta.url)(name);
  } catch (cause) {
    const isMissing = cause instanceof Error && 'code' in cause && cause.code === notFound;
    const why = isMissing ? 'is not installed' : `can't be loaded (${messageOf(cause)})`;
    throw new MillraceError(
      'INVALID',
      `${call} needs the package ${name}, which ${why}: npm install ${name}`,
      { cause },
    );
  }
}

const notFound = 'MODULE_NOT_FOUND';

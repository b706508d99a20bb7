import { MillraceError } from '../platform/index.ts';
import { kindOf } from './plain.ts';

/** The error for a value that is not of a codec's type; only untyped callers meet it. */
export function wrongType(codec: string, wanted: string, value: unknown): MillraceError {
  return new MillraceError(
    'ENCODE',
    `The ${codec} codec writes a ${wanted}, but got ${kindOf(value)}. Use the codec of the value.`,
  );
}

/** Arguments as values; what can't be one is a mistake in the use of the command line. */
import { InvalidArgumentError } from 'commander';

/** Where `consume` begins in each partition. */
export type From =
  | 'earliest'
  | 'latest'
  | { readonly offset: number }
  /** ms since the epoch. */
  | { readonly timestamp: number };

const isoTime = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2})?)?$/;

export function fromArgument(text: string): From {
  if (text === 'earliest' || text === 'latest') return text;
  if (/^\d+$/.test(text)) return { offset: Number(text) };
  const timestamp = isoTime.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(timestamp)) return { timestamp };
  throw new InvalidArgumentError(
    'Use earliest, latest, an offset, or a time like 2026-01-31T12:00:00Z.',
  );
}

export function wholeNumber(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Use a whole number, 0 or more.');
}

export function partitionCount(text: string): number {
  const count = /^\d+$/.test(text) ? Number(text) : 0;
  if (count >= 1 && count <= 10_000) return count;
  throw new InvalidArgumentError('Use a whole number from 1 to 10000.');
}

export function durability(text: string): 'disk' | 'process' {
  if (text === 'disk' || text === 'process') return text;
  throw new InvalidArgumentError('Use disk or process.');
}

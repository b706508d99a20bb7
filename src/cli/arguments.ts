/** Arguments as values; what can't be one is a mistake in the use of the command line. */
import { InvalidArgumentError } from 'commander';
import type { Position } from '../broker/index.ts';

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

/** A place in the input of a job. */
export type ReplayPlace =
  | { readonly timestamp: number }
  | { readonly offset: number }
  | { readonly offsets: readonly Position[] };
export type ReplayFrom = 'earliest' | ReplayPlace;
export type ReplayTo = 'latest' | ReplayPlace;

export function replayFrom(text: string): ReplayFrom {
  return text === 'earliest' ? text : replayPlace(text);
}

export function replayTo(text: string): ReplayTo {
  return text === 'latest' ? text : replayPlace(text);
}

function replayPlace(text: string): ReplayPlace {
  if (/^-?\d+ms$/.test(text)) return { timestamp: Number(text.slice(0, -2)) };
  const named = [...text.matchAll(/(?:^|,)([a-zA-Z0-9._-]+)\/(\d+)=(\d+)(?=,|$)/g)];
  if (named.length > 0 && named.map(([all]) => all).join('') === text) {
    const offsets = named.map(([, topic = '', partition, offset]) => {
      return { topic, partition: Number(partition), offset: Number(offset) };
    });
    return { offsets };
  }
  if (/^\d+$/.test(text)) return { offset: Number(text) };
  const timestamp = isoTime.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(timestamp)) return { timestamp };
  throw new InvalidArgumentError(
    'Use a time like 2026-01-31T12:00:00Z or 1769860800000ms, an offset, or an offset for each ' +
      'partition like orders/0=120,orders/1=80.',
  );
}

/** `<topic>=<other topic>`, given once for each topic. */
export function topicPair(
  text: string,
  before: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const [topic = '', other = '', ...rest] = text.split('=');
  if (topic !== '' && other !== '' && rest.length === 0) return { ...before, [topic]: other };
  throw new InvalidArgumentError('Use <topic>=<topic of the replay>.');
}

export function workerCount(text: string): number {
  if (/^[1-9]\d*$/.test(text) && Number(text) <= 128) return Number(text);
  throw new InvalidArgumentError('Use a whole number from 1 to 128.');
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

/** What Kafka takes as the name of a topic, so that a topic can move to Kafka. */
import { MillraceError } from '../platform/index.ts';

export function isTopicName(name: string): boolean {
  return /^[a-zA-Z0-9._-]{1,249}$/.test(name) && name !== '.' && name !== '..';
}

/** Fails with `INVALID`, naming what is wrong. */
export function checkTopicName(name: string): void {
  if (isTopicName(name)) return;
  throw new MillraceError(
    'INVALID',
    `"${name}" can't be the name of a topic: use 1 to 249 letters, digits, dots, underscores ` +
      `or hyphens.`,
  );
}

export const partitionsMax = 10_000;

/** Fails with `INVALID`. */
export function checkPartitions(partitions: number): void {
  if (Number.isInteger(partitions) && partitions >= 1 && partitions <= partitionsMax) return;
  throw new MillraceError(
    'INVALID',
    `A topic can't have ${partitions} partitions: use a whole number from 1 to ${partitionsMax}.`,
  );
}

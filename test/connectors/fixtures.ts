/** What tests of connectors need: logs in memory, topics, and what is in them. */
import { onTestFinished } from 'vitest';
import { MemoryBroker } from '../../src/broker/index.ts';
import type { ConnectorHandle } from '../../src/connectors/index.ts';
import { json, string, topic } from '../../src/index.ts';
import { nodePlatform, type Platform } from '../../src/platform/index.ts';
import { Log } from '../../src/runtime/index.ts';

export interface Cup {
  readonly by: string;
  readonly price: number;
}

export const cups = topic('cups', { key: string(), value: json<Cup>(), partitions: 2 });

/** `count` cups of three people, each with another price. */
export function makeCups(count: number): Cup[] {
  return Array.from({ length: count }, (_, i) => ({
    by: ['ada', 'bob', 'cy'][i % 3] ?? '',
    price: i,
  }));
}

/** A log in memory, on the platform of Node.js. */
export function memoryLog(platform: Platform = nodePlatform()): Log {
  const log = new Log('/nowhere', new MemoryBroker({ clock: platform.clock }), platform, {});
  onTestFinished(() => log.close());
  return log;
}

/** The prices in the topic, in the order of the cups. */
export async function pricesIn(log: Log): Promise<number[]> {
  const prices: number[] = [];
  for await (const { value } of log.records(cups)) prices.push(value?.price ?? -1);
  return prices.sort((a, b) => a - b);
}

export function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

/** Until so many cups are in the topic; fails where the ingest has failed. */
export async function untilTaken(log: Log, count: number, handle: ConnectorHandle): Promise<void> {
  while ((await pricesIn(log)).length < count) await turn(handle);
}

export async function untilRunning(handle: ConnectorHandle): Promise<void> {
  while (handle.status().state === 'starting') await turn(handle);
}

async function turn(handle: ConnectorHandle): Promise<void> {
  const { state, error } = handle.status();
  if (state === 'failed') throw error;
  await new Promise((resolve) => setTimeout(resolve, 1));
}

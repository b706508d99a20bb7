/**
 * The data directory that docs/file-formats.md shows: clock, ids and process are fixed, so that its
 * files are the same, byte for byte, each time.
 */
import { readFileSync } from 'node:fs';
import { openBroker, RecordBatchBuilder } from '../../src/broker/index.ts';
import { inlineBackground, nodePlatform, type Platform } from '../../src/platform/index.ts';

/** 2026-01-01T00:00:00Z. */
const startsAt = 1_767_225_600_000;

/** Node's platform, but random bytes count up from 0, and the clock and the process are fixed. */
function fixedPlatform(): Platform {
  const node = nodePlatform();
  let next = 0;
  const platform: Platform = {
    ...node,
    clock: { ...node.clock, now: () => startsAt },
    process: {
      ...{ pid: 4711, host: 'host', startedAtMs: 123456 },
      ...{ memoryBytesMax: 2 ** 32, isAlive: () => true },
    },
    randomBytes: (length) => Uint8Array.from({ length }, () => next++),
  };
  return { ...platform, background: inlineBackground(platform) };
}

/**
 * Makes the directory in five entries: a topic, a record, a claim, a commit, a seal. Returns the
 * heartbeat file as it was while the directory was open.
 */
export async function makeExampleDirectory(directory: string): Promise<string> {
  const broker = await openBroker(fixedPlatform(), directory, {
    journalFileBytes: 64 * 1024,
    pollMs: 60_000,
    sealAfterMs: 60_000,
  });
  await broker.createTopic('cups');
  const append = { topic: 'cups', partition: 0, recordCount: 1, maxTimestamp: startsAt };
  await broker.append([{ ...append, batches: oneRecord() }]);
  const { task, incarnation } = await broker.claim('count-0');
  const positions = [{ topic: 'cups', partition: 0, offset: 1 }];
  await broker.commit({ task, incarnation, epoch: 1, clockMs: startsAt, positions, appends: [] });
  const heartbeat = readFileSync(`${directory}/processes/18191a1b1c1d1e1f`, 'utf8');
  await broker.close();
  return heartbeat;
}

function oneRecord(): Uint8Array {
  const builder = new RecordBatchBuilder();
  const [key, value] = [Buffer.from('ada'), Buffer.from('1')];
  builder.append(startsAt, key, value, [{ key: 'h', value: null }]);
  return builder.build();
}

import { type Broker, RecordCursor } from '../../broker/index.ts';
import { MillraceError } from '../../platform/index.ts';
import type { From } from '../arguments.ts';
import { requireTopic, toLine, toText } from '../format.ts';
import { type DataOptions, withLog } from '../open.ts';
import { type Terminal, write } from '../terminal.ts';

export interface ConsumeOptions extends DataOptions {
  readonly follow?: boolean;
  readonly from: From;
  readonly partition?: number;
  readonly max?: number;
  readonly json?: boolean;
}

interface Position {
  readonly partition: number;
  offset: number;
  /** Where to stop; undefined to follow. */
  readonly end: number | undefined;
}

const readBytes = 256 * 1024;

/** Prints the records of a topic, each partition in its order. */
export function consume(topic: string, options: ConsumeOptions, terminal: Terminal): Promise<void> {
  return withLog(options, false, async ({ broker }) => {
    const positions = startPositions(broker, topic, options);
    const stopped = terminal.interruption();
    let left = options.max ?? Number.POSITIVE_INFINITY;
    while (left > 0 && !stopped.aborted) {
      const before = left;
      for (const position of positions) {
        const { text, count } = readSome(broker, topic, position, left, options);
        left -= count;
        await write(terminal.output, text);
      }
      if (left < before) continue;
      if (options.follow !== true) return;
      await change(broker, stopped);
    }
  });
}

/** What one read gives, as lines. */
function readSome(
  broker: Broker,
  topic: string,
  position: Position,
  max: number,
  options: ConsumeOptions,
): { readonly text: string; readonly count: number } {
  const target = { topic, partition: position.partition };
  const end = position.end ?? broker.endOf(target);
  const nothing = { text: '', count: 0 };
  if (position.offset >= end || max <= 0) return nothing;
  const batches = broker.read(target, position.offset, readBytes);
  if (batches === undefined) return nothing;
  const cursor = new RecordCursor();
  cursor.reset(batches.bytes, batches.placeOf);
  let text = '';
  let count = 0;
  while (count < max && cursor.next() && cursor.offset < end) {
    if (cursor.offset < position.offset) continue;
    const line = toLine(topic, position.partition, cursor);
    text += `${options.json === true ? JSON.stringify(line) : toText(line)}\n`;
    position.offset = cursor.offset + 1;
    count++;
  }
  return { text, count };
}

function change(broker: Broker, stopped: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      subscription.close();
      stopped.removeEventListener('abort', done);
      resolve();
    };
    const subscription = broker.subscribe(done);
    stopped.addEventListener('abort', done);
  });
}

function startPositions(broker: Broker, topic: string, options: ConsumeOptions): Position[] {
  const { partitions } = requireTopic(broker, topic);
  const { partition: only, follow, from } = options;
  if (only !== undefined && partitions[only] === undefined) {
    throw new MillraceError(
      'INVALID',
      `Topic "${topic}" has no partition ${only}; it has ${partitions.length} (0 to ` +
        `${partitions.length - 1}).`,
    );
  }
  return partitions
    .filter(({ partition }) => only === undefined || partition === only)
    .map(({ partition, start, end }) => ({
      partition,
      offset: startOffset(broker, { topic, partition }, { start, end }, from),
      end: follow === true ? undefined : end,
    }));
}

function startOffset(
  broker: Broker,
  target: { readonly topic: string; readonly partition: number },
  { start, end }: { readonly start: number; readonly end: number },
  from: From,
): number {
  if (from === 'earliest') return start;
  if (from === 'latest') return end;
  if ('offset' in from) return Math.min(Math.max(from.offset, start), end);
  return broker.offsetAtTimestamp(target, from.timestamp);
}

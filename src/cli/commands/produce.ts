import { createInterface } from 'node:readline';
import { Producer } from '../../broker/index.ts';
import { isMillraceError, MillraceError } from '../../platform/index.ts';
import type { Log } from '../../runtime/index.ts';
import { type RecordLine, requireTopic, toBytes, toHeaders } from '../format.ts';
import { type DataOptions, withLog } from '../open.ts';

export interface ProduceOptions extends DataOptions {
  readonly keys?: boolean;
  readonly keyField?: string;
  readonly json?: boolean;
  readonly create?: boolean;
  readonly partitions: number;
}

/** Lines that are sent before their answers are waited for. */
const waitingMax = 10_000;

/**
 * Appends a record for each line of standard input; a line that can't be one ends with its number.
 */
export function produce(topic: string, options: ProduceOptions): Promise<void> {
  return withLog(options, options.create === true, async (log) => {
    await prepareTopic(log, topic, options);
    const producer = new Producer(log.broker, log.platform.clock);
    let number = 0;
    let sent: Promise<unknown>[] = [];
    for await (const line of createInterface({ input: process.stdin })) {
      number++;
      if (line === '') continue;
      const { key, value, headers, timestamp } = parseLine(line, number, options);
      sent.push(
        producer.send({
          topic,
          key: toBytes(key),
          value: toBytes(value),
          headers: toHeaders(headers),
          ...(timestamp === undefined ? {} : { timestamp }),
        }),
      );
      if (sent.length < waitingMax) continue;
      await Promise.all(sent);
      sent = [];
    }
    await Promise.all(sent);
  });
}

async function prepareTopic(log: Log, topic: string, options: ProduceOptions): Promise<void> {
  if (options.create !== true) {
    requireTopic(log.broker, topic);
    return;
  }
  try {
    await log.broker.createTopic(topic, { partitions: options.partitions });
  } catch (error) {
    if (!isMillraceError(error, 'TOPIC_EXISTS')) throw error;
  }
}

function parseLine(line: string, number: number, options: ProduceOptions): RecordLine {
  if (options.json === true) return parseRecord(line, number);
  if (options.keyField !== undefined) return keyedByField(line, number, options.keyField);
  if (options.keys !== true) return { key: null, value: line };
  const tab = line.indexOf('\t');
  if (tab < 0) throw wrongLine(number, 'has no tab between key and value');
  return { key: line.slice(0, tab), value: line.slice(tab + 1) };
}

function parseRecord(line: string, number: number): RecordLine {
  const record = parseJson(line, number);
  if (typeof record !== 'object' || record === null || !('value' in record)) {
    throw wrongLine(number, 'is not an object with a value, as `consume --json` prints it');
  }
  return { key: null, ...record };
}

function keyedByField(line: string, number: number, field: string): RecordLine {
  const value = parseJson(line, number);
  if (typeof value !== 'object' || value === null || !(field in value)) {
    throw wrongLine(number, `has no field "${field}"`);
  }
  return { key: (value as Readonly<Record<string, unknown>>)[field], value: line }; // just looked
}

function parseJson(line: string, number: number): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw wrongLine(number, 'is not JSON');
  }
}

function wrongLine(number: number, what: string): MillraceError {
  return new MillraceError(
    'INVALID',
    `Line ${number} ${what}. The lines before it were appended; this one and those after it ` +
      `were not.`,
  );
}

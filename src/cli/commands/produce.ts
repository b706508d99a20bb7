/** Lines of standard input as records. */
import { Producer, type ProducerRecord } from '../../broker/index.ts';
import { isMillraceError, MillraceError } from '../../platform/index.ts';
import type { Log } from '../../runtime/index.ts';
import { requireTopic, toBytes } from '../format.ts';
import { linesOf } from '../lines.ts';
import { type DataOptions, withLog } from '../open.ts';
import { type LineForm, parseLine } from '../parse-line.ts';
import type { Terminal } from '../terminal.ts';

export interface ProduceOptions extends DataOptions, LineForm {
  readonly create?: boolean;
  readonly partitions: number;
}

/** Records that are sent before their answers are waited for. */
const waitingMax = 10_000;

/** Appends a record for each line; one that can't be a record ends it, and is named. */
export function produce(
  topic: string,
  options: ProduceOptions,
  { input, errors }: Terminal,
): Promise<void> {
  return withLog(options, options.create === true, async (log) => {
    await prepareTopic(log, topic, options);
    if (input.isTTY === true) errors.write('A value for each line; Ctrl-D ends.\n');
    const producer = new Producer(log.broker, log.platform.clock);
    await appendAll(producer, recordsOf(input, topic, options));
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

interface NumberedRecord {
  readonly number: number;
  readonly record: ProducerRecord;
}

async function* recordsOf(
  input: AsyncIterable<Uint8Array>,
  topic: string,
  form: LineForm,
): AsyncGenerator<NumberedRecord> {
  let number = 0;
  for await (const line of linesOf(input)) {
    number++;
    if (line.length === 0) continue;
    try {
      const { key, value, headers, timestamp } = parseLine(line, form);
      const record = { topic, key: toBytes(key), value: toBytes(value), headers };
      yield { number, record: timestamp === undefined ? record : { ...record, timestamp } };
    } catch (error) {
      throw inLine(number, error);
    }
  }
}

/** Fails with the first failure, saying how many records were appended all the same. */
async function appendAll(
  producer: Producer,
  records: AsyncIterable<NumberedRecord>,
): Promise<void> {
  let appended = 0;
  let failure: unknown;
  let sent: Promise<unknown>[] = [];
  try {
    for await (const { number, record } of records) {
      const answer = producer.send(record).then(
        () => appended++,
        (error) => {
          failure ??= inLine(number, error);
        },
      );
      sent.push(answer);
      if (sent.length >= waitingMax) {
        await Promise.all(sent);
        sent = [];
      }
      if (failure !== undefined) break;
    }
  } catch (error) {
    failure ??= error;
  }
  await Promise.all(sent);
  if (failure !== undefined) throw withCount(failure, appended);
}

function inLine(number: number, error: unknown): unknown {
  if (!isMillraceError(error)) return error;
  return new MillraceError(error.code, `Line ${number}: ${error.message}`, { cause: error });
}

function withCount(failure: unknown, appended: number): unknown {
  if (!isMillraceError(failure)) return failure;
  const many = appended === 1 ? '1 record was' : `${appended} records were`;
  const told = `${failure.message} ${appended === 0 ? 'Nothing was' : many} appended.`;
  return new MillraceError(failure.code, told, { cause: failure });
}

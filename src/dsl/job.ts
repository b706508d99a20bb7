/** Jobs: `job(name, ({ from }) => { ... })`. */
import { type Codec, checkKeyCodec, ofKeys } from '../formats/index.ts';
import { MillraceError } from '../platform/index.ts';
import {
  checkGraph,
  checkOptions,
  checkTopicName,
  type Duration,
  durationMs,
  type Edge,
  type Job,
  nameSteps,
  type StartPosition,
} from '../runtime/index.ts';
import { GraphBuilder } from './graph-builder.ts';
import { errorPolicyOf, type OnError } from './on-error.ts';
import { checkParallelism, checkStepName } from './step-options.ts';
import { KeyedStream, Stream } from './stream.ts';
import { toTable } from './tables/from-stream.ts';
import { type ToTableOptions, toTableOptions } from './tables/last-values.ts';
import type { Table } from './tables/table.ts';
import type { ReadableTopic } from './topic.ts';

/** How a job reads a topic. */
export interface FromOptions<Value> {
  /**
   * When what a value tells of happened, in ms since the epoch. Default: the record's own
   * timestamp.
   */
  readonly eventTime?: (value: Value) => number;
  /**
   * How much earlier than the latest record so far a record may have happened without being late.
   * Default `'0s'`.
   */
  readonly outOfOrderness?: Duration;
  /**
   * A partition that is read to its end and silent this long no longer holds windows open. Default
   * `'5s'`.
   */
  readonly idleAfter?: Duration;
  /**
   * When all partitions are read to their ends and silent this long, event time goes on with the
   * clock, so that the last windows close. `'off'`: only records move event time. Default `'10s'`.
   */
  readonly quietAfter?: Duration | 'off';
  /** Where to begin when the job has not read the topic before. Default `'earliest'`. */
  readonly start?: 'earliest' | 'latest' | { readonly timestamp: number | string };
  /** What happens where a record of the topic fails. Default: as the job says. */
  readonly onError?: OnError;
}

/** How a job reads a topic as a table: always from its beginning, or rows would be missing. */
export interface TableOptions<Value>
  extends Omit<FromOptions<Value>, 'start'>,
    ToTableOptions<NonNullable<Value>> {}

export interface JobOptions {
  /** What happens where a record fails, where `from` does not say it. Default: `'fail'`. */
  readonly onError?: OnError;
  /**
   * How many tasks share the work; keyed steps are split by key. Default 1. See
   * docs/parallelism.md.
   */
  readonly parallelism?: number;
}

/** What a job is built with. */
export interface JobContext {
  /**
   * The records of a topic as a stream.
   * @example from(flights, { eventTime: (f) => f.date, outOfOrderness: '3h' })
   * @example from(flights.select('origin', 'delay'))
   */
  from<Key, Value>(
    topic: ReadableTopic<Key, Value>,
    options?: FromOptions<Value>,
  ): Stream<Value, Key>;
  /**
   * A topic as a table: the last record of each key is its row, and a record without a value
   * deletes it, as in a compacted topic. Each record needs a key; without one it fails
   * (`USER_FUNCTION`).
   * @example table(customers).filter((customer) => customer.active)
   */
  table<Key, Value>(
    topic: ReadableTopic<Key, Value>,
    options?: TableOptions<Value>,
  ): Table<NonNullable<Value>, Key>;
}

const fromOptions = [
  ...['eventTime', 'outOfOrderness', 'idleAfter', 'quietAfter', 'start', 'onError'],
] as const;

const tableOptions = [...fromOptions.filter((name) => name !== 'start'), ...toTableOptions];

/**
 * A job: reads topics, computes, writes topics. It is built at once, so mistakes are thrown from
 * the call that was wrong; `run(job, { data })` runs it. Its name is the identity of its state and
 * positions.
 *
 * @example
 * export default job('flight-delays', ({ from }) => {
 *   from(flights).filter((f) => f.delay > 15).to(delayed);
 * });
 */
export function job(
  name: string,
  build: (context: JobContext) => void,
  options: JobOptions = {},
): Job {
  checkJobName(name);
  checkOptions(`job("${name}")`, options, ['onError', 'parallelism']);
  const { onError = 'fail', parallelism } = options;
  checkParallelism(`job("${name}")`, parallelism);
  errorPolicyOf(onError, `onError of job("${name}")`);
  const builder = new GraphBuilder(name);
  build({
    from: (topic, of = {}) => new Stream(builder, addSource(builder, topic, { onError, ...of })),
    table: (topic, of = {}) => addTable(builder, topic, { onError, ...of }),
  });
  const graph = builder.build(parallelism);
  checkGraph(graph);
  nameSteps(graph);
  return { kind: 'job', name, graph };
}

function checkJobName(name: string): void {
  checkStepName(name, name);
  checkTopicName(`__${name}-0-changelog`);
}

function addTable<Key, Value>(
  builder: GraphBuilder,
  topic: ReadableTopic<Key, Value>,
  options: TableOptions<Value>,
): Table<NonNullable<Value>, Key> {
  const input = addSource(builder, topic, options, 'table');
  const key = checkKeyCodec(topic.key, `table("${topic.name}")`);
  const codec = ofKeys(key) as Codec<unknown>; // the graph does not know types
  const keyed = builder.add({ kind: 'keyBy', input, name: undefined, key: undefined, codec });
  return toTable(new KeyedStream<Value, Key>(builder, keyed), options, tableOptions);
}

function addSource<Key, Value>(
  builder: GraphBuilder,
  topic: ReadableTopic<Key, Value>,
  options: FromOptions<Value>,
  call: 'from' | 'table' = 'from',
): Edge {
  if (topic?.kind !== 'topic' && topic?.kind !== 'selection') {
    throw new MillraceError(
      'INVALID',
      `Job "${builder.job}": ${call}() takes a topic: make one with topic(name, { key, value }).`,
    );
  }
  const where = `${call}("${topic.name}")`;
  checkOptions(where, options, call === 'from' ? fromOptions : tableOptions);
  const { eventTime, outOfOrderness = 0, idleAfter = '5s', quietAfter = '10s' } = options;
  if (eventTime !== undefined && typeof eventTime !== 'function') {
    throw new MillraceError(
      'INVALID',
      `eventTime of ${where} can't be ${String(eventTime)}: give a function of the value that ` +
        'returns ms since the epoch.',
    );
  }
  return builder.add({
    kind: 'source',
    name: undefined,
    topic: topic as ReadableTopic<unknown, unknown>, // the graph does not know types
    eventTime: eventTime as ((value: unknown) => number) | undefined, // likewise
    outOfOrdernessMs: durationMs(outOfOrderness, `outOfOrderness of ${where}`),
    idleAfterMs: durationMs(idleAfter, `idleAfter of ${where}`),
    quietAfterMs:
      quietAfter === 'off'
        ? Number.POSITIVE_INFINITY
        : durationMs(quietAfter, `quietAfter of ${where}`),
    start: startOf(options.start ?? 'earliest', where),
    onError: errorPolicyOf(options.onError ?? 'fail', `onError of ${where}`),
  });
}

function startOf(start: NonNullable<FromOptions<never>['start']>, where: string): StartPosition {
  if (start === 'earliest' || start === 'latest') return start;
  const timestamp =
    typeof start.timestamp === 'string' ? Date.parse(start.timestamp) : start.timestamp;
  if (Number.isFinite(timestamp)) return { timestamp };
  throw new MillraceError(
    'INVALID',
    `start of ${where} can't be ${JSON.stringify(start)}: use 'earliest', 'latest', or { ` +
      `timestamp: ms or an ISO 8601 date }.`,
  );
}

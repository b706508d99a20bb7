/**
 * Millrace: stream processing with an embedded log.
 *
 * Describe a job with `job`, `topic` and the steps of a `Stream`; run it with `run`. docs/ explains
 * each part.
 */
export {
  type Append,
  type Batches,
  type Broker,
  type Durability,
  type EmbeddedBrokerOptions,
  type Header,
  MemoryBroker,
  partitionOf,
  RecordBatchBuilder,
  RecordCursor,
  type TopicDescription,
  type TopicPartition,
} from './broker/index.ts';
export {
  type Aggregate,
  count,
  type Duration,
  type Emitted,
  type FromOptions,
  first,
  isJob,
  type JobContext,
  job,
  type KeyByOptions,
  type KeyContext,
  type KeyedStream,
  last,
  max,
  mean,
  min,
  type StepOptions,
  type Stream,
  share,
  sum,
  type Topic,
  type TopicSettings,
  topic,
  tumbling,
  type ValueSpec,
  value,
  type WindowedStream,
  type WindowResults,
  type WindowTimes,
} from './dsl/index.ts';
export { bytes, type Codec, json, keyJson, number, string } from './formats/index.ts';
export { type ErrorCode, isMillraceError, MillraceError } from './platform/index.ts';
export {
  type BackupOptions,
  type BackupSummary,
  backup,
  describeGraph,
  type Job,
  type JobHandle,
  type JobMetrics,
  type JobStatus,
  type Log,
  type OpenLogOptions,
  type OutgoingRecord,
  openLog,
  type RecordsOptions,
  type RunOptions,
  run,
  type Timer,
  type TimerService,
  type TopicRecord,
  type ValueState,
} from './runtime/index.ts';

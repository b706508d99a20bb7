/** The door of the log. */
export type * from './broker.ts';
export {
  type Durability,
  durabilities,
  type EmbeddedBrokerOptions,
  openBroker,
} from './embedded-broker.ts';
export { beginCopy, type CopySummary, type LogCopy } from './log-copy.ts';
export { type LogView, openLogView, type TaskProgress } from './log-view.ts';
export {
  MemoryBroker,
  type MemoryBrokerOptions,
  type MemoryProcessOptions,
} from './memory-broker.ts';
export { murmur2, partitionOf, positiveHash } from './murmur2.ts';
export {
  Producer,
  type ProducerOptions,
  type ProducerRecord,
  type SentRecord,
} from './producer.ts';
export { type BatchMark, RecordBatchBuilder } from './record-batch-builder.ts';
export { RecordCursor } from './record-cursor.ts';
export type { Header } from './record-headers.ts';
export { type ServedThread, serveThread } from './serve-thread.ts';
export { openThreadBroker } from './thread-broker.ts';
export { checkTopicName, isTopicName } from './topic-names.ts';

/**
 * Sources and sinks: `import { ingest, deliver } from 'millrace/connectors'`.
 *
 * `ingest` brings records from outside into a topic, `deliver` those of a topic to a place outside.
 * The log stays the only truth: jobs read and write topics, and nothing else.
 */
export type { ConnectorHandle, ConnectorState, ConnectorStatus } from './connector.ts';
export { type DeliverOptions, type DeliveryHandle, deliver } from './deliver.ts';
export { type IngestOptions, ingest } from './ingest.ts';
export { type ObserveOptions, observe } from './observe.ts';
export type { ConnectorSettings } from './open-connector.ts';
export type {
  DeliveredBatch,
  DeliveredRecord,
  OpenSink,
  Sink,
  SinkContext,
} from './sink.ts';
export {
  type CsvSinkOptions,
  csvSink,
  type JsonLinesSinkOptions,
  jsonLinesSink,
} from './sinks/file-sink.ts';
export { type HttpSinkOptions, httpSink } from './sinks/http-sink.ts';
export { type SqliteSinkOptions, type SqliteValue, sqliteSink } from './sinks/sqlite-sink.ts';
export type { Sender, Source, SourceContext, SourceRecord } from './source.ts';
export { type CsvFileOptions, csvFile } from './sources/csv-file.ts';
export type { LinePosition } from './sources/file-lines.ts';
export { type HttpSourceOptions, httpSource } from './sources/http-source.ts';
export { asyncIterable, iterable } from './sources/iterable.ts';
export { type FileOptions, jsonLines } from './sources/json-lines.ts';
export { type ObservableOptions, observable } from './sources/observable.ts';
export {
  type ParquetFileOptions,
  type ParquetPosition,
  parquetFile,
} from './sources/parquet-file.ts';

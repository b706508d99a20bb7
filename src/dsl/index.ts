/** The door of the fluent API. */
export type { Aggregate } from './aggregates/aggregate.ts';
export {
  type ApproximateCountDistinctOptions,
  approximateCountDistinct,
} from './aggregates/approximate-count-distinct.ts';
export { argMax, argMin } from './aggregates/arg-min-max.ts';
export { type CollectOptions, collect } from './aggregates/collect.ts';
export type { Aggregates, ResultsOf } from './aggregates/composite.ts';
export { type CountDistinctOptions, countDistinct } from './aggregates/count-distinct.ts';
export { type AggregateDefinition, aggregate } from './aggregates/custom.ts';
export { earliest, latest } from './aggregates/earliest-latest.ts';
export { first, last } from './aggregates/first-last.ts';
export { type Histogram, histogram } from './aggregates/histogram.ts';
export { count, max, mean, min, share, sum } from './aggregates/numbers.ts';
export { type QuantileOptions, type QuantilesOf, quantile } from './aggregates/quantile.ts';
export type {
  RetractableAggregate,
  RetractableAggregates,
  Retracting,
} from './aggregates/retracting.ts';
export { topK } from './aggregates/top-k.ts';
export {
  standardDeviation,
  type VarianceOf,
  type VarianceOptions,
  variance,
} from './aggregates/variance.ts';
export type { BranchTests, SplitKeyedStreams, SplitStreams } from './branches.ts';
export {
  type BroadcastContext,
  type BroadcastFunctions,
  BroadcastStreams,
  type ReadableStates,
  type SharedKeyContext,
} from './broadcast.ts';
export { ConnectedStreams, type ConnectFunctions } from './connected-streams.ts';
export { CountWindowedStream } from './count-window.ts';
export type { DeduplicateOptions } from './deduplicate.ts';
export {
  type FromOptions,
  type JobContext,
  type JobOptions,
  job,
  type TableOptions,
} from './job.ts';
export type { Interval, IntervalJoin } from './joins/interval.ts';
export type { Sided } from './joins/sides.ts';
export type { AsOfTimeOptions, ConnectedTable, StreamTableJoin } from './joins/stream-table.ts';
export type { WindowJoin, WindowJoinOptions } from './joins/window-join.ts';
export type { AsyncContext, MapAsyncOptions, MemoOptions } from './map-async.ts';
export type { DeadLetters, OnError, Retry } from './on-error.ts';
export {
  GlobalPanes,
  GlobalStream,
  type InPane,
  PanedStream,
  type Reduced,
  type TriggerOptions,
} from './paned-stream.ts';
export type { Emitted, Expired, KeyContext, ProcessFunctions, StatesOf } from './process.ts';
export {
  type AgeingOptions,
  aggregating,
  list,
  type MapOptions,
  map,
  reducing,
  type StateOptions,
  type TtlOptions,
  value,
} from './state-specs.ts';
export type { KeyByOptions, RunningOptions, StepOptions, ToOptions } from './step-options.ts';
export {
  DeduplicatedStream,
  KeyedStream,
  Stream,
  WindowResults,
} from './stream.ts';
export type { AnyRow, Change } from './tables/change.ts';
export type { ForeignKeyOptions } from './tables/foreign-key-join.ts';
export { GroupedTable } from './tables/grouped-table.ts';
export type { DeleteWhen, LatestOptions, ToTableOptions } from './tables/last-values.ts';
export { Table } from './tables/table.ts';
export type { TopNOptions } from './tables/top-n.ts';
export {
  type ReadableTopic,
  type SelectedTopic,
  type Topic,
  type TopicSettings,
  topic,
} from './topic.ts';
export {
  type AfterWatermarkOptions,
  afterCount,
  afterProcessingTime,
  afterWatermark,
  repeatedly,
  type Trigger,
} from './triggers.ts';
export {
  type CalendarOptions,
  type CumulatingOptions,
  calendar,
  cumulating,
  globalWindow,
  type HoppingOptions,
  hopping,
  type SessionOptions,
  session,
  tumbling,
  type WeekOptions,
  type WindowsOptions,
  windows,
} from './window-assigners.ts';
export type { WindowTimes } from './windowed-parts.ts';
export { WindowedStream } from './windowed-stream.ts';

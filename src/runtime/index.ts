/** The door of the runtime. */
export { checkTopicName } from '../broker/index.ts';
export { checkChoice, checkOptions, nearest } from '../platform/index.ts';
export { type BackupOptions, type BackupSummary, backup } from './backup.ts';
export { checkGraph } from './compiler/check.ts';
export { describeGraph, formatMs } from './compiler/describe.ts';
export { keyByOf, nameSteps } from './compiler/names.ts';
export { type DropStateOptions, dropState } from './drop-state.ts';
export { type Duration, durationMs, ttlMs } from './duration.ts';
export type { EpochBudget } from './epoch-limit.ts';
export type {
  AggregatingSpec,
  Aggregation,
  Branch,
  BroadcastContext,
  Edge,
  ErrorPolicy,
  ExpiredEntry,
  Graph,
  GraphNode,
  ListSpec,
  MapSpec,
  ProcessContext,
  ProcessDefinition,
  ProcessNode,
  ReducingSpec,
  SinkNode,
  SourceNode,
  SourceSpec,
  StartPosition,
  StateSpec,
  TimedValue,
  Timer,
  TimerService,
  TopicSpec,
  ValueSpec,
  WindowNode,
} from './graph.ts';
export {
  type InspectOptions,
  inspectState,
  type StateDescription,
  type StoreDescription,
} from './inspect-state.ts';
export { isJob, jobOfModule, jobsOfModule } from './job-modules.ts';
export type { JobHandle } from './job-runner.ts';
export {
  Log,
  type OpenLogOptions,
  type OutgoingRecord,
  openLog,
  type RecordsOptions,
} from './log.ts';
export { jobOfTask } from './members/names.ts';
export { TopicOutput } from './operators/topic-output.ts';
export { type QueryOptions, type QueryResult, query } from './query/query.ts';
export type { SqlParameters, SqlValue } from './query/select.ts';
export { type RedriveOptions, type RedriveSummary, redrive } from './redrive.ts';
export type { Difference, TopicComparison } from './replay/compare-topics.ts';
export {
  type ReplayOptions,
  type ReplayProgress,
  type ReplaySummary,
  replay,
} from './replay/replay.ts';
export type { ReplayBound } from './replay/replay-range.ts';
export { type RescaleOptions, type RescaleSummary, rescale } from './rescale/rescale.ts';
export { canPass, RestartPauses } from './restarts.ts';
export { type Job, type RunOptions, run } from './run.ts';
export { describeJob } from './stages/describe-job.ts';
export type {
  AggregatingState,
  EntryOptions,
  ListState,
  MapState,
  ReducingState,
  State,
  TimeToLive,
  ValueState,
} from './state.ts';
export type {
  FailedRecords,
  JobMetrics,
  JobState,
  JobStatus,
  JobTaskStatus,
  PartitionStatus,
  RebuildStatus,
} from './status.ts';
export { StatusFeed } from './status-feed.ts';
export type { StoredEntry, StoredStore } from './stored-state.ts';
export { type CommitFate, SynchronousTask } from './synchronous-task.ts';
export { type CalendarUnit, type Weekday, weekdays } from './time/calendar.ts';
export { recordAt, type TopicRecord, untilChanged } from './topic-records.ts';
export {
  type AfterCount,
  type AfterProcessingTime,
  type AfterWatermark,
  type CalendarWindows,
  type CumulatingWindows,
  type CustomWindows,
  type GlobalWindows,
  type HoppingWindows,
  hoppingSliceMs,
  type Pane,
  type PaneTrigger,
  type Repeatedly,
  type SessionWindows,
  type TumblingWindows,
  type WindowAssigner,
  type WindowBounds,
  type WindowFiring,
} from './windows.ts';
export { LocalTasks } from './workers/local-tasks.ts';
export { WorkerTasks } from './workers/worker-tasks.ts';

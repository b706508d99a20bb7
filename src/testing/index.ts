/** The door of what tests of jobs use: `millrace/testing`. */
export type { Schedule, ScheduleStep } from './schedule.ts';
export { ABORT, EOF, PAUSE, playScript, type ScriptItem } from './script.ts';
export {
  type SimulatedRecord,
  type SimulateOptions,
  SimulationError,
  simulate,
} from './simulate.ts';
export type { StateReader, TestTimer } from './state-reader.ts';
export {
  type FedRecord,
  type ReadRecord,
  TestDriver,
  type TestDriverOptions,
  testDriver,
} from './test-driver.ts';

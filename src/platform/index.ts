/**
 * The door of the platform: errors, what the engine takes from outside, and the platform that
 * Node.js gives.
 */
export { type CopiedError, copyError, errorFrom, inlineBackground } from './background.ts';
export { runInChild } from './child.ts';
export * from './errors.ts';
export * from './failpoints.ts';
export type * from './files.ts';
export { type NodePlatformOptions, nodePlatform } from './node-platform.ts';
export { checkNodeVersion } from './node-version.ts';
export { checkChoice, checkNumbers, checkOptions, checkShare, nearest } from './options.ts';
export { pause } from './pause.ts';
export type * from './platform.ts';
export { type MessagePort, openChannel, type Port, portOf } from './port.ts';
export {
  openDatabaseForNow,
  openDatabaseInMemory,
  openDatabaseReadOnly,
  sqliteCodeOf,
  sqliteFailure,
  withSqliteErrors,
} from './sqlite.ts';
export { startThread, type Thread, thisThread } from './thread.ts';
export { usersOfFile } from './users-of-file.ts';

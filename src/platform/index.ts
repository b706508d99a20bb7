/** The door of the platform: errors, and what the engine takes from outside. */
export * from './errors.ts';
export * from './failpoints.ts';
export type * from './files.ts';
export type * from './platform.ts';

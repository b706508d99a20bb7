/** The door of the log. */
export type * from './broker.ts';

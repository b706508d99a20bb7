/** The door of the state. */
export type * from './stores.ts';

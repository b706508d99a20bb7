/** The door of the formats. */
export type * from './codec.ts';

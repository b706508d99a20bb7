/** The door of the formats. */
export { bytes } from './bytes.ts';
export type { Codec, Version } from './codec.ts';
export { json } from './json.ts';
export { keyJson } from './key-json.ts';
export { number } from './number.ts';
export { string } from './string.ts';
export { structured } from './structured.ts';
export { ofKeys, type Versioned, type VersionOptions, versions } from './versions.ts';

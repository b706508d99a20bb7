/** The door of the formats. */
export { type AvroOptions, avro } from './avro.ts';
export type { AvroSchema } from './avro-schema.ts';
export { bytes } from './bytes.ts';
export type { Codec, Decoder, Version } from './codec.ts';
export { copyOf } from './copy-of.ts';
export {
  type CsvColumns,
  type CsvOptions,
  type CsvRowOf,
  type CsvType,
  csv,
} from './csv.ts';
export { csvFields } from './csv-row.ts';
export { json } from './json.ts';
export { canonicalJson, keyJson } from './key-json.ts';
export { checkKeyCodec } from './keys.ts';
export { messagePack } from './message-pack.ts';
export { number } from './number.ts';
export { type ProtobufOptions, protobuf } from './protobuf.ts';
export { select } from './select.ts';
export { string } from './string.ts';
export { structured } from './structured.ts';
export type { ValidationOptions } from './validated.ts';
export { ofKeys, type Versioned, type VersionOptions, versions } from './versions.ts';

/**
 * Avro schemas: parsed, made to read plain objects, reduced to some fields, and their fingerprints.
 */
import { MillraceError, messageOf } from '../platform/index.ts';
import type { AvroLibrary, AvroType } from './avro-library.ts';

/** A schema as parsed JSON, or as JSON text. */
export type AvroSchema = string | object;

/** Fails with `INVALID`; `where` names the schema. */
export function parseSchema(library: AvroLibrary, schema: AvroSchema, where: string): AvroType {
  try {
    const type = library.typeOf(typeof schema === 'string' ? parsed(schema) : copied(schema));
    for (const each of typesIn(type)) makePlain(each);
    return type;
  } catch (cause) {
    throw new MillraceError('INVALID', `${where} is no Avro schema: ${messageOf(cause)}`, {
      cause,
    });
  }
}

/** `long` is a schema, too, and no JSON text. */
function parsed(text: string): unknown {
  return /^\s*[[{"]/.test(text) ? JSON.parse(text) : text;
}

/** avsc remembers options in what it is given, which is the user's. */
function copied(schema: object): unknown {
  return JSON.parse(JSON.stringify(schema));
}

/**
 * All types that a type is made of, each once; a record may hold itself.
 */
function typesIn(type: AvroType, found: Set<AvroType> = new Set()): Set<AvroType> {
  if (found.has(type)) return found;
  found.add(type);
  const { fields = [], types = [], itemsType, valuesType } = type;
  const parts = [...fields.map((field) => field.type), ...types, itemsType, valuesType];
  for (const part of parts) if (part !== undefined) typesIn(part, found);
  return found;
}

/** Whether equal values may have different bytes: members of maps lie as they were set. */
export function hasMaps(type: AvroType): boolean {
  return [...typesIn(type)].some(({ typeName }) => typeName === 'map');
}

/**
 * avsc gives each record, and each branch of a union that has names, a class of its own, generated
 * so that it reads fast. Jobs want plain objects, which other codecs take: so the instances get the
 * prototype of plain objects. They are made as fast.
 */
function makePlain(type: AvroType): void {
  if (type.fields?.some(({ name }) => name === '__proto__')) {
    throw new Error('JavaScript keeps the name __proto__ for itself');
  }
  if (type.recordConstructor !== undefined) type.recordConstructor.prototype = Object.prototype;
  if (type.typeName !== 'union:wrapped') return;
  for (const branch of type.types ?? []) {
    const wrapped = branch.wrap(undefined);
    if (wrapped !== null) wrapped.constructor.prototype = Object.prototype;
  }
}

interface RecordSchema {
  readonly fields: readonly { readonly name: string }[];
}

/**
 * The record with only these fields, for reading what the whole was written with. Fails with
 * `INVALID` where there is no such field.
 */
export function selectFields(
  library: AvroLibrary,
  type: AvroType,
  names: readonly string[],
): AvroType {
  const { fields = [] } = type;
  const missing = names.find((name) => !fields.some((field) => field.name === name));
  if (missing !== undefined) {
    throw new MillraceError(
      'INVALID',
      `select(): the Avro schema ${type.name ?? type.typeName} has no field "${missing}"; it has ` +
        `${fields.map(({ name }) => name).join(', ') || 'none'}.`,
    );
  }
  const whole = type.schema({ exportAttrs: true }) as RecordSchema; // it has fields
  // Types, not schemas of them: a schema may refer to one that stood in a field left out.
  const chosen = fields.flatMap((field, i) =>
    names.includes(field.name) ? [{ ...whole.fields[i], type: field.type }] : [],
  );
  const selected = library.typeOf({ ...whole, fields: chosen });
  makePlain(selected);
  return selected;
}

const emptyFingerprint = 0xc15d213aa4d7a795n;

/**
 * CRC-64-AVRO of the schema's canonical form, in the order of its bytes on the wire. The same for
 * schemas that differ only in what does not change bytes: documentation, defaults, logical types.
 *
 * From the Avro specification, "Schema Fingerprints".
 */
export function fingerprintOf(type: AvroType): Buffer {
  let fingerprint = emptyFingerprint;
  for (const byte of Buffer.from(JSON.stringify(type.schema()))) {
    fingerprint ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) {
      fingerprint = (fingerprint >> 1n) ^ ((fingerprint & 1n) === 1n ? emptyFingerprint : 0n);
    }
  }
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(fingerprint);
  return bytes;
}

/**
 * Avro: the fields of a schema back to back, without their names.
 *
 *   c3 01 | fingerprint of the schema, 8 bytes | the value
 *
 * That is Avro's single-object encoding. The header is what makes topics readable that are older
 * than their schema: each value says which schema it was written with, and is read as the codec's
 * own one by Avro's rules. Bytes of a schema that the codec does not know are refused, where bare
 * bytes would be read as something else.
 */
import { checkChoice, checkOptions, MillraceError, messageOf } from '../platform/index.ts';
import { checkOf } from './avro-checks.ts';
import { type AvroLibrary, type AvroResolver, type AvroType, loadAvro } from './avro-library.ts';
import {
  type AvroSchema,
  fingerprintOf,
  hasMaps,
  parseSchema,
  selectFields,
} from './avro-schema.ts';
import { checkValue } from './checks.ts';
import type { Codec, Decoder } from './codec.ts';

export interface AvroOptions {
  /**
   * Schemas that values may have been written with before. They are read as Avro resolves schemas:
   * a new field needs a default, a renamed one an alias, numbers may become wider.
   */
  readonly earlier?: readonly AvroSchema[];
  /**
   * What stands before each value. `'single-object'`, the default: which schema it was written
   * with. `'none'`: nothing, as other programs may want it; then all values are of one schema.
   */
  readonly framing?: 'single-object' | 'none';
}

/**
 * Avro, by the package avsc. The type is the caller's word for what the schema says; each value is
 * checked against the schema when it is written.
 *
 * `long` is a number, up to 2^52 - 1; `bytes` and `fixed` are Buffers; logical types are read as
 * what they are written as, so that times are numbers. A union of members that look alike has their
 * names around them: `{ long: 1 }`.
 *
 * @example
 * const bids = topic('bids', {
 *   key: string(),
 *   value: avro<Bid>({
 *     type: 'record',
 *     name: 'Bid',
 *     fields: [{ name: 'auction', type: 'long' }, { name: 'price', type: 'long' }],
 *   }),
 * });
 */
export function avro<Value>(schema: AvroSchema, options: AvroOptions = {}): Codec<Value> {
  checkOptions('avro()', options, ['earlier', 'framing']);
  const { earlier = [], framing = 'single-object' } = options;
  checkChoice('framing of avro()', framing, ['single-object', 'none']);
  if (framing === 'none' && earlier.length > 0) {
    throw new MillraceError(
      'INVALID',
      "avro() with framing 'none' can't have `earlier`: nothing in a value says which schema it " +
        'was written with. Leave out one of them.',
    );
  }
  const library = loadAvro();
  const type = parseSchema(library, schema, 'What is given to avro()');
  const writers = earlier.map((each) => parseSchema(library, each, 'One of `earlier` of avro()'));
  const hasHeader = framing === 'single-object';
  const codec = codecOf({ library, type, writers: [type, ...writers], hasHeader });
  return codec as Codec<Value>; // the type parameter is the caller's claim about the schema
}

interface AvroParts {
  readonly library: AvroLibrary;
  readonly type: AvroType;
  /** Its own type, then earlier ones. */
  readonly writers: readonly AvroType[];
  readonly hasHeader: boolean;
}

function codecOf(parts: AvroParts): Codec<unknown> {
  const { library, type, writers, hasHeader } = parts;
  const { typeName, name: ofType = typeName } = type;
  // Without a header, state must notice that the schema has changed.
  const name = hasHeader ? `avro ${ofType}` : `bare avro ${ofType} ${fingerprintText(type)}`;
  const check = checkOf(type);
  const write = writerOf(type, hasHeader ? headerOf(type) : noHeader);
  return {
    name,
    text: false,
    encode(value) {
      checkValue('Avro', check, value);
      return write(value);
    },
    check: (value) => checkValue('Avro', check, value),
    decode: readerOf({ ...parts, name }).decode,
    ...(hasMaps(type) ? { unfitForKeys: 'members of maps lie in the order they were set in' } : {}),
    select: (fields) =>
      readerOf({
        name: `${name} (${fields.join(', ')})`,
        type: selectFields(library, type, fields),
        writers,
        hasHeader,
      }),
  };
}

const noHeader = Buffer.alloc(0);

function headerOf(type: AvroType): Buffer {
  return Buffer.concat([Uint8Array.of(0xc3, 0x01), fingerprintOf(type)]);
}

function fingerprintText(type: AvroType): string {
  return fingerprintOf(type).toString('hex');
}

/** Bytes for values that are encoded one after another; each has its own part of them. */
const slabBytes = 16 * 1024;

function writerOf(type: AvroType, header: Buffer): (value: unknown) => Uint8Array {
  let slab = Buffer.alloc(0);
  let start = 0;
  return (value) => {
    let end = start + header.length;
    for (;;) {
      const room = slab.length - end;
      const written = room < 0 ? room : type.encode(value, slab, end);
      if (written >= 0) {
        end = written;
        break;
      }
      const needed = slab.length - start - written; // what there was, and what was missing
      slab = Buffer.allocUnsafeSlow(Math.max(slabBytes, needed));
      start = 0;
      end = header.length;
    }
    slab.set(header, start);
    const encoded = slab.subarray(start, end);
    start = end;
    return encoded;
  };
}

interface WriterSchema {
  readonly header: Buffer;
  /** Undefined where it is the schema that is read. */
  readonly resolver: AvroResolver | undefined;
}

function readerOf({
  name,
  type,
  writers,
  hasHeader,
}: Omit<AvroParts, 'library'> & { readonly name: string }): Decoder<unknown> {
  const schemas = writers.map((writer) => ({
    header: hasHeader ? headerOf(writer) : noHeader,
    resolver: writer === type ? undefined : resolverOf(type, writer),
  }));
  return {
    name,
    decode(bytes, start, end) {
      const { header, resolver } = schemaOf(schemas, name, bytes, start, end);
      const from = start + header.length;
      return read(type, name, bytes, from, end, resolver);
    },
  };
}

function resolverOf(type: AvroType, writer: AvroType): AvroResolver {
  try {
    return type.createResolver(writer);
  } catch (cause) {
    throw new MillraceError(
      'INVALID',
      `The schema of avro() can't read one of \`earlier\`: ${messageOf(cause)}. Give new fields ` +
        'a default, and renamed ones an alias.',
      { cause },
    );
  }
}

function schemaOf(
  schemas: readonly WriterSchema[],
  name: string,
  bytes: Uint8Array,
  start: number,
  end: number,
): WriterSchema {
  for (const schema of schemas) if (startsWith(bytes, start, end, schema.header)) return schema;
  const hasHeader = bytes[start] === 0xc3 && bytes[start + 1] === 0x01 && end - start >= 10;
  const fingerprint = Buffer.from(bytes.subarray(start + 2, start + 10)).toString('hex');
  throw new MillraceError(
    'DECODE',
    hasHeader
      ? `The value was written with a schema that ${name} does not know (fingerprint ` +
          `${fingerprint}). Give that schema in \`earlier\` of avro().`
      : `These ${end - start} bytes do not begin with Avro's header. Read them with the codec ` +
          "they were written with; bare Avro has framing: 'none'.",
  );
}

function startsWith(bytes: Uint8Array, start: number, end: number, header: Buffer): boolean {
  if (end - start < header.length) return false;
  for (let i = 0; i < header.length; i++) if (bytes[start + i] !== header[i]) return false;
  return true;
}

function read(
  type: AvroType,
  name: string,
  bytes: Uint8Array,
  from: number,
  end: number,
  resolver: AvroResolver | undefined,
): unknown {
  let why: string;
  try {
    const { value, offset } = type.decode(bufferOf(bytes), from, resolver);
    if (offset === end) return value;
    why = offset > end || offset < 0 ? 'the value ends later' : 'the value ends earlier';
  } catch (cause) {
    why = messageOf(cause);
  }
  throw new MillraceError(
    'DECODE',
    `These ${end - from} bytes are not what ${name} writes (${why}). Use the schema they were ` +
      'written with.',
  );
}

function bufferOf(bytes: Uint8Array): Buffer {
  if (bytes instanceof Buffer) return bytes;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

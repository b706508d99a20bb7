/**
 * Protocol Buffers: numbered fields, so that readers pass over those that they do not know.
 *
 * The bytes do not say of which message they are: those of another one are refused only where a
 * field ends in the wrong place.
 */
import { checkOptions, MillraceError, messageOf } from '../platform/index.ts';
import { checkValue } from './checks.ts';
import type { Codec } from './codec.ts';
import {
  loadProtobuf,
  type ProtobufLibrary,
  type ProtobufRoot,
  type ProtobufType,
} from './protobuf-library.ts';
import { ProtobufShapes, type ProtobufValues } from './protobuf-values.ts';
import { checkReplaced } from './replaced-text.ts';

export interface ProtobufOptions {
  /**
   * The text of a .proto file, a JSON descriptor of protobufjs, or a Root of protobufjs, which may
   * have loaded several files.
   */
  readonly schema: string | object;
  /** The message that a value is: its name, with the package if there is one. */
  readonly message: string;
}

/**
 * Protocol Buffers, by the package protobufjs. The type is the caller's word for what the message
 * says; each value is checked against it when it is written.
 *
 * Fields have the names of protobufjs: `first_name` in a .proto is `firstName`. Those of 64 bits
 * are numbers, up to 2^53 - 1; `bytes` are Buffers; enums are their numbers. A value has all fields
 * but those that know whether they were set: messages, `optional`, members of a `oneof`.
 *
 * @example
 * const bids = topic('bids', {
 *   key: string(),
 *   value: protobuf<Bid>({
 *     schema: 'syntax = "proto3"; message Bid { int64 auction = 1; int64 price = 2; }',
 *     message: 'Bid',
 *   }),
 * });
 */
export function protobuf<Value>(options: ProtobufOptions): Codec<Value> {
  checkOptions('protobuf()', options, ['schema', 'message']);
  const type = typeOf(options);
  const shapes = new ProtobufShapes();
  const values = shapes.of(type);
  return codecOf(type, values, shapes) as Codec<Value>; // the type parameter is the caller's claim
}

function codecOf(
  type: ProtobufType,
  { check, plainOf }: ProtobufValues,
  { hasMaps, hasBytes }: ProtobufShapes,
): Codec<unknown> {
  const name = `protobuf ${type.fullName.replace(/^\./, '')}`;
  return {
    name,
    text: false,
    encode(value) {
      checkValue('Protobuf', check, value);
      return type.encode(value as object).finish(); // a record, as was checked
    },
    check: (value) => checkValue('Protobuf', check, value),
    decode(bytes, start, end) {
      const part = bytes.subarray(start, end);
      const value = read(name, () => plainOf(type.decode(hasBytes ? Buffer.from(part) : part)));
      checkReplaced('Protobuf', value, bytes, start, end);
      return value;
    },
    ...(hasMaps ? { unfitForKeys: 'members of maps lie in the order they were set in' } : {}),
  };
}

function read(name: string, decode: () => unknown): unknown {
  try {
    return decode();
  } catch (cause) {
    throw new MillraceError(
      'DECODE',
      `These bytes are not what ${name} writes (${messageOf(cause)}). Use the codec they were ` +
        'written with.',
      { cause },
    );
  }
}

function typeOf({ schema, message }: ProtobufOptions): ProtobufType {
  try {
    const root = isRoot(schema) ? schema : rootOf(loadProtobuf(), schema);
    root.resolveAll();
    return root.lookupType(message);
  } catch (cause) {
    if (cause instanceof MillraceError) throw cause;
    throw new MillraceError(
      'INVALID',
      `protobuf() can't make the message ${JSON.stringify(message)}: ${messageOf(cause)}. A ` +
        'schema of several files is loaded with loadSync() of protobufjs, and given as its Root.',
      { cause },
    );
  }
}

function isRoot(schema: string | object): schema is ProtobufRoot {
  return typeof schema === 'object' && 'lookupType' in schema;
}

function rootOf({ parse, Root, common }: ProtobufLibrary, schema: string | object): ProtobufRoot {
  if (typeof schema === 'object') return Root.fromJSON(schema);
  const { root, imports = [] } = parse(schema);
  for (const file of imports) {
    const known = common.get(file);
    if (known !== null) root.addJSON(known.nested);
  }
  return root;
}

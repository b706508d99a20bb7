/**
 * Between messages of protobufjs and plain values: what a message type takes and gives back equal,
 * and the plain object of what was decoded.
 *
 * | field | in a value |
 * |---|---|
 * | `repeated`, `map` | always there, if empty; names of maps are strings |
 * | a message, `optional`, a member of a `oneof` | there if it was set |
 * | any other | always there; a default takes no bytes |
 */
import { MillraceError } from '../platform/index.ts';
import {
  type Check,
  checkBoolean,
  checkBuffer,
  checkDouble,
  checkFloat,
  checkList,
  checkMap,
  checkOneOf,
  checkRecord,
  checkText,
  checkThat,
  checkWhole,
} from './checks.ts';
import {
  isEnum,
  type ProtobufEnum,
  type ProtobufField,
  type ProtobufMessage,
  type ProtobufType,
} from './protobuf-library.ts';

const int = checkWhole('int32', -(2 ** 31), 2 ** 31 - 1);
const unsigned = checkWhole('uint32', 0, 2 ** 32 - 1);
const { MAX_SAFE_INTEGER: safeMax } = Number;
const long = checkWhole('int64', -safeMax, safeMax);
const unsignedLong = checkWhole('uint64', 0, safeMax);

interface Scalar {
  readonly check: Check;
  /** Makes the value of a field that is not there. */
  readonly empty: () => unknown;
}

const zero = () => 0;

const scalars: Readonly<Record<string, Scalar>> = {
  int32: { check: int, empty: zero },
  sint32: { check: int, empty: zero },
  sfixed32: { check: int, empty: zero },
  uint32: { check: unsigned, empty: zero },
  fixed32: { check: unsigned, empty: zero },
  int64: { check: long, empty: zero },
  sint64: { check: long, empty: zero },
  sfixed64: { check: long, empty: zero },
  uint64: { check: unsignedLong, empty: zero },
  fixed64: { check: unsignedLong, empty: zero },
  float: { check: checkFloat, empty: zero },
  double: { check: checkDouble, empty: zero },
  bool: { check: checkBoolean, empty: () => false },
  string: { check: checkText, empty: () => '' },
  bytes: { check: checkBuffer, empty: () => Buffer.alloc(0) },
};

/** protobufjs writes and reads no deeper. */
const levelsMax = 100;

export interface ProtobufValues {
  readonly check: Check;
  plainOf(message: ProtobufMessage): object;
}

interface FieldParts {
  readonly check: Check;
  /** Makes the value of what was decoded. */
  readonly plain: (decoded: unknown) => unknown;
}

/** Makes both for a type, and for those in it, each once: a message may hold itself. */
export class ProtobufShapes {
  readonly #known = new Map<ProtobufType, ProtobufValues>();
  /** Whether one of the types has a map, or bytes. */
  hasMaps = false;
  hasBytes = false;

  of(type: ProtobufType): ProtobufValues {
    const known = this.#known.get(type);
    if (known !== undefined) return known;
    let made: ProtobufValues | undefined;
    const later: ProtobufValues = {
      check: (value, depth) => made?.check(value, depth),
      plainOf: (message) => made?.plainOf(message) ?? {},
    };
    this.#known.set(type, later);
    made = this.#make(type);
    this.#known.set(type, made);
    return made;
  }

  #make(type: ProtobufType): ProtobufValues {
    const fields = type.fieldsArray.map((field) => ({ field, ...this.#field(type, field) }));
    const checks = fields.map(({ field, check }) => {
      return { name: field.name, check, optional: mayBeMissing(field) && !field.required };
    });
    const name = type.fullName.replace(/^\./, '');
    const readers = fields.map(({ field, read }) => ({ name: field.name, read }));
    return {
      check: checkOneofs(type, checkRecord(name, checks, levelsMax)),
      plainOf(message) {
        const plain: Record<string, unknown> = {};
        for (const each of readers) {
          const value = each.read(message);
          if (value !== undefined) plain[each.name] = value;
        }
        return plain;
      },
    };
  }

  #field(
    type: ProtobufType,
    field: ProtobufField,
  ): { readonly check: Check; readonly read: (message: ProtobufMessage) => unknown } {
    const { name, repeated, map } = field;
    const { check, plain } = this.#parts(field);
    if (map) return this.#map(type, field, { check, plain });
    if (repeated) {
      const read = (message: ProtobufMessage) =>
        Object.hasOwn(message, name) ? (message[name] as readonly unknown[]).map(plain) : [];
      return { check: checkList(check), read };
    }
    const empty = mayBeMissing(field) ? () => undefined : emptyOf(field);
    const read = (message: ProtobufMessage) =>
      Object.hasOwn(message, name) ? plain(message[name]) : empty();
    return { check, read };
  }

  #map(type: ProtobufType, { name, keyType = '' }: ProtobufField, { check, plain }: FieldParts) {
    this.hasMaps = true;
    const names = namesOfMap[keyType];
    if (names === undefined) {
      throw new MillraceError(
        'INVALID',
        `protobuf(): field ${name} of ${type.fullName} is a map by ${keyType}, which protobufjs ` +
          'does not give as text. Use a map by string, or a repeated message.',
      );
    }
    const read = (message: ProtobufMessage) => {
      const members = Object.entries((message[name] ?? {}) as object);
      return Object.fromEntries(members.map(([key, value]) => [key, plain(value)]));
    };
    return { check: checkMap(check, names), read };
  }

  /** Of a single value of the field. */
  #parts({ name, type, resolvedType }: ProtobufField): FieldParts {
    if (resolvedType === null) {
      const scalar = scalars[type];
      if (scalar === undefined)
        throw new MillraceError('INVALID', `protobuf() has no type ${type}`);
      if (type === 'bytes') this.hasBytes = true;
      return { check: scalar.check, plain: type.endsWith('64') ? numberOf(name) : asItIs };
    }
    if (isEnum(resolvedType)) return { check: checkEnum(resolvedType), plain: asItIs };
    const values = this.of(resolvedType);
    return {
      check: values.check,
      plain: (message) => values.plainOf(message as ProtobufMessage), // decoded as that type
    };
  }
}

/** A message that is not there is not one without fields. */
function mayBeMissing({ repeated, map, hasPresence, resolvedType }: ProtobufField): boolean {
  if (repeated || map) return false;
  return hasPresence || (resolvedType !== null && !isEnum(resolvedType));
}

/** Whole numbers of 32 bits and booleans are written in one way only. */
const namesOfMap: Readonly<Record<string, Check>> = {
  string: checkText,
  bool: checkOneOf(['true', 'false'], 'bool'),
  ...Object.fromEntries(
    ['int32', 'sint32', 'sfixed32', 'uint32', 'fixed32'].map((type) => [
      type,
      checkWholeName(type),
    ]),
  ),
};

function checkWholeName(type: string): Check {
  const { check } = scalars[type] as Scalar; // those above
  return checkThat(
    `a whole number (${type}) as text`,
    (name) => String(Number(name)) === name && check(Number(name), 0) === undefined,
  );
}

function emptyOf({ type, typeDefault }: ProtobufField): () => unknown {
  const scalar = scalars[type];
  return scalar === undefined ? () => typeDefault : scalar.empty; // an enum has a first value
}

function checkEnum({ name, values, _features }: ProtobufEnum): Check {
  return _features.enum_type === 'CLOSED' ? checkOneOf(Object.values(values), name) : int;
}

/** At most one member of a oneof can be written: of several, the last one would stay. */
function checkOneofs(type: ProtobufType, check: Check): Check {
  const members = type.fieldsArray.flatMap(({ name, partOf }) =>
    partOf === null ? [] : [{ name, of: partOf.name }],
  );
  if (members.length === 0) return check;
  return (value, depth) => {
    const fault = check(value, depth);
    if (fault !== undefined) return fault;
    const set = new Set<string>();
    for (const { name, of } of members) {
      if (!Object.hasOwn(value as object, name)) continue; // a record, as was checked
      if (set.has(of)) {
        return { path: `.${name}`, what: `can't be set beside another of ${of}: leave one out` };
      }
      set.add(of);
    }
    return undefined;
  };
}

function asItIs(decoded: unknown): unknown {
  return decoded;
}

interface Long {
  toNumber(): number;
}

function numberOf(name: string): (decoded: unknown) => number {
  return (decoded) => {
    // What is no number is a Long of its package.
    const number = typeof decoded === 'number' ? decoded : (decoded as Long).toNumber();
    if (Number.isSafeInteger(number)) return number + 0; // no -0
    throw new Error(`${name} is about ${number}, more than a number holds exactly`);
  };
}

/**
 * Types of avsc, made strict. The library trusts the bytes that it reads: it takes what is not
 * UTF-8 for text, changes the sign of whole numbers below -2^52, and reads as many items as a
 * damaged count says. Here such bytes are refused. Text is also written with one call less.
 *
 * Types are subclasses that `typeHook` puts in the place of the library's own. What they override
 * is not in its documentation, but has been as it is since version 5.0; a package of another
 * version than 5.7 is not taken (package.json).
 */
import type { AvroType } from './avro-library.ts';
import { ShortTexts } from './short-texts.ts';
import { utf8Of } from './utf8.ts';

/**
 * Bytes and a position in them. Reading behind their end gives nonsense, which is noticed later.
 */
export interface Tap {
  readonly buf: Buffer;
  pos: number;
  readLong(): number;
}

/** What the library calls to read, skip and write, and what it asks to resolve schemas. */
interface InnerType extends AvroType {
  _read(tap: Tap): unknown;
  _skip(tap: Tap): void;
  _write(tap: Tap, value: unknown): void;
  _update(resolver: Resolver, writer: AvroType, options: object): void;
}

/** Types without options, and those that are made of a schema. */
type SimpleType = new () => InnerType;
type MadeType = new (schema: object, options: object) => InnerType;

interface Resolver {
  _read: (tap: Tap) => unknown;
}

export interface LibraryTypes {
  readonly IntType: SimpleType;
  readonly LongType: SimpleType;
  readonly FloatType: SimpleType;
  readonly DoubleType: SimpleType;
  readonly StringType: SimpleType;
  readonly ArrayType: MadeType;
  readonly MapType: MadeType;
}

/** A type in place of the library's own for a schema; undefined: its own. */
export type TypeHook = (schema: unknown, options: object) => AvroType | undefined;

/** Beyond it the library can't tell a whole number from its neighbours. */
export const wholeMax: number = 2 ** 52 - 1;

export function strictTypes(library: LibraryTypes): TypeHook {
  const simple: Readonly<Record<string, SimpleType>> = {
    int: strictInt(library),
    long: strictLong(library),
    float: strictReal(library.FloatType),
    double: strictReal(library.DoubleType),
    string: strictText(library),
  };
  const made: Readonly<Record<string, MadeType>> = {
    array: strictArray(library),
    map: strictMap(library),
  };
  return (schema, options) => {
    const kind: unknown = typeof schema === 'string' ? schema : Object(schema).type;
    if (typeof kind !== 'string') return undefined;
    const Simple = simple[kind];
    if (Simple !== undefined) return new Simple();
    const Made = typeof schema === 'string' ? undefined : made[kind];
    return Made === undefined ? undefined : new Made(schema as object, options); // no text
  };
}

function strictInt({ IntType }: LibraryTypes): SimpleType {
  return class extends IntType {
    override _read(tap: Tap): number {
      const value = tap.readLong();
      if (value !== (value | 0)) throw new Error(`${value} is no whole number of 32 bits`);
      return value;
    }
  };
}

function strictLong({ LongType }: LibraryTypes): SimpleType {
  return class extends LongType {
    override _read(tap: Tap): number {
      return readWhole(tap);
    }
  };
}

/** Reads what was a whole number before. */
function strictReal(RealType: SimpleType): SimpleType {
  return class extends RealType {
    override _update(resolver: Resolver, writer: AvroType, options: object): void {
      if (writer.typeName === 'long') resolver._read = readWhole;
      else super._update(resolver, writer, options);
    }
  };
}

function readWhole(tap: Tap): number {
  const value = tap.readLong();
  if (value >= -wholeMax && value <= wholeMax) return value;
  throw new Error(`there is a whole number of more than ${wholeMax}, or less than ${-wholeMax}`);
}

/** Texts up to this length have their length in one byte, if they are ASCII. */
const shortMax = 63;
/** And these have it in two, whatever they are: at most three bytes for each unit. */
const mediumMax = Math.floor((2 ** 13 - 1) / 3);

/** Part of every Buffer, but missing from its types. */
interface Utf8Write {
  utf8Write(text: string, position: number): number;
}

function strictText({ StringType }: LibraryTypes): SimpleType {
  const texts = new ShortTexts();
  return class extends StringType {
    override _read(tap: Tap): string {
      const length = checkedLength(tap, tap.readLong());
      const start = tap.pos;
      tap.pos = start + length;
      return texts.of(tap.buf, start, tap.pos);
    }

    /** Half of the library's time: 35 ns for 20 or 70 characters. */
    override _write(tap: Tap, value: string): void {
      const { length } = value;
      const isShort = length <= shortMax;
      const fits = tap.pos + 2 + 3 * length <= tap.buf.length;
      if (fits && isShort && writeAscii(tap, value)) return;
      if (fits && !isShort && length <= mediumMax) writeMedium(tap, value);
      else super._write(tap, value);
    }
  };
}

/** False where it is not ASCII. */
function writeAscii(tap: Tap, value: string): boolean {
  const { buf, pos } = tap;
  for (let i = 0; i < value.length; i++) {
    const unit = value.charCodeAt(i);
    if (unit > 0x7f) return false;
    buf[pos + 1 + i] = unit;
  }
  buf[pos] = value.length << 1;
  tap.pos = pos + 1 + value.length;
  return true;
}

function writeMedium(tap: Tap, value: string): void {
  const { buf, pos } = tap;
  const writer = buf as unknown as Utf8Write; // see the interface
  const bytes = writer.utf8Write(value, pos + 2);
  buf[pos] = ((bytes << 1) & 0x7f) | 0x80;
  buf[pos + 1] = bytes >> 6;
  tap.pos = pos + 2 + bytes;
}

function readText(tap: Tap): string {
  const length = checkedLength(tap, tap.readLong());
  const end = tap.pos + length;
  const text = utf8Of(tap.buf, tap.pos, end);
  tap.pos = end;
  return text;
}

/** Arrays and maps are blocks of a count and so many items; a count of 0 ends them. */
function strictArray({ ArrayType }: LibraryTypes): MadeType {
  return class extends ArrayType {
    constructor(schema: object, options: object) {
      super(schema, options);
      if (takesNoBytes(this.itemsType)) {
        throw new Error('its items take no bytes, so that nothing limits how many there are');
      }
    }

    override _read(tap: Tap): unknown {
      const items = this.itemsType as InnerType; // an array has them
      const list: unknown[] = [];
      for (let left = readCount(tap); left > 0; left = readCount(tap)) {
        for (; left > 0; left--) list.push(items._read(tap));
      }
      return list;
    }

    override _skip(tap: Tap): void {
      const items = this.itemsType as InnerType; // likewise
      skipBlocks(tap, () => items._skip(tap));
    }
  };
}

function strictMap({ MapType }: LibraryTypes): MadeType {
  return class extends MapType {
    override _read(tap: Tap): unknown {
      const values = this.valuesType as InnerType; // a map has them
      const map: Record<string, unknown> = {};
      for (let left = readCount(tap); left > 0; left = readCount(tap)) {
        for (; left > 0; left--) {
          const name = readText(tap);
          if (name === '__proto__') throw new Error('a map has the name __proto__');
          map[name] = values._read(tap);
        }
      }
      return map;
    }

    override _skip(tap: Tap): void {
      const values = this.valuesType as InnerType; // likewise
      skipBlocks(tap, () => {
        skipBytes(tap);
        values._skip(tap);
      });
    }
  };
}

/** Each item takes a byte or more, so that a count is limited by the bytes that are left. */
function readCount(tap: Tap): number {
  const count = tap.readLong();
  if (count >= 0) return checkedLength(tap, count);
  tap.readLong(); // the bytes of the block, for those who skip it
  return checkedLength(tap, -count);
}

function skipBlocks(tap: Tap, skipItem: () => void): void {
  for (;;) {
    const count = tap.readLong();
    if (count === 0) return;
    if (count < 0) skipBytes(tap);
    else for (let left = checkedLength(tap, count); left > 0; left--) skipItem();
  }
}

/** A length, and so many bytes. */
function skipBytes(tap: Tap): void {
  const length = checkedLength(tap, tap.readLong());
  tap.pos += length;
}

function checkedLength({ buf, pos }: Tap, length: number): number {
  if (length >= 0 && length <= buf.length - pos) return length;
  throw new Error(`there are no ${length} bytes more`);
}

/** A record that is still being made has the array in it that asks. */
function takesNoBytes(type: AvroType | undefined): boolean {
  if (type?.typeName === 'null' || type?.size === 0) return true;
  return type?.fields?.every((field) => takesNoBytes(field.type)) ?? false;
}

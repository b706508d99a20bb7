/**
 * What is used of avsc. Its own declarations say `any` for most of it, and lack what differs
 * between kinds of types.
 */
import { type LibraryTypes, strictTypes, type TypeHook } from './avro-types.ts';
import { loadPackage } from './optional-package.ts';

export interface AvroType {
  /** `record`, `int`, `union:unwrapped`, ... */
  readonly typeName: string;
  readonly name?: string;
  /** What a union calls it. */
  readonly branchName?: string;
  /** Of records. */
  readonly fields?: readonly AvroField[];
  readonly recordConstructor?: { prototype: object };
  /** Of arrays, maps, unions, enums and fixed bytes. */
  readonly itemsType?: AvroType;
  readonly valuesType?: AvroType;
  readonly types?: readonly AvroType[];
  readonly symbols?: readonly string[];
  readonly size?: number;
  schema(options?: { readonly exportAttrs: boolean }): unknown;
  /** The position behind what was written; if it is negative, so many bytes were missing. */
  encode(value: unknown, bytes: Buffer, position: number): number;
  /** The position behind what was read is -1 where bytes were missing. */
  decode(
    bytes: Buffer,
    position: number,
    resolver: AvroResolver | undefined,
  ): { readonly value: unknown; readonly offset: number };
  /** Fails where this type can't read what `writer` wrote. */
  createResolver(writer: AvroType): AvroResolver;
  /** The value as a union has it that calls its branches by name; null for null. */
  wrap(value: unknown): object | null;
}

export interface AvroField {
  readonly name: string;
  readonly type: AvroType;
}

/** Opaque: how one type reads what another wrote. */
export type AvroResolver = object;

interface Package {
  readonly Type: { forSchema(schema: unknown, options: { readonly typeHook: TypeHook }): AvroType };
  readonly types: LibraryTypes;
}

export interface AvroLibrary {
  /** Fails where it is no schema. Types in it are strict. */
  typeOf(schema: unknown): AvroType;
}

/** Fails with `INVALID` where the package is not installed. */
export function loadAvro(): AvroLibrary {
  const { Type, types } = loadPackage('avro()', 'avsc') as Package; // require is untyped
  const typeHook = strictTypes(types);
  return { typeOf: (schema) => Type.forSchema(schema, { typeHook }) };
}

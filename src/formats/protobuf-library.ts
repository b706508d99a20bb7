/** What is used of protobufjs; its own declarations say `any` where it matters. */
import { loadPackage } from './optional-package.ts';

export interface ProtobufType {
  /** With the package, and a dot before it. */
  readonly fullName: string;
  readonly fieldsArray: readonly ProtobufField[];
  encode(message: object): { finish(): Uint8Array };
  decode(bytes: Uint8Array): ProtobufMessage;
}

/** As decoded: fields that were there are its own, the defaults of others are inherited. */
export type ProtobufMessage = Readonly<Record<string, unknown>>;

export interface ProtobufField {
  readonly name: string;
  /** `int64`, `string`, ...; the name of a message or enum. */
  readonly type: string;
  readonly resolvedType: ProtobufType | ProtobufEnum | null;
  readonly repeated: boolean;
  readonly map: boolean;
  /** Of the names in a map. */
  readonly keyType?: string;
  readonly required: boolean;
  /** Whether a message tells a field that is missing from one with the default. */
  readonly hasPresence: boolean;
  /** The oneof that it belongs to. */
  readonly partOf: { readonly name: string } | null;
  readonly typeDefault: unknown;
}

export interface ProtobufEnum {
  readonly name: string;
  readonly values: Readonly<Record<string, number>>;
  /** Closed ones lose values that they do not know. Not in the package's documentation. */
  readonly _features: { readonly enum_type: 'OPEN' | 'CLOSED' };
}

export interface ProtobufRoot {
  resolveAll(): unknown;
  lookupType(name: string): ProtobufType;
}

export interface ProtobufLibrary {
  /** The files of Google that the package brings. */
  readonly common: { get(file: string): { readonly nested: object } | null };
  readonly Root: { fromJSON(descriptor: object): ProtobufRoot };
  parse(text: string): {
    readonly root: ProtobufRoot & { addJSON(nested: object): unknown };
    readonly imports?: readonly string[];
  };
}

/** Fails with `INVALID` where it is not installed. */
export function loadProtobuf(): ProtobufLibrary {
  return loadPackage('protobuf()', 'protobufjs') as ProtobufLibrary; // require is untyped
}

export function isEnum(type: ProtobufType | ProtobufEnum): type is ProtobufEnum {
  return 'values' in type;
}

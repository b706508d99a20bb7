/** Which values an Avro schema takes and gives back equal. */
import { assert } from '../platform/index.ts';
import type { AvroType } from './avro-library.ts';
import { wholeMax } from './avro-types.ts';
import {
  type Check,
  checkBoolean,
  checkBuffer,
  checkBufferOf,
  checkDouble,
  checkFloat,
  checkList,
  checkMap,
  checkNull,
  checkOneOf,
  checkRecord,
  checkText,
  checkThat,
  checkWhole,
} from './checks.ts';

const intMax = 2 ** 31 - 1;

const primitives: Readonly<Record<string, Check>> = {
  null: checkNull,
  boolean: checkBoolean,
  int: checkWhole('int', -intMax - 1, intMax),
  long: checkWhole('long', -wholeMax, wholeMax),
  float: checkFloat,
  double: checkDouble,
  string: checkText,
  bytes: checkBuffer,
};

export function checkOf(type: AvroType): Check {
  return new AvroChecks().of(type);
}

/** Remembers the checks of types, because a record may hold itself. */
class AvroChecks {
  readonly #known = new Map<AvroType, Check>();

  of(type: AvroType): Check {
    const known = this.#known.get(type);
    if (known !== undefined) return known;
    let made: Check | undefined;
    this.#known.set(type, (value, depth) => made?.(value, depth));
    made = this.#make(type);
    this.#known.set(type, made);
    return made;
  }

  #make(type: AvroType): Check {
    const { typeName, name = typeName, fields, itemsType, valuesType, symbols, size } = type;
    const primitive = primitives[typeName];
    if (primitive !== undefined) return primitive;
    if (itemsType !== undefined) return checkList(this.of(itemsType));
    if (valuesType !== undefined) return checkMap(this.of(valuesType));
    if (symbols !== undefined) return checkOneOf(symbols, name);
    if (size !== undefined) return checkBufferOf(size);
    if (type.types !== undefined) return this.#union(type.types, typeName);
    assert(fields !== undefined, `Avro has no type ${typeName}`);
    const checks = fields.map((field) => {
      return { name: field.name, check: this.of(field.type), optional: false };
    });
    return checkRecord(name, checks);
  }

  #union(types: readonly AvroType[], typeName: string): Check {
    const wanted = types.map(({ branchName }) => branchName).join(' or ');
    const none = checkThat(wanted, () => false);
    const isNamed = typeName === 'union:wrapped';
    const branches = new Map(
      types.map((type) =>
        isNamed ? [type.branchName, this.#branch(type)] : [kindOfType(type), this.of(type)],
      ),
    );
    const nameOf = isNamed ? nameOfBranch : kindOfValue;
    return (value, depth) => (branches.get(nameOf(value)) ?? none)(value, depth);
  }

  /** `{ long: 1 }`: unions whose members look alike have the name of the member around it. */
  #branch(type: AvroType): Check {
    const { branchName = '' } = type;
    if (branchName === 'null') return checkNull;
    return checkRecord(`{ ${branchName}: ... }`, [
      { name: branchName, check: this.of(type), optional: false },
    ]);
  }
}

/** A union without names has at most one member of each kind. */
function kindOfType({ typeName }: AvroType): string {
  switch (typeName) {
    case 'int':
    case 'long':
    case 'float':
    case 'double':
      return 'number';
    case 'bytes':
    case 'fixed':
      return 'buffer';
    case 'enum':
      return 'string';
    case 'map':
    case 'record':
    case 'error':
      return 'object';
    default:
      return typeName;
  }
}

function nameOfBranch(value: unknown): string | undefined {
  if (value === null) return 'null';
  const names = typeof value === 'object' ? Object.keys(value) : [];
  return names.length === 1 ? names[0] : undefined;
}

function kindOfValue(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value !== 'object') return typeof value;
  if (Array.isArray(value)) return 'array';
  return Buffer.isBuffer(value) ? 'buffer' : 'object';
}

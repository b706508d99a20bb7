/**
 * Plain values: null, booleans, strings, finite numbers, and arrays and objects of these. They are
 * what JSON gives back equal; everything else it changes in silence: a Date becomes a string, a Map
 * {}, NaN null, and undefined is left out.
 *
 * Not looked at, since looking costs more than JSON.stringify: properties that are not enumerable,
 * or have a symbol for a name, and named properties of arrays.
 */

/** Deeper values are refused: they contain themselves, or would overflow the stack. */
export const depthMax = 500;

/** Whether JSON gives `value` back equal. A fifth of the cost of JSON.stringify. */
export function isPlain(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true;
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0);
    case 'object':
      if (value === null) return true;
      if (depth > depthMax || !isPlainContainer(value)) return false;
      return Array.isArray(value) ? isPlainArray(value, depth) : isPlainObject(value, depth);
    default:
      return false;
  }
}

/** Whether it is an array or an object that no class made; says nothing about what is in it. */
export function isPlainContainer(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (Array.isArray(value)) return prototype === Array.prototype;
  return prototype === Object.prototype || prototype === null;
}

function isPlainArray(value: readonly unknown[], depth: number): boolean {
  for (let i = 0; i < value.length; i++) {
    if (!isPlain(value[i], depth + 1)) return false;
  }
  return true;
}

function isPlainObject(value: object, depth: number): boolean {
  const record = value as Readonly<Record<string, unknown>>; // isPlainContainer
  for (const name in record) {
    if (!isPlain(record[name], depth + 1)) return false;
  }
  return true;
}

/**
 * The words for a value that `accepts` refuses: the first part of it that is at fault, what that
 * is, and what to do.
 */
export function refusalOf(
  value: unknown,
  accepts: (part: unknown, depth: number) => boolean,
): string {
  let path = '$';
  let part = value;
  for (let depth = 1; depth <= depthMax; depth++) {
    const depthOfMembers = depth;
    const refused = membersOf(part).find(([, member]) => !accepts(member, depthOfMembers));
    if (refused === undefined) return `${path} is ${kindOf(part)}: ${remedyFor(part)}`;
    path += refused[0];
    part = refused[1];
  }
  return `it nests deeper than ${depthMax} levels, or contains itself: store the parts by an id`;
}

function membersOf(value: unknown): [string, unknown][] {
  if (typeof value !== 'object' || value === null || !isPlainContainer(value)) return [];
  if (Array.isArray(value)) return Array.from(value, (item, i) => [`[${i}]`, item]);
  return Object.entries(value).map(([name, member]) => [step(name), member]);
}

/** `.name`, or `["odd name"]`. */
export function step(name: string): string {
  return /^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`;
}

/** What a value is, for messages: `a Date`, `NaN`, `null`. */
export function kindOf(value: unknown): string {
  if (Object.is(value, -0)) return '-0';
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  if (value === undefined || value === null) return String(value);
  if (typeof value !== 'object') return `a ${typeof value}`;
  if (isPlainContainer(value)) return Array.isArray(value) ? 'an array' : 'an object';
  const name: unknown = value.constructor?.name;
  return typeof name === 'string' && name !== '' ? `a ${name}` : 'an object of a class';
}

function remedyFor(value: unknown): string {
  if (typeof value === 'bigint') return 'store a string';
  if (value === undefined) return 'leave the property out, or use null';
  if (typeof value === 'number') return 'store null or another number';
  if (value instanceof Date) return 'store getTime(), or use another codec';
  if (value instanceof Map) return 'store [...map], or use another codec';
  if (value instanceof Set) return 'store [...set], or use another codec';
  if (value instanceof Uint8Array) return 'store base64 text, or use the bytes() codec';
  return 'store a plain object, array, string, number, boolean or null, or use another codec';
}

/**
 * MessagePack: JSON's values in fewer bytes, and bytes and dates besides. Objects are maps with the
 * names of their members, as every MessagePack library reads and writes them.
 */
import { MillraceError, messageOf } from '../platform/index.ts';
import { type Check, checkList, checkMap, checkText, wouldChange } from './checks.ts';
import type { Codec } from './codec.ts';
import { loadPackage } from './optional-package.ts';
import { kindOf } from './plain.ts';
import { checkReplaced } from './replaced-text.ts';

/** What is used of msgpackr. */
interface MessagePackLibrary {
  readonly Packr: new (options: object) => MessagePacker;
}

interface MessagePacker {
  pack(value: unknown): Buffer;
  unpack(bytes: Uint8Array, options: { readonly start: number; readonly end: number }): unknown;
}

/**
 * MessagePack, by the package msgpackr: plain values as in json(), and also NaN, infinite numbers,
 * Buffers and Dates. The type is the caller's word: what is decoded is not checked against it.
 *
 * @example
 * const bids = topic('bids', { key: string(), value: messagePack<Bid>() });
 */
export function messagePack<Value>(): Codec<Value> {
  const { Packr } = loadPackage('messagePack()', 'msgpackr') as MessagePackLibrary; // untyped
  const packer = new Packr({
    useRecords: false, // else only msgpackr reads it
    variableMapSize: true, // the shortest form, as the specification wants it
    copyBuffers: true, // else they are views of what was decoded
    int64AsType: 'auto', // numbers where they can be
    useToJSON: false, // members called so are data
  });
  return codecOf(packer) as Codec<Value>; // the type parameter is the caller's claim
}

function codecOf(packer: MessagePacker): Codec<unknown> {
  const check = (value: unknown): void => {
    const fault = checkPart(value, 0);
    if (fault !== undefined) throw wouldChange('MessagePack', fault);
  };
  // Decoded from bytes of its own: the library notes something in what it is given.
  let own = Buffer.alloc(0);
  return {
    name: 'message-pack',
    text: false,
    unfitForKeys: 'members of objects lie in the order they were set in',
    encode(value) {
      check(value);
      return packer.pack(value);
    },
    check,
    decode(bytes, start, end) {
      const length = end - start;
      if (own.length < length) own = Buffer.allocUnsafeSlow(2 * length);
      own.set(bytes.subarray(start, end));
      const value = unpack(packer, own, length);
      checkReplaced('MessagePack', value, bytes, start, end);
      return value;
    },
  };
}

function unpack(packer: MessagePacker, bytes: Buffer, length: number): unknown {
  let why: string;
  try {
    if (length === 0) throw new Error('there are none'); // the library takes 0 for the end of all
    const value = packer.unpack(bytes, { start: 0, end: length });
    const fault = checkPart(value, 0);
    if (fault === undefined) return value;
    why = `$${fault.path} ${fault.what}`;
  } catch (cause) {
    why = messageOf(cause);
  }
  throw new MillraceError(
    'DECODE',
    `These ${length} bytes are not what messagePack() writes (${why}). Use the codec they were ` +
      'written with.',
  );
}

/** Looks as isPlain() does, and takes what MessagePack keeps besides. */
const checkPart: Check = (value, depth) => {
  switch (typeof value) {
    case 'string':
      return checkText(value, depth);
    case 'boolean':
      return undefined;
    case 'number':
      return Object.is(value, -0) ? minusZero : undefined;
    case 'object':
      if (value === null || Buffer.isBuffer(value)) return undefined;
      if (value instanceof Date) return Number.isNaN(value.getTime()) ? noDate : undefined;
      return Array.isArray(value) ? checkItems(value, depth) : checkMembers(value, depth);
    default:
      return { path: '', what: `is ${kindOf(value)}: use another value, or another codec` };
  }
};

const minusZero = { path: '', what: 'is -0: use 0' };
const noDate = { path: '', what: 'is a Date of no time: use null' };
const checkItems = checkList(checkPart);
const checkMembers = checkMap(checkPart);

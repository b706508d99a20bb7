import protobufjs from 'protobufjs';
import { describe, expect, test } from 'vitest';
import { protobuf } from '../../src/formats/index.ts';
import { messages } from './protobuf-everything.ts';

interface Bid {
  readonly auction: number;
  readonly firstName: string;
  readonly note?: string;
}

const schema = `
  syntax = "proto3";
  message Bid { int64 auction = 1; string first_name = 2; optional string note = 3; }
`;
const codec = protobuf<Bid>({ schema, message: 'Bid' });

const decoded = (hex: string) => {
  const bytes = Buffer.from(hex, 'hex');
  return codec.decode(bytes, 0, bytes.length);
};

describe('protobuf writes and reads', () => {
  test('what other programs do', () => {
    const hex = '08e80712026164'; // field 1: 1000; field 2: 2 bytes, a and d
    const bid = { auction: 1000, firstName: 'ad' };
    expect(Buffer.from(codec.encode(bid)).toString('hex')).toBe(hex);
    expect(decoded(hex)).toStrictEqual(bid);
  });

  test('a field that is not there as its default, unless it says that it is missing', () => {
    expect(decoded('')).toStrictEqual({ auction: 0, firstName: '' });
    expect(decoded('1a00')).toStrictEqual({ auction: 0, firstName: '', note: '' });
  });

  test('over fields that the message does not have', () => {
    expect(decoded('080120052a036e6577')).toStrictEqual({ auction: 1, firstName: '' });
  });

  test('a replacement character that is meant', () => {
    const bytes = codec.encode({ auction: 1, firstName: '\ufffd' });
    expect(codec.decode(bytes, 0, bytes.length).firstName).toBe('\ufffd');
  });

  test('schemas as text, as descriptors, and as what was loaded', () => {
    const { root } = protobufjs.parse(schema);
    const bid = { auction: 7, firstName: 'a', note: 'n' };
    for (const each of [schema, root.toJSON(), root]) {
      const same = protobuf<Bid>({ schema: each, message: 'Bid' });
      const bytes = same.encode(bid);
      expect(same.decode(bytes, 0, bytes.length)).toStrictEqual(bid);
    }
  });

  test('the types of Google', () => {
    const timed = protobuf<unknown>({
      schema: `syntax = "proto3"; import "google/protobuf/timestamp.proto";
        message Timed { google.protobuf.Timestamp at = 1; }`,
      message: 'Timed',
    });
    const value = { at: { seconds: 5, nanos: 0 } };
    const bytes = timed.encode(value);
    expect(timed.decode(bytes, 0, bytes.length)).toStrictEqual(value);
  });

  test('proto2: required and optional fields, and enums that know all their values', () => {
    const old = protobuf<unknown>({
      schema: `syntax = "proto2"; enum Suit { HEARTS = 1; SPADES = 2; }
        message Card { required Suit suit = 1; optional int32 rank = 2 [default = 7]; }`,
      message: 'Card',
    });
    const bytes = old.encode({ suit: 2 });
    expect(old.decode(bytes, 0, bytes.length)).toStrictEqual({ suit: 2 });
    expect(() => old.encode({ suit: 3 })).toThrow('$.suit is 3, none of the values of Suit');
    expect(() => old.encode({ rank: 1 })).toThrow('$.suit is missing');
    expect(() => old.decode(Buffer.alloc(0), 0, 0)).toThrow("missing required 'suit'");
  });
});

describe('protobuf refuses to write what would not come back equal', () => {
  const all = protobuf<unknown>({ schema: messages, message: 'test.Everything' });
  const good = all.decode(Buffer.alloc(0), 0, 0) as object;

  test.each<[string, object, string]>([
    ['a field too many', { more: 1 }, '$.more is no field of test.Everything, and would be lost'],
    ['a missing field', { text: undefined }, '$.text is missing'],
    ['an optional field that is undefined', { maybe: undefined }, '$.maybe is undefined: leave'],
    ['null', { maybe: null }, '$.maybe is null, not a whole number'],
    ['a number that is not whole', { small: 1.5 }, '$.small is 1.5, not a whole number'],
    ['a negative number', { positive: -1 }, '$.positive is -1, not a whole number from 0'],
    ['a number beyond 64 bits of a number', { whole: 2 ** 53 }, '$.whole is 9007199254740992, not'],
    ['-0 as a whole number', { whole: -0 }, '$.whole is -0'],
    ['a number that 32 bits round', { single: 0.1 }, '$.single is 0.1, not a number of 32 bits'],
    ['bytes that are no Buffer', { raw: new Uint8Array(1) }, '$.raw is a Uint8Array, not a Buffer'],
    ['text for a number', { numbers: ['1'] }, '$.numbers[0] is a string'],
    ['a name of a map that is no number', { byNumber: { a: 1 } }, '$.byNumber.a has a name that'],
    [
      'one that is written otherwise',
      { byNumber: { '01': 1 } },
      '$.byNumber["01"] has a name that',
    ],
    ['two of a oneof', { id: 1, label: 'a' }, "$.label can't be set beside another of either"],
    ['an enum by its name', { suit: 'HEARTS' }, '$.suit is a string, not a whole number'],
  ])('%s', (_name, change, says) => {
    for (const call of [all.encode, all.check]) {
      expect(() => call?.({ ...good, ...change })).toThrow(
        expect.objectContaining({ code: 'ENCODE', message: expect.stringContaining(says) }),
      );
    }
    expect(() => all.encode(good)).not.toThrow();
  });

  test('what nests deeper than it reads, or contains itself', () => {
    interface Tree {
      label: string;
      branches: Tree[];
    }
    const trees = protobuf<Tree>({ schema: messages, message: 'test.Tree' });
    let tree: Tree = { label: 'leaf', branches: [] };
    for (let depth = 0; depth < 50; depth++) tree = { label: '', branches: [tree] };
    const bytes = trees.encode(tree);
    expect(trees.decode(bytes, 0, bytes.length)).toEqual(tree);
    tree.branches.push(tree);
    expect(() => trees.encode(tree)).toThrow('or contains itself');
  });
});

describe('protobuf refuses bytes', () => {
  test.each([
    ['that end in a field', '0880'],
    ['of a text that ends later', '120561'],
    ['with a number that no number holds', '08ffffffffffffffff7f'],
    ['with text that is not UTF-8', '120161ff'.replace('0161ff', '01ff')],
  ])('%s', (_name, hex) => {
    expect(() => decoded(hex)).toThrow(expect.objectContaining({ code: 'DECODE' }));
  });

  test('with text that is not UTF-8 in proto2, too', () => {
    const old = protobuf<unknown>({
      schema: 'syntax = "proto2"; message A { optional string text = 1; }',
      message: 'A',
    });
    expect(() => old.decode(Uint8Array.of(0x0a, 1, 0xff), 0, 3)).toThrow('not UTF-8');
  });
});

describe('protobuf refuses to be made', () => {
  test.each<[string, object, string]>([
    ['of no .proto', { schema: 'message {', message: 'A' }, "can't make the message"],
    ['of a message that there is not', { schema, message: 'Bit' }, 'no such'],
    [
      'of a type that there is not',
      { schema: 'syntax = "proto3"; message A { Missing m = 1; }', message: 'A' },
      'loadSync()',
    ],
    [
      'with a map by whole numbers of 64 bits',
      { schema: 'syntax = "proto3"; message A { map<int64, string> m = 1; }', message: 'A' },
      'Use a map by string',
    ],
    ['with an unknown option', { schema, type: 'Bid' }, 'no option "type"'],
  ])('%s', (_name, options, says) => {
    expect(() => protobuf(options as Parameters<typeof protobuf>[0])).toThrow(
      expect.objectContaining({ code: 'INVALID', message: expect.stringContaining(says) }),
    );
  });
});

import { describe, expect, test } from 'vitest';
import { loadAvro } from '../../src/formats/avro-library.ts';
import { fingerprintOf, parseSchema } from '../../src/formats/avro-schema.ts';
import { avro, json } from '../../src/formats/index.ts';
import { everything } from './avro-everything.ts';

interface Bid {
  readonly auction: number;
  readonly channel: string;
}

const schema = {
  type: 'record',
  name: 'Bid',
  fields: [
    { name: 'auction', type: 'long' },
    { name: 'channel', type: 'string' },
  ],
};

const bid: Bid = { auction: 1000, channel: 'ad' };

function again<Value>(
  writer: { encode(value: Value): Uint8Array },
  reader: Decoding,
  value: Value,
) {
  const bytes = writer.encode(value);
  return reader.decode(bytes, 0, bytes.length);
}

interface Decoding {
  decode(bytes: Uint8Array, start: number, end: number): unknown;
}

describe('avro writes', () => {
  test('what the specification says: header, zigzag, length and text', () => {
    const header = `c301${fingerprintText(schema)}`;
    const value = 'd00f046164'; // 1000 as 2000, 2 as 4, a and d
    expect(Buffer.from(avro<Bid>(schema).encode(bid)).toString('hex')).toBe(header + value);
    const bare = avro<Bid>(schema, { framing: 'none' });
    expect(Buffer.from(bare.encode(bid)).toString('hex')).toBe(value);
  });

  test('values larger than its buffers, between small ones', () => {
    const codec = avro<Bid>(schema);
    for (const length of [1, 100_000, 1, 16_000, 17_000, 2]) {
      const value = { auction: length, channel: 'x'.repeat(length) };
      expect(again(codec, codec, value)).toEqual(value);
    }
  });

  test('and reads plain objects, which other codecs take', () => {
    const nested = [
      'null',
      { ...schema, fields: [...schema.fields, { name: 'more', type: ['int', 'long', 'null'] }] },
      { type: 'record', name: 'Other', fields: [] },
    ];
    const codec = avro<unknown>({ type: 'array', items: nested });
    const value = [null, { Bid: { ...bid, more: { long: 1 } } }, { Other: {} }];
    const decoded = again(codec, codec, value);
    expect(decoded).toStrictEqual(value);
    expect(() => json().encode(decoded)).not.toThrow();
  });
});

// From share/test/data/schema-tests.txt of Apache Avro.
test.each([
  ['"null"', 7195948357588979594n],
  ['{"type":"int"}', 8247732601305521295n],
  ['string', -8142146995180207161n],
  ['["int","boolean"]', 5392556393470105090n],
  ['{"fields":[], "type":"record", "name":"foo"}', -4824392279771201922n],
  [
    '{"fields":[{"name":"f1", "type":"boolean", "doc":"x"}, {"name":"f2", "type":"int"}], ' +
      '"type":"record", "name":"foo"}',
    -4860222112080293046n,
  ],
  ['{"type":"enum", "name":"foo", "symbols":["A1"]}', -6342190197741309591n],
  ['{"type":"fixed", "name":"foo", "size":15}', 1756455273707447556n],
  ['{"values":"string", "type":"map"}', -8732877298790414990n],
  [
    '{"type":"record", "name":"PigValue", "fields":[{"name":"value", ' +
      '"type":["null", "int", "long", "PigValue"]}]}',
    -1759257747318642341n,
  ],
])('the fingerprint of %s is that of other libraries', (text, fingerprint) => {
  expect(fingerprintOf(parseSchema(loadAvro(), text, 'It')).readBigInt64LE()).toBe(fingerprint);
});

function fingerprintText(of: object): string {
  return fingerprintOf(parseSchema(loadAvro(), of, 'It')).toString('hex');
}

describe('avro reads what earlier schemas wrote', () => {
  const later = {
    type: 'record',
    name: 'Bid',
    fields: [
      { name: 'auction', type: 'double' },
      { name: 'source', aliases: ['channel'], type: 'string' },
      { name: 'tags', type: { type: 'array', items: 'string' }, default: ['none'] },
    ],
  };

  test('renamed, widened, and with defaults, each value as its header says', () => {
    const codec = avro<unknown>(later, { earlier: [schema] });
    expect(again(avro<Bid>(schema), codec, bid)).toStrictEqual({
      auction: 1000,
      source: 'ad',
      tags: ['none'],
    });
    const value = { auction: 0.5, source: 'web', tags: [] };
    expect(again(codec, codec, value)).toStrictEqual(value);
  });

  test('also where only some fields are selected', () => {
    const codec = avro<unknown>(later, { earlier: [schema] });
    const some = codec.select?.(['tags', 'auction']) as Decoding;
    expect(again(avro<Bid>(schema), some, bid)).toStrictEqual({ auction: 1000, tags: ['none'] });
  });

  test('a default that was read is not shared', () => {
    const codec = avro<{ tags: string[] }>(later, { earlier: [schema] });
    const first = again(avro<Bid>(schema), codec, bid) as { tags: string[] };
    first.tags.push('changed');
    expect(again(avro<Bid>(schema), codec, bid)).toMatchObject({ tags: ['none'] });
  });

  test('but not of one that it was not given, which it names', () => {
    const bytes = avro<Bid>(schema).encode(bid);
    expect(() => avro(later).decode(bytes, 0, bytes.length)).toThrow(
      expect.objectContaining({
        code: 'DECODE',
        message: expect.stringContaining(`(fingerprint ${fingerprintText(schema)})`),
      }),
    );
  });
});

describe('avro selects fields', () => {
  const codec = avro<unknown>(everything);
  const value = {
    nothing: null,
    flag: true,
    small: 1,
    whole: 2,
    single: 0.5,
    double: 0.1,
    text: 'text',
    raw: Buffer.from('raw'),
    four: Buffer.from('four'),
    suit: 'HEARTS',
    sameSuit: 'SPADES',
    list: ['a', 'b'],
    byName: { a: 1 },
    maybe: 'maybe',
    either: { int: 1 },
    tree: { label: 'root', branches: [{ label: 'leaf', branches: [] }] },
    at: 3,
  };

  test.each(Object.keys(value))('%s alone', (name) => {
    const some = codec.select?.([name]) as Decoding;
    expect(again(codec, some, value)).toStrictEqual({ [name]: value[name as keyof typeof value] });
  });

  test('and notices that bytes are missing, or too many, behind them', () => {
    const some = codec.select?.(['flag']) as Decoding;
    const bytes = Buffer.from(codec.encode(value));
    const longer = Buffer.concat([bytes, Buffer.from([0])]);
    for (const wrong of [bytes.subarray(0, -1), longer]) {
      expect(() => some.decode(wrong, 0, wrong.length)).toThrow(
        expect.objectContaining({ code: 'DECODE' }),
      );
    }
  });

  test('refuses a field that the schema does not have', () => {
    expect(() => avro(schema).select?.(['auction', 'price'])).toThrow(
      'the Avro schema Bid has no field "price"; it has auction, channel',
    );
  });
});

describe('avro refuses to write what would not come back equal', () => {
  const good = { flag: true, label: 'a', n: 1, single: 0.5, either: null, list: ['a'] };
  const codec = avro<unknown>({
    type: 'record',
    name: 'Some',
    fields: [
      { name: 'flag', type: 'boolean' },
      { name: 'label', type: 'string', default: 'none' },
      { name: 'n', type: 'int' },
      { name: 'single', type: 'float' },
      { name: 'either', type: ['null', 'bytes', { type: 'map', values: 'long' }] },
      { name: 'list', type: { type: 'array', items: 'string' } },
    ],
  });

  class Some {
    readonly flag = true;
  }

  test.each<[string, unknown, string]>([
    ['no record', [], '$ is an array, not Some'],
    ['an object of a class', new Some(), '$ is a Some, not Some'],
    ['a field too many', { ...good, m: 1 }, '$.m is no field of Some, and would be lost'],
    ['a field too many that is undefined', { ...good, m: undefined }, '$.m is no field of Some'],
    ['a missing field that has a default', { ...good, label: undefined }, '$.label is missing'],
    ['another type', { ...good, flag: 1 }, '$.flag is 1, not a boolean'],
    ['a number that is not whole', { ...good, n: 1.5 }, '$.n is 1.5, not a whole number'],
    ['one that is too large', { ...good, n: 2 ** 31 }, '$.n is 2147483648, not a whole number'],
    ['-0 as a whole number', { ...good, n: -0 }, '$.n is -0, not a whole number'],
    [
      'a number that 32 bits round',
      { ...good, single: 0.1 },
      '$.single is 0.1, not a number of 32',
    ],
    ['half of a surrogate pair', { ...good, label: '\ud800' }, '$.label is a string, not text'],
    ['what is of no type of a union', { ...good, either: 1 }, '$.either is 1, not null or bytes'],
    ['bytes that are no Buffer', { ...good, either: Uint8Array.of(1) }, '$.either is a Uint8Array'],
    [
      'a long too large',
      { ...good, either: { a: 2 ** 53 } },
      '$.either.a is 9007199254740992, not',
    ],
    ['an item of a list', { ...good, list: ['a', 1] }, '$.list[1] is 1, not text'],
    ['a hole in a list', { ...good, list: new Array(1) }, '$.list[0] is undefined, not text'],
    ['a reserved name', { ...good, either: JSON.parse('{"__proto__":1}') }, 'has a name that'],
  ])('%s', (_name, value, says) => {
    for (const call of [codec.encode, codec.check]) {
      expect(() => call?.(value)).toThrow(
        expect.objectContaining({ code: 'ENCODE', message: expect.stringContaining(says) }),
      );
    }
    expect(() => codec.encode(good)).not.toThrow();
  });

  test('what contains itself', () => {
    const lists = avro<unknown>({
      type: 'record',
      name: 'Lists',
      fields: [{ name: 'lists', type: { type: 'array', items: 'Lists' } }],
    });
    const circle: { lists: unknown[] } = { lists: [] };
    circle.lists.push(circle);
    expect(() => lists.encode(circle)).toThrow('or contains itself');
  });

  test('a member of a union without its name, where members look alike', () => {
    const union = avro<unknown>(['null', 'int', 'long']);
    expect(() => union.encode(1)).toThrow('$ is 1, not null or int or long');
    expect(() => union.encode({ int: 0.5 })).toThrow('$.int is 0.5, not a whole number');
  });
});

describe('avro refuses bytes', () => {
  test('that have no header', () => {
    const bytes = Buffer.from('{"auction":1,"channel":"ad"}');
    expect(() => avro(schema).decode(bytes, 0, bytes.length)).toThrow(
      "do not begin with Avro's header",
    );
  });

  test('that are not UTF-8, but no replacement character that is meant', () => {
    const codec = avro<string>('string', { framing: 'none' });
    expect(() => codec.decode(Uint8Array.of(4, 0x61, 0xff), 0, 3)).toThrow(
      expect.objectContaining({ code: 'DECODE', message: expect.stringContaining('not UTF-8') }),
    );
    expect(again(codec, codec, 'a\ufffd')).toBe('a\ufffd');
  });

  test('with a block of items that would lead back to where it began', () => {
    const fields = [
      { name: 'list', type: { type: 'array', items: 'int' } },
      { name: 'byName', type: { type: 'map', values: 'int' } },
      { name: 'n', type: 'int' },
    ];
    const codec = avro({ type: 'record', name: 'Some', fields }, { framing: 'none' });
    const some = codec.select?.(['n']) as Decoding;
    for (const bytes of [Uint8Array.of(1, 3, 0, 0, 0), Uint8Array.of(0, 1, 3, 0, 0)]) {
      for (const each of [codec, some]) {
        expect(() => each.decode(bytes, 0, bytes.length)).toThrow(
          expect.objectContaining({ code: 'DECODE' }),
        );
      }
    }
  });

  test('with a whole number beyond what numbers hold', () => {
    const bytes = Buffer.from('feffffffffffffffff01', 'hex');
    const codec = avro('long', { framing: 'none' });
    expect(() => codec.decode(bytes, 0, bytes.length)).toThrow(
      'a whole number of more than 4503599627370495',
    );
  });
});

describe('avro refuses to be made', () => {
  test.each<[string, () => unknown, string]>([
    ['of what is no schema', () => avro({ type: 'recrd' }), 'What is given to avro() is no Avro'],
    ['of text that is no JSON', () => avro('{"type":'), 'is no Avro schema'],
    ['of a name that nothing has', () => avro('Bid'), 'undefined type name: Bid'],
    [
      'with a field that JavaScript can’t have',
      () => avro({ type: 'record', name: 'A', fields: [{ name: '__proto__', type: 'int' }] }),
      '__proto__',
    ],
    [
      'with an earlier schema that it can’t read',
      () => avro({ ...schema, fields: [{ name: 'price', type: 'long' }] }, { earlier: [schema] }),
      "can't read one of `earlier`",
    ],
    [
      'with earlier schemas and no header',
      () => avro(schema, { framing: 'none', earlier: [schema] }),
      'Leave out one of them',
    ],
    ['with another framing', () => avro(schema, { framing: 'x' as 'none' }), "'single-object' or"],
    ['with an unknown option', () => avro(schema, { writer: schema } as object), 'no option'],
  ])('%s', (_name, make, says) => {
    expect(make).toThrow(
      expect.objectContaining({ code: 'INVALID', message: expect.stringContaining(says) }),
    );
  });
});

test('the schema that was given is not changed', () => {
  const given = structuredClone(everything);
  avro(given);
  expect(given).toEqual(everything);
});

import { describe, expect, test } from 'vitest';
import { json } from '../../src/formats/index.ts';

const codec = json<unknown>();

function roundTrip(value: unknown): unknown {
  const encoded = codec.encode(value);
  return codec.decode(encoded, 0, encoded.length);
}

describe('json gives back what it was given', () => {
  test.each([
    ['null', null],
    ['an empty object', {}],
    ['nested arrays and objects', { a: [1, { b: [[], null, true] }] }],
    ['the largest and smallest numbers', [Number.MAX_VALUE, Number.MIN_VALUE, -1e21, 0]],
    ['text outside of ASCII', 'Zürich 東京 🚀'],
    ['a replacement character that is meant', 'a\ufffdb'],
    ['half of a surrogate pair, which JSON escapes', { '\ud800': 'a\udc00' }],
    ['an own property named __proto__', JSON.parse('{"__proto__":{"a":1}}')],
    ['an array without a class of its own', Array.from({ length: 3 }, () => 'x')],
  ])('%s', (_name, value) => {
    expect(roundTrip(value)).toStrictEqual(value);
  });

  test('decodes the range only', () => {
    expect(codec.decode(Buffer.from('[[1,2]]'), 1, 6)).toEqual([1, 2]);
  });

  test('writes UTF-8 text', () => {
    expect(Buffer.from(codec.encode({ a: 'ü' })).toString()).toBe('{"a":"ü"}');
  });
});

class Money {
  readonly amount = 1;
}

describe('json refuses what would not come back equal', () => {
  const circular: { left?: unknown; right?: unknown } = {};
  circular.left = circular;
  circular.right = circular;
  const sparse = [1];
  sparse[2] = 3;

  test.each([
    ['undefined', undefined, '$ is undefined: leave the property out, or use null'],
    ['NaN', { a: Number.NaN }, '$.a is NaN: store null or another number'],
    ['Infinity', [1, Number.POSITIVE_INFINITY], '$[1] is Infinity'],
    ['-0', -0, '$ is -0'],
    ['a bigint', { id: 1n }, '$.id is a bigint: store a string'],
    ['a symbol', Symbol('x'), '$ is a symbol'],
    ['a function', { run: () => 1 }, '$.run is a function'],
    [
      'a Date',
      { items: [1, 2, { when: new Date() }] },
      '$.items[2].when is a Date: store getTime()',
    ],
    ['a Map', new Map(), '$ is a Map: store [...map]'],
    ['a Set', { 'odd name': new Set() }, '$["odd name"] is a Set: store [...set]'],
    ['bytes', { raw: Buffer.from('a') }, '$.raw is a Buffer: store base64 text'],
    ['an instance of a class', { price: new Money() }, '$.price is a Money'],
    ['an object that inherits', Object.create({ a: 1 }), '$ is '],
    ['a boxed number', Object(1), '$ is a Number'],
    ['an array of a class', class extends Array {}.from([1]), '$ is '],
    ['undefined as a property', { a: 1, b: { c: undefined } }, '$.b.c is undefined'],
    ['undefined in an array', [undefined], '$[0] is undefined'],
    ['a sparse array', sparse, '$[1] is undefined'],
    ['an object with toJSON', { toJSON: () => 1 }, '$.toJSON is a function'],
    ['what contains itself, twice', circular, 'contains itself'],
  ])('%s', (_name, value, message) => {
    const refusal = expect.objectContaining({
      code: 'ENCODE',
      message: expect.stringContaining(message),
    });
    expect(() => codec.encode(value)).toThrow(refusal);
    expect(() => codec.check?.(value)).toThrow(refusal);
  });

  test('what nests deeper than 500 levels, while 500 pass', () => {
    let value: unknown = 1;
    for (let depth = 0; depth <= 500; depth++) value = { value };
    expect(roundTrip(value)).toEqual(value);
    expect(() => codec.encode([value])).toThrow('deeper than 500 levels');
  });
});

describe('json refuses bytes that are not JSON', () => {
  test('showing how they begin', () => {
    const bytes = Buffer.from(`{"id":1,${'x'.repeat(100)}`);
    expect(() => codec.decode(bytes, 0, bytes.length)).toThrow(
      expect.objectContaining({
        code: 'DECODE',
        message: expect.stringContaining('"{\\"id\\":1,xxxx'),
      }),
    );
  });

  test('where there are none', () => {
    expect(() => codec.decode(new Uint8Array(0), 0, 0)).toThrow('"" is not JSON');
  });

  test('where a string in it is not UTF-8', () => {
    const bytes = Uint8Array.of(0x22, 0xff, 0x22);
    expect(() => codec.decode(bytes, 0, 3)).toThrow('is not UTF-8');
  });
});

import { describe, expect, test } from 'vitest';
import { messagePack } from '../../src/formats/index.ts';

const codec = messagePack<unknown>();
const again = (value: unknown) => {
  const bytes = codec.encode(value);
  return codec.decode(bytes, 0, bytes.length);
};
const decoded = (hex: string) => {
  const bytes = Buffer.from(hex, 'hex');
  return codec.decode(bytes, 0, bytes.length);
};

describe('messagePack writes what every MessagePack library reads', () => {
  test.each<[string, unknown, string]>([
    ['small whole numbers', [0, 127, 128, -1, -33, 65536], '96007fcc80ffd0dfce00010000'],
    ['other numbers', 0.5, 'cb3fe0000000000000'],
    ['objects, as maps with names', { a: 1, b: null }, '82a16101a162c0'],
    ['text', 'ü', 'a2c3bc'],
    ['bytes', Buffer.from([1, 2]), 'c4020102'],
    ['dates, as timestamps', new Date(1000), 'd6ff00000001'],
  ])('%s', (_name, value, hex) => {
    expect(Buffer.from(codec.encode(value)).toString('hex')).toBe(hex);
  });
});

test('messagePack reads whole numbers of 64 bits as numbers', () => {
  expect(decoded('cf0000010000000000')).toBe(2 ** 40);
  expect(decoded('d3ffffff0000000000')).toBe(-(2 ** 40));
});

test('messagePack keeps a replacement character that is meant', () => {
  expect(again({ 'a\ufffd': ['\ufffdb'] })).toEqual({ 'a\ufffd': ['\ufffdb'] });
});

test('messagePack keeps members that look like methods or classes', () => {
  const value = { toJSON: 1, constructor: 'x', hasOwnProperty: null };
  expect(again(value)).toStrictEqual(value);
});

describe('messagePack refuses to write', () => {
  const circle: unknown[] = [];
  circle.push(circle);
  class Money {
    readonly amount = 1;
  }
  test.each<[string, unknown, string]>([
    ['undefined', { a: undefined }, '$.a is undefined'],
    ['-0', [-0], '$[0] is -0'],
    ['a bigint', 1n, '$ is a bigint'],
    ['a Map', { a: new Map() }, '$.a is a Map'],
    ['a Set', new Set(), '$ is a Set'],
    ['bytes that are no Buffer', new Uint8Array(1), '$ is a Uint8Array'],
    ['an object of a class', [new Money()], '$[0] is a Money'],
    ['a function', { run: () => 1 }, '$.run is a function'],
    ['a Date of no time', new Date(Number.NaN), '$ is a Date of no time'],
    ['half of a surrogate pair', 'a\udc00', '$ is a string, not text'],
    ['a reserved name', JSON.parse('{"__proto__":1}'), '__proto__ has a name that'],
    ['what contains itself', circle, 'or contains itself'],
  ])('%s', (_name, value, says) => {
    for (const call of [codec.encode, codec.check]) {
      expect(() => call?.(value)).toThrow(
        expect.objectContaining({ code: 'ENCODE', message: expect.stringContaining(says) }),
      );
    }
  });
});

describe('messagePack refuses bytes', () => {
  test.each([
    ['that are none', ''],
    ['that end too early', '82a16101'],
    ['that go on', '0101'],
    ['with the byte that is never used', '91c1'],
    ['with an extension that it does not know', 'd40500'],
    ['with what only its library writes: undefined', 'd40000'],
    ['with a whole number that no number holds', 'cf0040000000000000'],
    ['with text that is not UTF-8', 'a261ff'],
    ['that say there are many more', 'dd7fffffff01'],
  ])('%s', (_name, hex) => {
    expect(() => decoded(hex)).toThrow(expect.objectContaining({ code: 'DECODE' }));
  });

  test('and leaves the bytes that it was given as they are', () => {
    const bytes = Buffer.from(codec.encode({ a: [1] }));
    codec.decode(bytes, 0, bytes.length);
    expect(Object.getOwnPropertyNames(bytes).filter((name) => Number.isNaN(Number(name)))).toEqual(
      [],
    );
  });
});

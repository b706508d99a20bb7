import { describe, expect, test } from 'vitest';
import { bytes, number, string } from '../../src/formats/index.ts';

describe('string', () => {
  test('refuses half of a surrogate pair', () => {
    expect(() => string().encode('a\ud800')).toThrow(expect.objectContaining({ code: 'ENCODE' }));
    expect(() => string().check?.('\udc00')).toThrow(expect.objectContaining({ code: 'ENCODE' }));
  });

  test('keeps a byte order mark and a replacement character that is meant', () => {
    const encoded = string().encode('\ufeffa\ufffd');
    expect(string().decode(encoded, 0, encoded.length)).toBe('\ufeffa\ufffd');
  });

  test.each([[[0x61, 0xff]], [[0xc3]], [[0xed, 0xa0, 0x80]], [[0xc0, 0x80]]])(
    'refuses the bytes %j, which are not UTF-8',
    (given) => {
      const encoded = Uint8Array.from(given);
      expect(() => string().decode(encoded, 0, encoded.length)).toThrow(
        expect.objectContaining({ code: 'DECODE' }),
      );
    },
  );

  test('refuses what is not a string', () => {
    const untyped = { value: 7 as unknown as string }; // what a caller without types does
    expect(() => string().encode(untyped.value)).toThrow('a string, but got a number');
  });
});

describe('bytes', () => {
  test('copies in both directions', () => {
    const given = Buffer.from('abc');
    const encoded = bytes().encode(given);
    const decoded = bytes().decode(encoded, 1, 3);
    given.fill(0);
    expect(Buffer.from(encoded).toString()).toBe('abc');
    encoded.fill(0);
    expect(decoded).toStrictEqual(Uint8Array.of(0x62, 0x63));
  });

  test('refuses what is not bytes', () => {
    const untyped = { value: { a: 1 } as unknown as Uint8Array }; // a caller without types
    expect(() => bytes().encode(untyped.value)).toThrow('a Uint8Array, but got an object');
  });
});

describe('number', () => {
  test('takes -0 for 0', () => {
    expect(number().encode(-0)).toEqual(number().encode(0));
  });

  test('refuses NaN', () => {
    const refusal = expect.objectContaining({ code: 'ENCODE' });
    expect(() => number().encode(Number.NaN)).toThrow(refusal);
    expect(() => number().check?.(Number.NaN)).toThrow(refusal);
  });

  test('refuses another number of bytes than 8', () => {
    expect(() => number().decode(new Uint8Array(9), 0, 9)).toThrow(
      expect.objectContaining({ code: 'DECODE' }),
    );
  });
});

import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { json, messagePack, select, structured } from '../../src/formats/index.ts';
import { loadPackage } from '../../src/formats/optional-package.ts';

interface Decoding {
  readonly name: string;
  decode(bytes: Uint8Array, start: number, end: number): unknown;
}

const decode = (decoder: Decoding, bytes: Uint8Array) => decoder.decode(bytes, 0, bytes.length);

describe('select, where a format decodes values as a whole,', () => {
  const value = { a: 1, b: { c: [2] }, d: null };

  test.each([json<unknown>(), messagePack<unknown>(), structured<unknown>()])(
    'keeps the fields that are named and there: $name',
    (codec) => {
      const some = select(codec, ['b', 'd', 'e']);
      expect(decode(some, codec.encode(value))).toStrictEqual({ b: { c: [2] }, d: null });
      expect(some.name).toBe(`${codec.name} (b, d, e)`);
    },
  );

  test('leaves what is no object, and takes no field that is inherited', () => {
    const codec = json<unknown>();
    expect(decode(select(codec, ['a']), codec.encode(null))).toBe(null);
    expect(decode(select(codec, ['toString']), codec.encode({}))).toStrictEqual({});
  });

  test('validates all of it', () => {
    const some = select(json(z.object({ a: z.number(), b: z.number() })), ['a']);
    expect(() => decode(some, Buffer.from('{"a":1,"b":"x"}'))).toThrow('$.b: ');
  });
});

describe('a package that a format needs', () => {
  test('and that is not installed, is named with what installs it', () => {
    expect(() => loadPackage('avro()', 'no-such-package')).toThrow(
      expect.objectContaining({
        code: 'INVALID',
        message:
          'avro() needs the package no-such-package, which is not installed: npm install ' +
          'no-such-package',
      }),
    );
  });
});

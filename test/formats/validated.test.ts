/** json(schema), with three libraries that have Standard Schema's interface. */
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { type } from 'arktype';
import * as v from 'valibot';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { json, type ValidationOptions } from '../../src/formats/index.ts';

const decode = (
  codec: { decode(b: Uint8Array, s: number, e: number): unknown },
  value: unknown,
) => {
  const bytes = Buffer.from(JSON.stringify(value));
  return codec.decode(bytes, 0, bytes.length);
};

describe.each([
  ['zod', json(z.object({ bid: z.object({ price: z.number(), tags: z.array(z.string()) }) }))],
  ['valibot', json(v.object({ bid: v.object({ price: v.number(), tags: v.array(v.string()) }) }))],
  ['arktype', json(type({ bid: { price: 'number', tags: 'string[]' } }))],
])('json with a schema of %s', (_name, codec) => {
  const good = { bid: { price: 1, tags: ['a'] } };

  test('gives back what fits', () => {
    const bytes = codec.encode(good);
    expect(codec.decode(bytes, 0, bytes.length)).toEqual(good);
    expect(codec).toMatchObject({ name: 'json', text: true });
  });

  test('refuses to read what does not, and says where', () => {
    expect(() => decode(codec, { bid: { price: '1', tags: [] } })).toThrow(
      expect.objectContaining({
        code: 'DECODE',
        message: expect.stringMatching(/\$\.bid\.price: /),
      }),
    );
    expect(() => decode(codec, { bid: { price: 1, tags: [1] } })).toThrow('$.bid.tags[0]: ');
  });

  test('refuses to write it', () => {
    const wrong = { bid: { price: 1 } } as typeof good;
    for (const call of [codec.encode, codec.check]) {
      expect(() => call?.(wrong)).toThrow(
        expect.objectContaining({ code: 'ENCODE', message: expect.stringContaining('$.bid.tags') }),
      );
    }
  });
});

describe('a schema that changes values', () => {
  const schema = z.object({
    name: z.string().trim(),
    n: z.coerce.number(),
    tag: z.string().default('none'),
  });
  const codec = json(schema);

  test('gives what it makes of the bytes', () => {
    expect(decode(codec, { name: ' a ', n: '7', extra: 1 })).toEqual({
      name: 'a',
      n: 7,
      tag: 'none',
    });
  });

  test.each<[string, object, string]>([
    ['a changed member', { name: ' a', n: 1, tag: 't' }, 'it changes $.name'],
    ['a default', { name: 'a', n: 1 }, 'it changes $.tag'],
    ['a member that is dropped', { name: 'a', n: 1, tag: 't', extra: 1 }, 'it changes $.extra'],
    ['another type', { name: 'a', n: '1', tag: 't' }, 'it changes $.n'],
  ])('refuses to write what it would change: %s', (_name, value, says) => {
    const untyped = value as z.output<typeof schema>;
    expect(() => codec.encode(untyped)).toThrow(
      expect.objectContaining({ code: 'ENCODE', message: expect.stringContaining(says) }),
    );
  });

  test('writes what it leaves as it is', () => {
    expect(() => codec.encode({ name: 'a', n: 1, tag: 't' })).not.toThrow();
  });
});

describe('validate', () => {
  const codecOf = (options: ValidationOptions) => json(z.object({ n: z.number() }), options);
  const wrong = { n: 'x' } as unknown as { n: number };

  test.each<[ValidationOptions, boolean, boolean]>([
    [{}, true, true],
    [{ validate: 'both' }, true, true],
    [{ validate: 'encode' }, true, false],
    [{ validate: 'decode' }, false, true],
  ])('%j', (options, encoding, decoding) => {
    const codec = codecOf(options);
    const encode = expect(() => codec.encode(wrong));
    const check = expect(() => codec.check?.(wrong));
    const read = expect(() => decode(codec, wrong));
    for (const each of [encode, check]) encoding ? each.toThrow('$.n') : each.not.toThrow();
    decoding ? read.toThrow('$.n') : read.not.toThrow();
  });

  test('that is none of these', () => {
    expect(() => codecOf({ validate: 'never' as 'both' })).toThrow("use 'both' or 'encode'");
  });
});

describe('json refuses a schema', () => {
  test('that has not the interface', () => {
    const schema = { parse: () => 1 } as unknown as StandardSchemaV1;
    expect(() => json(schema)).toThrow(expect.objectContaining({ code: 'INVALID' }));
  });

  test('that validates asynchronously, once it does', () => {
    const codec = json(z.object({ n: z.number().refine(async (n) => n > 0) }));
    expect(() => decode(codec, { n: 1 })).toThrow(
      expect.objectContaining({
        code: 'INVALID',
        message: expect.stringContaining('zod) validates asynchronously'),
      }),
    );
  });

  test('and leaves no rejection of it unhandled', async () => {
    const fails: StandardSchemaV1<number> = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: () => Promise.reject(new Error('nobody handles this')),
      },
    };
    expect(() => decode(json(fails), 1)).toThrow('asynchronously');
    await new Promise((resolve) => setImmediate(resolve)); // vitest fails on unhandled rejections
  });

  test('that throws, when it does', () => {
    const throwing: StandardSchemaV1<number> = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: () => {
          throw new Error('out of order');
        },
      },
    };
    expect(() => decode(json(throwing), 1)).toThrow(
      expect.objectContaining({ code: 'DECODE', message: expect.stringContaining('out of order') }),
    );
  });
});

test('of many issues the first three are named', () => {
  const codec = json(z.array(z.number()));
  expect(() => decode(codec, ['a', 'b', 'c', 'd', 'e'])).toThrow(/\$\[2\]: [^$]*; and 2 more\./);
});

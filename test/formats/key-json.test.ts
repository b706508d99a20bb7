import { describe, expect, test } from 'vitest';
import { keyJson } from '../../src/formats/index.ts';

const codec = keyJson<unknown>();
const textOf = (value: unknown) => Buffer.from(codec.encode(value)).toString();

describe('keyJson', () => {
  test('sorts the members of objects, at every level', () => {
    expect(textOf({ b: [{ z: 1, y: 2 }], a: null, 10: 1, 9: 2 })).toBe(
      '{"10":1,"9":2,"a":null,"b":[{"y":2,"z":1}]}',
    );
  });

  test('tells 1 from "1", and null from "null"', () => {
    expect(new Set([1, '1', null, 'null', true, 'true', [1], {}].map(textOf)).size).toBe(8);
  });

  test('takes -0 for 0, at every level', () => {
    expect(textOf(-0)).toBe('0');
    expect(textOf({ a: [-0] })).toBe('{"a":[0]}');
  });

  test.each([
    [Number.NaN, '$ is NaN'],
    [undefined, '$ is undefined'],
    [{ a: undefined }, '$.a is undefined'],
    [{ a: -0, b: Number.NEGATIVE_INFINITY }, '$.b is -Infinity'],
    [() => 1, '$ is a function'],
    [Symbol('a'), '$ is a symbol'],
    [[1, 2n], '$[1] is a bigint: store a string'],
    [new Map(), '$ is a Map'],
    [new Set(), '$ is a Set'],
    [{ day: new Date(0) }, '$.day is a Date: store getTime()'],
    [new (class Id {})(), '$ is a Id'],
    [new Array(2), '$[0] is undefined'],
  ])('refuses %s', (value, message) => {
    const refusal = expect.objectContaining({
      code: 'ENCODE',
      message: expect.stringContaining(`This can't be a key: ${message}`),
    });
    expect(() => codec.encode(value)).toThrow(refusal);
    expect(() => codec.check?.(value)).toThrow(refusal);
  });

  test('refuses what contains itself', () => {
    const circular: unknown[] = [];
    circular.push(circular, circular);
    expect(() => codec.encode(circular)).toThrow('contains itself');
  });

  test('fails to decode what is not JSON', () => {
    expect(() => codec.decode(Buffer.from('abc'), 0, 3)).toThrow('"abc" is not JSON');
  });
});

import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { csv } from '../../src/formats/index.ts';

const codec = csv({
  columns: { id: 'number', name: 'string', note: 'string?', price: 'number?', sold: 'boolean' },
});

const textOf = (value: Parameters<typeof codec.encode>[0]) =>
  Buffer.from(codec.encode(value)).toString();

const rowOf = (text: string) => {
  const bytes = Buffer.from(text);
  return codec.decode(bytes, 0, bytes.length);
};

const row = { id: 1, name: 'a', note: null, price: null, sold: true };

describe('csv writes', () => {
  test('columns in their order, whatever the order of the fields', () => {
    expect(textOf({ sold: false, price: 1.5, note: 'n', name: 'a', id: 7 })).toBe(
      '7,a,n,1.5,false',
    );
  });

  test('null as nothing, and empty text in quotes where null is possible', () => {
    expect(textOf({ ...row, name: '' })).toBe('1,,,,true');
    expect(textOf({ ...row, note: '' })).toBe('1,a,"",,true');
  });

  test('quotes around what would not be read as it is', () => {
    expect(textOf({ ...row, name: 'a,b', note: 'say "hi"' })).toBe('1,"a,b","say ""hi""",,true');
    expect(textOf({ ...row, name: 'two\nlines' })).toBe('1,"two\nlines",,,true');
  });
});

describe('csv reads', () => {
  test('what it wrote, and quotes where none are needed', () => {
    expect(rowOf('"1","a, b","","2.5",true')).toEqual({
      ...row,
      name: 'a, b',
      note: '',
      price: 2.5,
    });
  });

  test.each(['007', '+7', '7.', '7e0', '"7"'])('%s as a number', (text) => {
    expect(rowOf(`${text},a,,,true`)).toMatchObject({ id: 7 });
  });

  test.each([
    ['1,a,,', 'at "sold": the row ends before it'],
    ['1,a,,,true,2', 'the row has more than 5 columns'],
    ['x,a,,,true', 'at "id": "x" is no number'],
    [',a,,,true', 'at "id": "" is no number'],
    ['0x10,a,,,true', '"0x10" is no number'],
    ['Infinity,a,,,true', '"Infinity" is no number'],
    ['1,a,,,yes', 'at "sold": "yes" is no boolean'],
    ['1,a"b,,,true', 'at "name": there is a quote in a field without quotes'],
    ['1,"a,,,true', 'at "name": its quotes do not end'],
    ['1,"a"b,,,true', 'at "name": there is something behind its quotes'],
    ['1,a\n,,,true', 'at "name": there is a line end in a field without quotes'],
    ['1,a,,,true\r\n', 'at "sold"'],
  ])('refuses %j', (text, says) => {
    expect(() => rowOf(text)).toThrow(
      expect.objectContaining({ code: 'DECODE', message: expect.stringContaining(says) }),
    );
  });
});

describe('csv refuses to write', () => {
  test.each<[string, object, string]>([
    ['null where a column is not for it', { ...row, name: null }, '$.name is null, not text'],
    ['a number that is none', { ...row, id: Number.NaN }, '$.id is NaN'],
    ['-0', { ...row, price: -0 }, '$.price is -0'],
    ['a field that is no column', { ...row, other: 1 }, '$.other is no field of the columns'],
    ['without a field', { id: 1 }, '$.name is missing'],
  ])('%s', (_name, value, says) => {
    const untyped = value as typeof row; // what a caller without types does
    expect(() => codec.encode(untyped)).toThrow(
      expect.objectContaining({ code: 'ENCODE', message: expect.stringContaining(says) }),
    );
  });
});

describe('csv refuses to be made', () => {
  test.each<[object, string]>([
    [{ columns: {} }, 'at least one column'],
    [{ columns: { a: 'date' } }, 'column "a" can\'t be "date"'],
    [{ columns: { 1: 'string' } }, 'column "1"'],
    [{ columns: { a: 'string' }, delimiter: '::' }, 'delimiter can\'t be "::"'],
    [{ columns: { a: 'string' }, delimiter: '"' }, 'delimiter'],
    [{ columns: { a: 'string' }, header: true }, 'no option "header"'],
  ])('of %j', (options, says) => {
    expect(() => csv(options as Parameters<typeof csv>[0])).toThrow(
      expect.objectContaining({ code: 'INVALID', message: expect.stringContaining(says) }),
    );
  });
});

describe('csv selects columns', () => {
  test('and checks that the row has the others', () => {
    const some = codec.select?.(['price', 'name']);
    const decode = (text: string) => some?.decode(Buffer.from(text), 0, text.length);
    expect(decode('1,"a,b",x,2,true')).toEqual({ name: 'a,b', price: 2 });
    expect(decode('not looked at,a,x,2,neither')).toEqual({ name: 'a', price: 2 });
    expect(() => decode('1,a,x,2')).toThrow('the row ends before it');
  });

  test('but none that there is not', () => {
    expect(() => codec.select?.(['cost'])).toThrow('there is no column "cost"');
  });
});

test.each([',', ';', '\t', '|', '^', ']', '\\', '-', 'é'])(
  'another library reads the rows that are written with %j between columns',
  (delimiter) => {
    const texts = csv({ columns: { a: 'string', b: 'string', c: 'string' }, delimiter });
    const text = fc
      .string({ unit: fc.constantFrom('a', ' ', '"', '\n', '\r', delimiter, 'ü') })
      .filter((value) => value.isWellFormed());
    fc.assert(
      fc.property(text, text, text, (a, b, c) => {
        const bytes = Buffer.from(texts.encode({ a, b, c }));
        const options = { delimiter, record_delimiter: '\u0000', relax_column_count: true };
        const rows: unknown = a + b + c === '' ? [['', '', '']] : parse(bytes, options);
        expect(rows).toEqual([[a, b, c]]);
      }),
      { numRuns: 50 },
    );
  },
);

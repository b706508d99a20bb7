/** The contract of codecs, on values that reach everything a format has. */
import fc from 'fast-check';
import {
  avro,
  bytes,
  csv,
  json,
  keyJson,
  messagePack,
  number,
  protobuf,
  string,
  structured,
} from '../../src/formats/index.ts';
import { codecContract } from '../contracts/codec.ts';
import { everything, everythingValues } from './avro-everything.ts';
import { messages, messageValues } from './protobuf-everything.ts';

const text = fc.string({ unit: 'binary' }).filter((value) => value.isWellFormed());
const name = text.filter((value) => value !== '__proto__');
const double = fc.double().filter((value) => !Object.is(value, -0));
const plain = fc
  .jsonValue({ stringUnit: 'binary' })
  .map((value): unknown => JSON.parse(JSON.stringify(value))); // no -0

codecContract('json', { codec: json<unknown>(), values: plain, noticesEnd: false });
codecContract('keyJson', { codec: keyJson<unknown>(), values: plain, noticesEnd: false });
codecContract('string', { codec: string(), values: text, noticesEnd: false });
codecContract('number', {
  codec: number(),
  values: double.filter((value) => !Number.isNaN(value)),
  noticesEnd: true,
});
codecContract('bytes', {
  codec: bytes(),
  values: fc.uint8Array().map((value) => Uint8Array.from(value)),
  noticesEnd: false,
});
codecContract('structured', {
  codec: structured<unknown>(),
  values: fc.anything({ withBigInt: true, withDate: true, withMap: true, withTypedArray: true }),
  noticesEnd: false,
});

codecContract('avro', {
  codec: avro<unknown>(everything),
  values: everythingValues,
  noticesEnd: true,
});
codecContract('avro without a header', {
  codec: avro<unknown>(everything, { framing: 'none' }),
  values: everythingValues,
  noticesEnd: true,
});
codecContract('avro for keys', {
  codec: avro<unknown>({
    type: 'record',
    name: 'Key',
    fields: [
      { name: 'a', type: 'string' },
      { name: 'b', type: 'double' },
    ],
  }),
  values: fc.record({ a: text, b: fc.double() }, { noNullPrototype: true }),
  noticesEnd: true,
});

const packed = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constant(null),
    fc.boolean(),
    double,
    fc.integer(),
    fc.maxSafeInteger(),
    text,
    fc.date({ noInvalidDate: true }),
    fc.uint8Array().map((value) => Buffer.from(value)),
    fc.array(tie('value')),
    fc.dictionary(name, tie('value'), { noNullPrototype: true }),
  ),
})).value;
codecContract('messagePack', {
  codec: messagePack<unknown>(),
  values: packed,
  noticesEnd: true,
  numRuns: 500,
});

codecContract('protobuf', {
  codec: protobuf<unknown>({ schema: messages, message: 'test.Everything' }),
  values: messageValues,
  noticesEnd: false, // a message may end behind any field
});

codecContract('csv', {
  codec: csv({
    columns: {
      text: 'string',
      count: 'number',
      flag: 'boolean',
      maybeText: 'string?',
      maybeCount: 'number?',
      maybeFlag: 'boolean?',
    },
    delimiter: ';',
  }),
  values: fc.record(
    {
      text,
      count: finite(),
      flag: fc.boolean(),
      maybeText: fc.option(text),
      maybeCount: fc.option(finite()),
      maybeFlag: fc.option(fc.boolean()),
    },
    { noNullPrototype: true },
  ),
  noticesEnd: false, // its last field may be longer
});

function finite(): fc.Arbitrary<number> {
  return fc
    .double({ noNaN: true, noDefaultInfinity: true })
    .filter((value) => !Object.is(value, -0));
}

/** An Avro schema with each kind of type, and values of it. */
import fc from 'fast-check';

export const everything = {
  type: 'record',
  name: 'test.Everything',
  fields: [
    { name: 'nothing', type: 'null' },
    { name: 'flag', type: 'boolean' },
    { name: 'small', type: 'int' },
    { name: 'whole', type: 'long' },
    { name: 'single', type: 'float' },
    { name: 'double', type: 'double' },
    { name: 'text', type: 'string' },
    { name: 'raw', type: 'bytes' },
    { name: 'four', type: { type: 'fixed', name: 'Four', size: 4 } },
    { name: 'suit', type: { type: 'enum', name: 'Suit', symbols: ['HEARTS', 'SPADES'] } },
    { name: 'sameSuit', type: 'Suit' },
    { name: 'list', type: { type: 'array', items: 'string' } },
    { name: 'byName', type: { type: 'map', values: 'long' } },
    { name: 'maybe', type: ['null', 'string'], default: null },
    { name: 'either', type: ['null', 'int', 'double', 'string'] },
    {
      name: 'tree',
      type: {
        type: 'record',
        name: 'Tree',
        fields: [
          { name: 'label', type: 'string' },
          { name: 'branches', type: { type: 'array', items: 'Tree' } },
        ],
      },
    },
    { name: 'at', type: { type: 'long', logicalType: 'timestamp-millis' } },
  ],
};

const text = fc.string({ unit: 'binary' }).filter((value) => value.isWellFormed());
const long = fc.integer({ min: -(2 ** 52) + 1, max: 2 ** 52 - 1 });
const double = fc.double();
const plain = { noNullPrototype: true };

const tree = treeOf(3);

function treeOf(levels: number): fc.Arbitrary<unknown> {
  const branches = levels === 0 ? fc.constant([]) : fc.array(treeOf(levels - 1), { maxLength: 2 });
  return fc.record({ label: text, branches }, plain);
}

export const everythingValues: fc.Arbitrary<unknown> = fc.record(
  {
    nothing: fc.constant(null),
    flag: fc.boolean(),
    small: fc.integer(),
    whole: long,
    single: fc.float(),
    double,
    text,
    raw: fc.uint8Array().map((value) => Buffer.from(value)),
    four: fc.uint8Array({ minLength: 4, maxLength: 4 }).map((value) => Buffer.from(value)),
    suit: fc.constantFrom('HEARTS', 'SPADES'),
    sameSuit: fc.constantFrom('HEARTS', 'SPADES'),
    list: fc.array(text),
    byName: fc.dictionary(
      text.filter((name) => name !== '__proto__'),
      long,
      plain,
    ),
    maybe: fc.option(text),
    either: fc.oneof(
      fc.constant(null),
      fc.record({ int: fc.integer() }, plain),
      fc.record({ double }, plain),
      fc.record({ string: text }, plain),
    ),
    tree,
    at: long,
  },
  plain,
);

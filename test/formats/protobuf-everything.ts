/** A .proto file with each kind of field, and values of its message. */
import fc from 'fast-check';

export const messages = `
  syntax = "proto3";
  package test;

  enum Suit { NONE = 0; HEARTS = 1; SPADES = 2; }

  message Tree { string label = 1; repeated Tree branches = 2; }

  message Everything {
    bool flag = 1;
    int32 small = 2;
    sint32 signed = 3;
    sfixed32 fixed_signed = 4;
    uint32 positive = 5;
    fixed32 fixed_positive = 6;
    int64 whole = 7;
    sint64 signed_whole = 8;
    sfixed64 fixed_whole = 9;
    uint64 positive_whole = 10;
    fixed64 fixed_positive_whole = 11;
    float single = 12;
    double double = 13;
    string text = 14;
    bytes raw = 15;
    Suit suit = 16;
    repeated int32 numbers = 17;
    repeated string texts = 18;
    map<string, int64> by_name = 19;
    map<int32, Tree> by_number = 20;
    Tree tree = 21;
    optional int32 maybe = 22;
    optional string maybe_text = 23;
    oneof either { int64 id = 24; string label = 25; Tree other = 26; }
    repeated Suit suits = 27;
    repeated int64 wholes = 28;
  }
`;

const text = fc.string({ unit: 'binary' }).filter((value) => value.isWellFormed());
const long = fc.maxSafeInteger();
const positiveLong = fc.maxSafeNat();
const suit = fc.integer({ min: 0, max: 7 }); // proto3 keeps what it does not know
const plain = { noNullPrototype: true };

const tree = treeOf(3);

function treeOf(levels: number): fc.Arbitrary<unknown> {
  const branches = levels === 0 ? fc.constant([]) : fc.array(treeOf(levels - 1), { maxLength: 2 });
  return fc.record({ label: text, branches }, plain);
}

const always = {
  flag: fc.boolean(),
  small: fc.integer(),
  signed: fc.integer(),
  fixedSigned: fc.integer(),
  positive: fc.nat({ max: 2 ** 32 - 1 }),
  fixedPositive: fc.nat({ max: 2 ** 32 - 1 }),
  whole: long,
  signedWhole: long,
  fixedWhole: long,
  positiveWhole: positiveLong,
  fixedPositiveWhole: positiveLong,
  single: fc.float(),
  double: fc.double(),
  text,
  raw: fc.uint8Array().map((value) => Buffer.from(value)),
  suit,
  numbers: fc.array(fc.integer()),
  texts: fc.array(text),
  byName: fc.dictionary(
    text.filter((name) => name !== '__proto__'),
    long,
    plain,
  ),
  byNumber: fc.dictionary(fc.integer().map(String), tree, plain),
  suits: fc.array(suit),
  wholes: fc.array(long),
};

const sometimes = { tree, maybe: fc.integer(), maybeText: text };

const oneOf = fc.oneof(
  fc.constant({}),
  fc.record({ id: long }, plain),
  fc.record({ label: text }, plain),
  fc.record({ other: tree }, plain),
);

export const messageValues: fc.Arbitrary<unknown> = fc
  .tuple(fc.record(always, plain), fc.record(sometimes, { ...plain, requiredKeys: [] }), oneOf)
  .map((parts) => Object.assign({}, ...parts));

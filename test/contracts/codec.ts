/**
 * What every codec keeps; each runs this suite on values of its own:
 * 1. What was encoded is decoded equal, wherever in the bytes it stands.
 * 2. Encoded bytes are the caller's: encoding another value does not change them.
 * 3. Decoded values keep nothing of the bytes: they stay as they are when those are overwritten, and
 *    when another value is decoded.
 * 4. `check` takes what `encode` takes.
 * 5. Bytes that are cut short, or have others behind them, are refused where the format can tell.
 * 6. Any bytes at all are decoded, or refused with DECODE; nothing else happens.
 * 7. A codec that is fit for keys gives equal values equal bytes.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Codec } from '../../src/formats/index.ts';
import { isMillraceError } from '../../src/platform/index.ts';

export interface CodecHarness<Value> {
  readonly codec: Codec<Value>;
  readonly values: fc.Arbitrary<Value>;
  /** Whether a value's bytes show where they end. */
  readonly noticesEnd: boolean;
  readonly numRuns?: number;
}

export function codecContract<Value>(name: string, harness: CodecHarness<Value>): void {
  const { codec, values, noticesEnd, numRuns = 200 } = harness;
  const between = fc.tuple(fc.uint8Array({ maxLength: 20 }), fc.uint8Array({ maxLength: 20 }));

  describe(`${name} keeps the contract of codecs`, () => {
    test('what was encoded is decoded equal, wherever it stands, and keeps nothing', () => {
      fc.assert(
        fc.property(values, values, between, (value, other, [before, behind]) => {
          const encoded = codec.encode(value);
          codec.check?.(value);
          const all = Buffer.concat([before, encoded, behind]);
          const decoded = codec.decode(all, before.length, before.length + encoded.length);
          expect(decoded).toStrictEqual(value);
          all.fill(0xaa);
          const another = codec.encode(other);
          codec.decode(another, 0, another.length);
          expect(decoded).toStrictEqual(value);
        }),
        { numRuns },
      );
    });

    test('encoded bytes are the caller’s', () => {
      fc.assert(
        fc.property(fc.array(values, { minLength: 2, maxLength: 5 }), (some) => {
          const encoded = some.map((value) => {
            const bytes = codec.encode(value);
            return { bytes, copy: Buffer.from(bytes) };
          });
          for (const { bytes, copy } of encoded) expect(copy.equals(bytes)).toBe(true);
          encoded[0]?.bytes.fill(0xaa);
          for (const { bytes, copy } of encoded.slice(1)) expect(copy.equals(bytes)).toBe(true);
        }),
        { numRuns: 50 },
      );
    });

    test('bytes that are cut short, or go on, are refused where the format can tell', () => {
      fc.assert(
        fc.property(values, fc.nat(), fc.uint8Array({ minLength: 1 }), (value, cut, behind) => {
          const encoded = Buffer.from(codec.encode(value));
          const longer = Buffer.concat([encoded, behind]);
          const short = encoded.length === 0 ? encoded : encoded.subarray(0, cut % encoded.length);
          const answers = [answerTo(codec, longer), answerTo(codec, short)];
          if (noticesEnd && encoded.length > 0) expect(answers).toEqual(['refused', 'refused']);
        }),
        { numRuns },
      );
    });

    test('any bytes are decoded or refused', () => {
      fc.assert(
        fc.property(fc.uint8Array(), (bytes) => void answerTo(codec, bytes)),
        { numRuns },
      );
      const changed = fc.tuple(values, fc.nat(), fc.nat({ max: 255 }));
      fc.assert(
        fc.property(changed, ([value, at, byte]) => {
          const bytes = Buffer.from(codec.encode(value));
          if (bytes.length > 0) bytes[at % bytes.length] = byte;
          answerTo(codec, bytes);
        }),
        { numRuns },
      );
    });

    test.skipIf(codec.unfitForKeys !== undefined)('equal values have equal bytes', () => {
      fc.assert(
        fc.property(values, (value) => {
          const bytes = codec.encode(value);
          const decoded = codec.decode(bytes, 0, bytes.length);
          expect(Buffer.from(codec.encode(decoded)).equals(codec.encode(value))).toBe(true);
        }),
        { numRuns: 50 },
      );
    });
  });
}

/** Fails where it is neither. */
function answerTo(codec: Codec<unknown>, bytes: Uint8Array): 'decoded' | 'refused' {
  try {
    codec.decode(bytes, 0, bytes.length);
    return 'decoded';
  } catch (error) {
    if (isMillraceError(error, 'DECODE')) return 'refused';
    throw error;
  }
}

import { expect, test } from 'vitest';
import { ShortTexts } from '../../src/formats/short-texts.ts';

const textOf = (texts: ShortTexts, bytes: Uint8Array) => texts.of(bytes, 0, bytes.length);

test('short texts are those of their bytes, however many are remembered', () => {
  const texts = new ShortTexts();
  const all = Array.from({ length: 5000 }, (_, i) => `${i % 7}-${i}`);
  for (const text of [...all, ...all.reverse(), '', 'ü', 'longer than is remembered']) {
    expect(textOf(texts, Buffer.from(text))).toBe(text);
  }
});

test('bytes that are not UTF-8 are refused, also where a text has the same numbers', () => {
  const texts = new ShortTexts();
  for (let first = 0; first < 0x80; first++) {
    for (let second = 0x80; second <= 0xff; second++) {
      textOf(texts, Buffer.from(String.fromCharCode(first, second)));
      expect(() => textOf(texts, Uint8Array.of(first, second))).toThrow('is not UTF-8');
    }
  }
});

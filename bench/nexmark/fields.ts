/** The fields of Nexmark's events, with the lengths and distributions of its generator. */
import type { Random } from './random.ts';

export const firstNames = [
  ...['Peter', 'Paul', 'Luke', 'John', 'Saul', 'Vicky', 'Kate', 'Julie', 'Sarah', 'Deiter'],
  'Walter',
];
export const lastNames = [
  ...['Shultz', 'Abrams', 'Spencer', 'White', 'Bartels', 'Walton', 'Smith', 'Jones', 'Noris'],
];
export const cities = [
  ...['Phoenix', 'Los Angeles', 'San Francisco', 'Boise', 'Portland', 'Bend', 'Redmond'],
  ...['Seattle', 'Kent', 'Cheyenne'],
];
export const states = ['AZ', 'CA', 'ID', 'OR', 'WA', 'WY'];

const firstLetter = 0x61;

/** Cents, from 100 to 100,000,000; as many from 100 to 10,000 as from 10,000 to 1,000,000. */
export function priceOf(random: Random): number {
  return Math.round(10 ** (random.share() * 6) * 100);
}

/** From 3 to `limit` - 1 letters, of which one in 13 is `special`; blanks at the ends are cut off. */
export function textOf(random: Random, limit: number, special = ' '): string {
  const length = 3 + random.below(limit - 3);
  let text = '';
  for (let i = 0; i < length; i++) {
    text += random.below(13) === 0 ? special : letter(random.below(26));
  }
  return text.trim();
}

/** Texts that bring an event to a size: parts of one long text, since they make up a third of all. */
export class Filler {
  readonly #text: string;

  constructor(random: Random) {
    const letters = Buffer.alloc(2 ** 20);
    for (let i = 0; i < letters.length; i++) letters[i] = firstLetter + (random.int32() % 26);
    this.#text = letters.toString('latin1'); // remainders have a sign: from H to z, with \ and ^
  }

  /** What an event of `size` lacks, more or less a fifth. */
  textOf(random: Random, size: number, average: number): string {
    if (size > average) return '';
    const lacking = average - size;
    const delta = Math.round(lacking * 0.2);
    const length = lacking - delta + (delta === 0 ? 0 : random.below(2 * delta));
    const start = random.below(this.#text.length - length);
    return this.#text.slice(start, start + length);
  }
}

/** Where a bid was made. */
export interface Channel {
  readonly channel: string;
  readonly url: string;
}

const channelCount = 10_000;

/** Four that half of all bids come from, and many more. */
export class Channels {
  readonly #hot: readonly Channel[];
  readonly #others: readonly Channel[];

  constructor(random: Random) {
    const hot = ['Google', 'Facebook', 'Baidu', 'Apple'];
    this.#hot = hot.map((channel) => ({ channel, url: urlOf(random) }));
    this.#others = Array.from({ length: channelCount }, (_, i) => {
      const url = urlOf(random);
      const isNamed = random.below(10) > 0;
      return { channel: `channel-${i}`, url: isNamed ? `${url}&channel_id=${idOf(i)}` : url };
    });
  }

  oneOf(random: Random): Channel {
    const some = random.below(2) > 0 ? this.#hot : this.#others;
    return some[random.below(some.length)] as Channel; // below the length
  }
}

function urlOf(random: Random): string {
  const [a, b, c] = [textOf(random, 5, '_'), textOf(random, 5, '_'), textOf(random, 5, '_')];
  return `https://www.nexmark.com/${a}/${b}/${c}/item.htm?query=1`;
}

/** Java's `Math.abs(Integer.reverse(i))`: the least of all integers stays negative. */
export function idOf(i: number): number {
  let reversed = 0;
  for (let bit = 0; bit < 32; bit++) reversed |= ((i >>> bit) & 1) << (31 - bit);
  return Math.abs(reversed) | 0;
}

function letter(i: number): string {
  return String.fromCharCode(firstLetter + i);
}

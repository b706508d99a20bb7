/**
 * Bids as those of Nexmark's generator: fields, sizes and distributions (nexmark/nexmark at
 * 6b3646c3), from a seed, without the auctions and people that it makes between them.
 */

/** Times and ids are whole numbers, prices are cents. */
export interface Bid {
  readonly auction: number;
  readonly bidder: number;
  readonly price: number;
  readonly channel: string;
  readonly url: string;
  readonly dateTime: number;
  readonly extra: string;
}

export const bidSchema = {
  type: 'record',
  name: 'Bid',
  fields: [
    { name: 'auction', type: 'long' },
    { name: 'bidder', type: 'long' },
    { name: 'price', type: 'long' },
    { name: 'channel', type: 'string' },
    { name: 'url', type: 'string' },
    { name: 'dateTime', type: 'long' },
    { name: 'extra', type: 'string' },
  ],
};

const hotChannels = ['Google', 'Facebook', 'Baidu', 'Apple'] as const;
const channelsMax = 10_000;
/** Of ids near the newest: half of the bids go to the last hot auction. */
const inFlight = 100;
const firstTime = 1_767_571_200_000;
/** 10,000 events a second. */
const timeStepMs = 0.1;

export function* makeBids(count: number): Generator<Bid> {
  const random = new Random(42);
  const channels = Array.from({ length: channelsMax }, (_, i) => channelOf(i, random));
  const hot = hotChannels.map((channel) => ({ channel, url: urlOf(random) }));
  for (let i = 0; i < count; i++) {
    const lastAuction = Math.floor(i / 15);
    const lastPerson = Math.floor(i / 46);
    const isHot = random.below(2) > 0;
    const where = isHot ? hot[random.below(4)] : channels[random.below(channelsMax)];
    yield {
      auction: 1000 + idNear(lastAuction, 2, random),
      bidder: 2000 + idNear(lastPerson, 4, random),
      price: Math.round(10 ** (random.share() * 6) * 100),
      channel: where?.channel ?? '',
      url: where?.url ?? '',
      dateTime: Math.floor(firstTime + i * timeStepMs),
      extra: random.text(54 + random.below(27)),
    };
  }
}

/** One of `hotShare` is any of the newest, the others are the last hot one. */
function idNear(last: number, hotShare: number, random: Random): number {
  if (random.below(hotShare) > 0) return Math.floor(last / inFlight) * inFlight;
  return Math.max(0, last - inFlight) + random.below(inFlight + 10);
}

function channelOf(i: number, random: Random): Pick<Bid, 'channel' | 'url'> {
  const url = urlOf(random);
  const id = random.below(2 ** 31);
  return { channel: `channel-${i}`, url: random.below(10) > 0 ? `${url}&channel_id=${id}` : url };
}

function urlOf(random: Random): string {
  const parts = [random.text(3), random.text(4), random.text(3)];
  return `https://www.nexmark.com/${parts.join('/')}/item.htm?query=1`;
}

/** mulberry32. */
class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  share(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  below(limit: number): number {
    return Math.floor(this.share() * limit);
  }

  text(length: number): string {
    let text = '';
    for (let i = 0; i < length; i++) text += String.fromCharCode(0x61 + this.below(26));
    return text;
  }
}

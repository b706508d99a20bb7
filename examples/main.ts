/** Runs an example on a directory of its own: `npm run example -- word-count`. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const examples = {
  'word-count': () => import('./word-count.ts'),
  'inactive-users': () => import('./inactive-users.ts'),
  'abandoned-carts': () => import('./abandoned-carts.ts'),
  'best-bid': () => import('./best-bid.ts'),
  candles: () => import('./candles.ts'),
  'open-orders': () => import('./open-orders.ts'),
  'card-limits': () => import('./card-limits.ts'),
  'dead-letters': () => import('./dead-letters.ts'),
  'enrich-orders': () => import('./enrich-orders.ts'),
} as const;

const name = process.argv[2] ?? '';
const load = Object.entries(examples).find(([known]) => known === name)?.[1];
if (load === undefined) {
  process.stderr.write(
    `There is no example "${name}". Choose one of ` + `${Object.keys(examples).join(', ')}.\n`,
  );
  process.exit(2);
}
const directory = await mkdtemp(join(tmpdir(), 'millrace-example-'));
const { main } = await load();
await main(directory);
await rm(directory, { recursive: true });

/** The queries of docs/sql.md give what the page shows below them. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import flightDelays from '../examples/flight-delays.ts';
import { tableOf } from '../src/cli/table.ts';
import type { Job } from '../src/index.ts';
import { QueriedJob } from './runtime/query/queried-job.ts';
import { fencedBlocks, page } from './support/pages.ts';
import { suiteDirectory } from './support/temporary-directory.ts';

const folder = suiteDirectory();

/** The job that a page shows first. */
async function jobOf(path: string): Promise<Job> {
  const code = fencedBlocks(page(path)).find(({ kind }) => kind === 'ts')?.code ?? '';
  const file = join(folder, `${path.replaceAll(/\W/g, '-')}.ts`);
  writeFileSync(file, code);
  return (await import(file)).default;
}

const hour = (hours: number) => Date.UTC(2026, 0, 5, 0, hours * 60);
const flight = (origin: string, hours: number, delay: number) => ({
  origin,
  date: hour(hours),
  delay,
});
const order = (customer: string, item: string, price: number) => ({ customer, item, price });

async function afterFlights(): Promise<QueriedJob> {
  const queried = new QueriedJob(flightDelays);
  await queried.start();
  await queried.send('flights', [
    flight('JFK', 9.1, 20),
    flight('ATL', 9.2, 0),
    flight('JFK', 9.5, 5),
    flight('JFK', 10.2, -3),
    flight('ATL', 10.8, 71),
  ]);
  return queried;
}

async function afterOrders(): Promise<QueriedJob> {
  const queried = new QueriedJob(await jobOf('docs/state.md'));
  await queried.start();
  const orders = [
    order('ada', 'tea', 4),
    order('bob', 'coffee', 12),
    order('ada', 'teapot', 30),
    order('ada', 'tea', 5),
    order('cy', 'tea', 4),
  ];
  for (const [i, each] of orders.entries()) {
    await queried.send('orders', [each], hour(9 + i));
  }
  await queried.fold();
  return queried;
}

/** Each query with the text that follows it. */
function examples() {
  const blocks = fencedBlocks(page('docs/sql.md'));
  return blocks.flatMap(({ kind, about, code }, i) => {
    if (kind !== 'sql') return [];
    const [job = '', of = 'views'] = about.split(' ');
    const plain = (text: string) => text.replaceAll(/^ +(?=\S)/gm, '').trim();
    return [{ job, of, sql: code, shown: plain(blocks[i + 1]?.code ?? '') }];
  });
}

test('the queries of the page give what it shows', async () => {
  const jobs = { 'flight-delays': await afterFlights(), customers: await afterOrders() };
  const given: string[] = [];
  for (const { job, of, sql } of examples()) {
    const queried = job === 'customers' ? jobs.customers : jobs['flight-delays'];
    const { columns, rows } = of === 'file' ? queried.file(sql) : await queried.ask(sql);
    given.push(tableOf(columns, rows).trim());
  }
  await jobs['flight-delays'].stop();
  await jobs.customers.stop();
  expect(examples().map(({ shown }) => shown)).toEqual(given);
});

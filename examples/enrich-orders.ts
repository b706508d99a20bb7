/** Asks a service for the city of each order: every postcode once, whatever happens in between. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Job, job, json, openLog, run, string, topic } from 'millrace';

interface Order {
  readonly postcode: string;
}

interface Place {
  readonly postcode: string;
  readonly city: string;
}

const orders = topic('orders', { key: string(), value: json<Order>() });
const located = topic('places-of-orders', { key: string(), value: json<Place>() });

/** `service`: its address, such as `http://localhost:8080`. */
function enrichOrders(service: string): Job {
  return job('enrich-orders', ({ from }) => {
    from(orders, { onError: { deadLetters: 'orders-nowhere' } })
      .mapAsync(
        async ({ postcode }, { signal }) => {
          const response = await fetch(`${service}/${postcode}`, { signal });
          if (!response.ok) throw new Error(`no city has postcode ${postcode}`);
          return { postcode, city: await response.text() };
        },
        {
          name: 'city',
          timeout: '5s',
          retry: { times: 2, backOff: '10ms' },
          memo: { key: ({ postcode }) => postcode, ttl: '1d' },
        },
      )
      .to(located);
  });
}

export default enrichOrders('http://localhost:8080');

/** Five orders, three postcodes, one of which there is not. */
export async function main(data: string): Promise<void> {
  const cities = new Map([
    ['53111', 'Bonn'],
    ['00118', 'Rome'],
  ]);
  const asked: string[] = [];
  const server = createServer(({ url = '' }, response) => {
    const city = cities.get(url.slice(1));
    asked.push(url.slice(1));
    response.writeHead(city === undefined ? 404 : 200).end(city);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;

  const log = await openLog(data);
  await log.createTopic(orders);
  for (const [i, postcode] of ['53111', '00118', '53111', '99999', '00118'].entries()) {
    await log.send(orders, { key: `${i + 1}`, value: { postcode } });
  }
  const handle = await run(enrichOrders(`http://127.0.0.1:${port}`), { data: log });
  await handle.stop({ drain: true });

  for await (const { key, value } of log.records(located)) {
    process.stdout.write(`order ${key}: ${value?.city}\n`);
  }
  const known = asked.filter((postcode) => cities.has(postcode));
  process.stdout.write(`asked: ${known.length}, dead: ${handle.metrics().deadLetters}\n`);
  await log.close();
  server.close();
}

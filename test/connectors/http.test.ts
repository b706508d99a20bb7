import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  type ConnectorHandle,
  deliver,
  type HttpSourceOptions,
  httpSink,
  httpSource,
  ingest,
  iterable,
} from '../../src/connectors/index.ts';
import type { Log } from '../../src/runtime/index.ts';
import { sinkContract } from '../contracts/sink.ts';
import { type Cup, cups, makeCups, memoryLog, pricesIn, upTo } from './fixtures.ts';

interface Listening {
  readonly handle: ConnectorHandle;
  readonly url: string;
}

async function listen(log: Log, options: Partial<HttpSourceOptions> = {}): Promise<Listening> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const source = httpSource<Cup>({ port: 0, ...options, onListening: resolve });
  const handle = await ingest(source, cups, { data: log });
  onTestFinished(() => handle.stop());
  return { handle, url: await promise };
}

async function post(url: string, body: string, type = 'application/json'): Promise<string> {
  const headers = { 'content-type': type };
  const response = await fetch(url, { method: 'POST', body, headers });
  return `${response.status} ${(await response.text()).trim()}`;
}

/** A server that keeps what it is sent, and answers as it is told. */
async function receiver(answer: (count: number) => number) {
  const received: { readonly price: number; readonly id: string }[] = [];
  let requests = 0;
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    request.setEncoding('utf8');
    let body = '';
    request.on('data', (part: string) => {
      body += part;
    });
    request.on('end', () => {
      const status = answer(++requests);
      const id = String(request.headers['idempotency-key']);
      if (status < 400) received.push({ price: JSON.parse(body).price, id });
      response.writeHead(status).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  return { url: `http://127.0.0.1:${port}/cups`, received };
}

sinkContract('a server', async () => {
  const { url, received } = await receiver(() => 200);
  return {
    guarantee: 'at least once',
    sink: () => httpSink<string, Cup>({ url }),
    contents: async () => received,
  };
});

describe('the HTTP source', () => {
  test('answers when the records are in the topic', async () => {
    const log = memoryLog();
    const { url, handle } = await listen(log);
    expect(await post(url, '{"by":"ada","price":0}')).toBe('200 {"records":1}');
    expect(await pricesIn(log)).toEqual([0]);
    const lines = '{"by":"bob","price":1}\n\n{"by":"cy","price":2}\r\n';
    expect(await post(url, lines, 'application/x-ndjson')).toBe('200 {"records":2}');
    expect(await pricesIn(log)).toEqual([0, 1, 2]);
    expect(handle.status().outside).toBe('HTTP on 127.0.0.1:0');
  });

  test('refuses what is wrong, all of a request or nothing, and goes on', async () => {
    const log = memoryLog();
    const { url, handle } = await listen(log, { bodyBytesMax: 100 });
    expect(await post(url, '{"by":')).toMatch(/^400 .*The body is no JSON\./);
    expect(await post(url, '1\n{', 'application/x-ndjson')).toMatch(/^400 .*Line 2 is no JSON\./);
    expect(await post(url, `"${'a'.repeat(200)}"`)).toMatch(/^413 .*at most 100 bytes/);
    expect((await fetch(url)).status).toBe(405);
    expect(await post(url, '{"by":"ada","price":0}\n1e999', 'application/x-ndjson')).toMatch(
      /^400 .*record 2 of the request: JSON would not give this value back/,
    );
    expect(await pricesIn(log)).toEqual([]);
    expect(await post(url, '{"by":"ada","price":0}')).toMatch(/^200/);
    expect(await pricesIn(log)).toEqual([0]);
    expect(handle.status()).toMatchObject({ records: 1, refusedRecords: 2, state: 'running' });
  });

  test('takes many requests at once', async () => {
    const log = memoryLog();
    const { url } = await listen(log);
    await Promise.all(makeCups(50).map((cup) => post(url, JSON.stringify(cup))));
    expect(await pricesIn(log)).toEqual(upTo(50));
  });

  test('names the port that it can not have', async () => {
    const { url } = await listen(memoryLog());
    const port = Number(new URL(url).port);
    const second = await ingest(httpSource<Cup>({ port }), cups, { data: memoryLog() });
    await expect(second.done).rejects.toThrow(`Can't listen on 127.0.0.1:${port}`);
  });
});

describe('the HTTP sink', () => {
  test('sends a record again that met an error of the server', async () => {
    const log = memoryLog();
    const { url, received } = await receiver((request) => (request === 3 ? 503 : 200));
    await (await ingest(iterable(makeCups(5)), cups, { data: log })).done;
    const handle = await deliver(cups, httpSink({ url }), { data: log });
    await handle.stop({ drain: true });
    expect(handle.status()).toMatchObject({ restarts: 1, lag: 0 });
    const ids = new Set(received.map(({ id }) => id));
    expect([...ids].sort()).toEqual(['cups-0-0', 'cups-0-1', 'cups-0-2', 'cups-1-0', 'cups-1-1']);
  });

  test('ends at a record that the server refuses', async () => {
    const log = memoryLog();
    const { url } = await receiver(() => 422);
    await (await ingest(iterable(makeCups(1)), cups, { data: log })).done;
    const handle = await deliver(cups, httpSink({ url }), { data: log });
    await expect(handle.done).rejects.toThrow(`${url} answers record cups-0-0 with 422.`);
    expect(() => httpSink({ url: 'file:///a' })).toThrow('is no URL of HTTP');
  });
});

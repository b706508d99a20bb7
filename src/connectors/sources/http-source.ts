/**
 * Records that are posted over HTTP: answered when they are durable.
 *
 *   POST / a JSON value, or JSON lines   ──>  appended, committed  ──>  200 {"records":2}
 *
 * All records of a request are in one commit. A sender that hears nothing, or a 5xx, sends again:
 * each record that was answered is in the topic at least once.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import {
  checkNumbers,
  checkOptions,
  isMillraceError,
  MillraceError,
} from '../../platform/index.ts';
import type { Sender, Source, SourceRecord } from '../source.ts';
import { Queue } from './queue.ts';

export interface HttpSourceOptions {
  /** 0: any that is free. */
  readonly port: number;
  /** Whom to listen to. Default `'127.0.0.1'`: programs on this machine. */
  readonly host?: string;
  /** Of a request, in bytes; larger ones are refused. Default 1 MiB. */
  readonly bodyBytesMax?: number;
  /** Requests that wait for their commit; further ones are answered with 503. Default 1000. */
  readonly waitingMax?: number;
  /** Told where the server listens: `http://127.0.0.1:8080`. */
  readonly onListening?: (url: string) => void;
}

/** A request whose records are on their way. */
interface Request {
  readonly values: readonly unknown[];
  readonly response: ServerResponse;
}

/**
 * Listens for POST requests while the ingest runs. The body is a JSON value, or a value in each
 * line with the content type `application/x-ndjson`. The answer is 200 once all of it is durable
 * and visible; 400 for what is no JSON or what the codec of the topic refuses, with none of it
 * appended; 413 for a body that is too large; 503, with nothing appended, when the sender should
 * come again.
 *
 * There is no authentication: listen to other machines only behind a proxy that has it.
 *
 * @example
 * await ingest(httpSource<Order>({ port: 8080 }), orders, { data: './data' });
 */
export function httpSource<Value>(options: HttpSourceOptions): Source<Value, never> {
  const known = ['port', 'host', 'bodyBytesMax', 'waitingMax', 'onListening'];
  checkOptions('httpSource()', options, known);
  checkNumbers('httpSource()', options, ['port', 'bodyBytesMax', 'waitingMax']);
  const { port, host = '127.0.0.1', bodyBytesMax = 1024 * 1024, waitingMax = 1000 } = options;
  return {
    name: `HTTP on ${host}:${port}`,
    endsItself: true,
    async *read({ signal }) {
      const queue = new Queue<Request>(waitingMax);
      let taken: Request[] = [];
      const server = createServer((request, response) => {
        receive(request, bodyBytesMax).then(
          (values) => {
            if (queue.isFull || signal.aborted) answerError(response, busy());
            else if (values.length === 0) answer(response, 200, { records: 0 });
            else queue.push({ values, response });
          },
          (error: unknown) => answerError(response, error),
        );
      });
      await listen(server, port, host);
      options.onListening?.(urlOf(server, host));
      const end = () => queue.end();
      signal.addEventListener('abort', end);
      try {
        for await (taken of queue.batches()) {
          // One by one: what is wrong with one request is no matter of the others.
          for (let next = taken.shift(); next !== undefined; next = taken.shift()) {
            yield recordsOf<Value>(next, signal);
          }
        }
      } finally {
        signal.removeEventListener('abort', end);
        for (const { response } of [...taken, ...queue.takeRest()]) answerError(response, busy());
        server.close();
        server.closeIdleConnections();
      }
    },
  };
}

function recordsOf<Value>(
  { values, response }: Request,
  ending: AbortSignal,
): SourceRecord<Value, never>[] {
  const sender: Sender = {
    committed() {
      if (ending.aborted) response.setHeader('connection', 'close'); // the server waits for them
      answer(response, 200, { records: values.length });
    },
    refused: (error) => answerError(response, error),
  };
  return values.map((value, i) => ({
    value: value as Value, // the codec of the topic checks it
    place: `record ${i + 1} of the request`,
    sender,
  }));
}

async function receive(request: IncomingMessage, bytesMax: number): Promise<unknown[]> {
  if (request.method !== 'POST') throw new Refusal(405, 'Send records with POST.');
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    const bytes = Buffer.from(chunk);
    length += bytes.length;
    if (length > bytesMax) throw new Refusal(413, `A request has at most ${bytesMax} bytes.`);
    chunks.push(bytes);
  }
  const isLines = request.headers['content-type']?.startsWith('application/x-ndjson') === true;
  const text = textOf(Buffer.concat(chunks));
  if (!isLines) return [parsed(text, 'The body')];
  return text.split('\n').flatMap((line, i) => {
    return line.trim() === '' ? [] : [parsed(line, `Line ${i + 1}`)];
  });
}

const decoder = new TextDecoder('utf-8', { fatal: true });

function textOf(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new Refusal(400, 'The body is not UTF-8.');
  }
}

function parsed(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    const remedy = 'Send one JSON value, or JSON lines as application/x-ndjson.';
    throw new Refusal(400, `${what} is no JSON. ${remedy}`);
  }
}

/** What is wrong with a request. */
class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

function busy(): Refusal {
  return new Refusal(503, 'Not taken: try again later.');
}

/** Errors of the topic are the sender's, those of the log are not. */
function answerError(response: ServerResponse, error: unknown): void {
  if (error instanceof Refusal) answer(response, error.status, { error: error.message });
  else if (isMillraceError(error) && senders.includes(error.code)) {
    answer(response, 400, { error: error.message });
  } else answer(response, 503, { error: busy().message });
}

const senders: readonly string[] = ['ENCODE', 'INVALID', 'USER_FUNCTION'];

function answer(response: ServerResponse, status: number, body: object): void {
  if (response.headersSent || response.destroyed) return;
  if (status >= 400) response.setHeader('connection', 'close'); // whoever is refused may still send
  response.setHeader('content-type', 'application/json');
  response.writeHead(status).end(`${JSON.stringify(body)}\n`);
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      const message = `Can't listen on ${host}:${port} (${cause.message}). Choose another port.`;
      reject(new MillraceError('IO', message, { cause }));
    });
    server.listen(port, host, resolve);
  });
}

function urlOf(server: Server, host: string): string {
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

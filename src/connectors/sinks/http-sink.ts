/**
 * Records posted over HTTP, at least once: each with its id as `Idempotency-Key`, so that a
 * receiver that remembers ids, or puts records under them, has each once.
 */
import { checkNumbers, checkOptions, MillraceError, messageOf } from '../../platform/index.ts';
import type { DeliveredRecord, Sink } from '../sink.ts';

export interface HttpSinkOptions<Key, Value> {
  readonly url: string;
  /** What is posted of a record, as JSON. Default: its value. */
  readonly body?: (record: DeliveredRecord<Key, Value>) => unknown;
  /** Sent with each request, for example `authorization`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** How long an answer may take, in ms. Default 30,000. */
  readonly timeoutMs?: number;
}

/** Positions are committed behind so many records at most. */
const batchRecordsMax = 100;

/**
 * Posts each record as JSON, one after another, with the header `Idempotency-Key:
 * <topic>-<partition>-<offset>`. After a status of 429 or 5xx, a broken connection or a timeout it
 * is posted again, with exponential back-off; any other status but 2xx ends the delivery.
 *
 * @example
 * deliver(alerts, httpSink({ url: 'https://example.com/alerts' }), { data: './data' });
 */
export function httpSink<Key, Value>(options: HttpSinkOptions<Key, Value>): Sink<Key, Value> {
  checkOptions('httpSink()', options, ['url', 'body', 'headers', 'timeoutMs']);
  checkNumbers('httpSink()', options, ['timeoutMs']);
  const { url, body = ({ value }) => value, headers = {}, timeoutMs = 30_000 } = options;
  if (!URL.canParse(url) || !/^https?:/.test(url)) {
    throw new MillraceError('INVALID', `httpSink(): ${JSON.stringify(url)} is no URL of HTTP.`);
  }
  return {
    name: url,
    batchRecordsMax,
    open: ({ signal }) => ({
      async write({ records }) {
        for (const record of records) {
          const response = await post(
            url,
            AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
            {
              headers: {
                'content-type': 'application/json',
                ...headers,
                'idempotency-key': record.id,
              },
              body: JSON.stringify(body(record)) ?? 'null',
            },
          );
          await response.body?.cancel();
          if (!response.ok) throw refused(url, record.id, response.status);
        }
      },
      close() {},
    }),
  };
}

async function post(url: string, signal: AbortSignal, request: RequestInit): Promise<Response> {
  try {
    return await fetch(url, { ...request, method: 'POST', signal });
  } catch (cause) {
    const message = `Can't post to ${url}: ${messageOf(cause)}.`;
    throw new MillraceError('IO', message, { cause, retryable: true });
  }
}

function refused(url: string, id: string, status: number): MillraceError {
  const retryable = status === 429 || status >= 500;
  const remedy = retryable ? 'It is sent again.' : 'Correct the body or the receiver.';
  const message = `${url} answers record ${id} with ${status}. ${remedy}`;
  return new MillraceError('IO', message, { retryable });
}

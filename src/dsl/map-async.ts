/** What `mapAsync` takes besides its function. */
import { type Codec, json } from '../formats/index.ts';
import { MillraceError } from '../platform/index.ts';
import {
  checkChoice,
  checkOptions,
  type Duration,
  durationMs,
  type GraphNode,
} from '../runtime/index.ts';
import { type Retry, retryOf } from './on-error.ts';
import { type AgeingOptions, ttlOf } from './state-specs.ts';
import { nameOf, type StepOptions } from './step-options.ts';

/** What the function gets besides the value. */
export interface AsyncContext {
  /** Aborted when the time limit of the try is over, and when the job stops. */
  readonly signal: AbortSignal;
}

export interface MapAsyncOptions<Value, Out> extends StepOptions {
  /**
   * So many calls are under way at once, at most; while so many values wait for their results
   * nothing is read. Default 100.
   */
  readonly capacity?: number;
  /**
   * `'ordered'`, the default: results leave in the order of the values. `'unordered'`: each leaves
   * when it is there.
   */
  readonly order?: 'ordered' | 'unordered';
  /** Of each try; then its signal is aborted, and it has failed. Default: none. */
  readonly timeout?: Duration;
  /** A call that fails is tried again. Default: it is not. */
  readonly retry?: Retry['retry'];
  /** What was answered is not asked again. Default: nothing is remembered. */
  readonly memo?: MemoOptions<Value>;
  /** How values are kept while they wait. Default: plain JSON. */
  readonly input?: Codec<Value>;
  /** How results are kept. Default: plain JSON. */
  readonly result?: Codec<Out>;
}

/** `ttl`: how long an answer holds, from when its question was asked. */
export interface MemoOptions<Value> extends AgeingOptions {
  /** What is asked, as plain JSON: values with equal keys get one answer. */
  key(value: Value): unknown;
}

export type MapAsyncArguments<Value, Out> = [
  map: (value: Value, context: AsyncContext) => PromiseLike<Out>,
  options?: MapAsyncOptions<Value, Out>,
];

const names = [
  ...['name', 'capacity', 'order', 'timeout', 'retry', 'memo', 'input', 'result'],
] as const;

type MapAsyncNode = Extract<GraphNode, { readonly kind: 'mapAsync' }>;

/** The node without its place in the graph. Fails with `INVALID`. */
export function mapAsyncNode<Value, Out>(
  map: (value: Value, context: AsyncContext) => PromiseLike<Out>,
  options: MapAsyncOptions<Value, Out>,
): Omit<MapAsyncNode, 'id' | 'input'> {
  checkOptions('mapAsync()', options, names);
  const { capacity = 100, order = 'ordered', timeout, retry, memo } = options;
  if (!Number.isInteger(capacity) || capacity < 1) {
    throw new MillraceError(
      'INVALID',
      `mapAsync(): capacity can't be ${capacity}: it takes a whole number from 1 on.`,
    );
  }
  checkChoice('order of mapAsync()', order, ['ordered', 'unordered']);
  return {
    kind: 'mapAsync',
    name: nameOf(options).name,
    map: map as (value: unknown, context: AsyncContext) => unknown, // the graph knows no types
    capacity,
    order,
    timeoutMs: timeout === undefined ? Number.POSITIVE_INFINITY : timeoutMs(timeout),
    retry: retry && retryOf(retry, 'mapAsync()'),
    memo: memo && memoOf(memo),
    inputCodec: (options.input ?? json<Value>()) as Codec<unknown>, // likewise
    resultCodec: (options.result ?? json<Out>()) as Codec<unknown>, // likewise
  };
}

function timeoutMs(timeout: Duration): number {
  const ms = durationMs(timeout, 'timeout of mapAsync()');
  if (ms > 0) return ms;
  throw new MillraceError('INVALID', "timeout of mapAsync() can't be 0: give it at least 1 ms.");
}

function memoOf<Value>(memo: MemoOptions<Value>): NonNullable<MapAsyncNode['memo']> {
  checkOptions('memo of mapAsync()', memo, ['key', 'ttl']);
  if (typeof memo.key !== 'function') {
    throw new MillraceError(
      'INVALID',
      'memo of mapAsync() needs key: a function of the value that says what is asked.',
    );
  }
  const key = memo.key as (value: unknown) => unknown; // likewise
  return { key, ...ttlOf(memo, 'the memo of mapAsync()') };
}

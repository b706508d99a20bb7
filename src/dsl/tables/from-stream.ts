/** Tables of keyed streams: what `toTable`, `latest` and `topN` of a stream do. */
import type { StateSpecs, StepFunctions } from '../process.ts';
import type { StepOptions } from '../step-options.ts';
import type { KeyedStream } from '../stream.ts';
import type { AnyRow, Change } from './change.ts';
import {
  type LatestOptions,
  lastValues,
  latestValues,
  type ToTableOptions,
  toTableOptions,
} from './last-values.ts';
import { Table } from './table.ts';
import { checkTopN, type TopNOptions, topNOptions, topOfStream } from './top-n.ts';

export function toTable<Value, Key>(
  stream: KeyedStream<Value, Key>,
  options: ToTableOptions<NonNullable<Value>>,
  known: readonly string[] = toTableOptions,
): Table<NonNullable<Value>, Key> {
  stream.check('deleteWhen of toTable()', options.deleteWhen ?? noop, options, known);
  return tableOf(rowsOf(stream), 'toTable', options, lastValues(options));
}

export function latest<Value, Key>(
  stream: KeyedStream<Value, Key>,
  options: LatestOptions<NonNullable<Value>>,
): Table<NonNullable<Value>, Key> {
  stream.check('by of latest()', options.by ?? noop, options, ['name', 'by']);
  return tableOf(rowsOf(stream), 'latest', options, latestValues(options));
}

export function topN<Value, Key>(
  stream: KeyedStream<Value, Key>,
  options: TopNOptions<NonNullable<Value>>,
): Table<readonly NonNullable<Value>[], Key> {
  stream.check('by of topN()', options.by, options, topNOptions);
  checkTopN(options);
  return tableOf(rowsOf(stream), 'topN', options, topOfStream(options));
}

/** Values are rows, or null or undefined, which the types can't say of any `Value`. */
function rowsOf<Value, Key>(
  stream: KeyedStream<Value, Key>,
): KeyedStream<NonNullable<Value> | null | undefined, Key> {
  return stream as KeyedStream<unknown, Key> as KeyedStream<NonNullable<Value>, Key>;
}

function tableOf<Row extends AnyRow, Value, Key, Specs extends StateSpecs>(
  stream: KeyedStream<Value, Key>,
  label: string,
  { name }: StepOptions,
  step: StepFunctions<Value, Key, Specs, Change<Row>>,
): Table<Row, Key> {
  return new Table(stream.addStep(label, name, step));
}

function noop(): void {}

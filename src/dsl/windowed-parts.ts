/** What streams of windows have in common. */
import type { Edge, WindowAssigner, WindowNode } from '../runtime/index.ts';
import type { GraphBuilder } from './graph-builder.ts';
import { checkStepName, type StepOptions } from './step-options.ts';
import type { WindowResults } from './stream.ts';

/** When a window of a result begins and ends, in ms since the epoch: `[windowStart, windowEnd)`. */
export interface WindowTimes {
  readonly windowStart: number;
  readonly windowEnd: number;
}

/** What a stream of windows is made of. */
export interface WindowedParts<Value, Key> {
  readonly graph: GraphBuilder;
  readonly input: Edge;
  readonly assigner: WindowAssigner;
  /** Makes the stream that leaves a window step. */
  readonly results: <Result>(edge: Edge) => WindowResults<Result, Key, Value>;
}

export function addWindow<Result, Value, Key>(
  { graph, input, assigner, results }: WindowedParts<Value, Key>,
  { name }: StepOptions,
  rest: Pick<WindowNode, 'aggregate' | 'firing' | 'result'>,
): WindowResults<Result, Key, Value> {
  checkStepName(graph.job, name);
  return results(graph.add({ kind: 'window', input, name, assigner, ...rest }));
}

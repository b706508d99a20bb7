/** Makes the operator of a process step, and declares its state. */
import type { StoreRegistry } from '../state/index.ts';
import type { BroadcastState, VisitedKeys } from './operators/broadcast.ts';
import { Moment } from './operators/moment.ts';
import { presence } from './operators/presence.ts';
import { ProcessOperator, type ProcessParts } from './operators/process.ts';
import { declareState } from './operators/states.ts';

type Given = 'context' | 'step' | 'definition' | 'keyOf' | 'keys' | 'next' | 'late';

export interface BuildProcessOptions extends Pick<ProcessParts, Given> {
  readonly stores: StoreRegistry;
  /** What it sees of broadcast state; undefined where there is none. */
  readonly state?: BroadcastState;
  readonly visited?: VisitedKeys | undefined;
}

export function buildProcess(options: BuildProcessOptions): ProcessOperator {
  const { context, stores, step, definition, keyOf, keys, next, late, visited } = options;
  const keyCodec = keys.codec;
  const moment = new Moment();
  const state = Object.entries(definition.state).map(([name, spec]) => {
    return [name, declareState({ stores, step: step.name, keyCodec, moment }, name, spec)] as const;
  });
  const timed = (name: string) =>
    stores.timed({ keyCodec, name: `${step.name}/${name}`, value: presence });
  return new ProcessOperator({
    ...{ context, step, definition, keyOf, keys, moment, next, late, visited },
    state: Object.fromEntries(state),
    broadcast: options.state?.readable ?? {},
    eventTimers: timed('event timers'),
    processingTimers: timed('processing timers'),
    slices: definition.onSlice === undefined ? undefined : timed('work under way'),
  });
}

/** Makes the operator of a window step, and declares its stores. */
import { unreachable } from '../platform/index.ts';
import type { StoreRegistry } from '../state/index.ts';
import type { WindowNode } from './graph.ts';
import type { KeyFactory } from './keys.ts';
import type { OperatorContext, Receiver, Step, TimedOperator } from './operator.ts';
import { AssignedWindowOperator } from './operators/assigned-window.ts';
import { type Assign, customOf, sessionsOf } from './operators/assigners.ts';
import { presence } from './operators/presence.ts';
import { SlicedWindowOperator } from './operators/sliced-window.ts';
import { cumulatingSlices, hoppingSlices, type Slices } from './operators/slices.ts';
import { calendarFrames, type Frames, tumblingFrames, WindowOperator } from './operators/window.ts';
import { WindowTable } from './operators/window-table.ts';
import { shapeOfWindows } from './windows.ts';

export interface WindowStep {
  readonly context: OperatorContext;
  readonly stores: StoreRegistry;
  readonly step: Step;
  readonly node: WindowNode;
  readonly keys: KeyFactory;
  readonly next: Receiver;
  /** Undefined: nobody reads the late stream. */
  readonly late: Receiver | undefined;
}

export function buildWindow(window: WindowStep): Receiver & TimedOperator {
  const { assigner } = window.node;
  switch (assigner.kind) {
    case 'tumbling':
      return framed(window, tumblingFrames(assigner));
    case 'calendar':
      return framed(window, calendarFrames(assigner));
    case 'hopping':
      return sliced(window, hoppingSlices(assigner));
    case 'cumulating':
      return sliced(window, cumulatingSlices(assigner));
    case 'session':
      return assigned(window, sessionsOf(assigner), true);
    case 'custom':
      return assigned(window, customOf(assigner), false);
    default:
      return unreachable(assigner);
  }
}

function framed(window: WindowStep, frames: Frames): WindowOperator {
  return new WindowOperator({ ...window, frames, store: declareTimed(window, 'windows') });
}

function sliced(window: WindowStep, slices: Slices): SlicedWindowOperator {
  const { stores, step, keys } = window;
  const store = declareTimed(window, 'slices');
  const ends = stores.timed({
    name: `${step.name}/window ends`,
    value: presence,
    keyCodec: keys.codec,
  });
  return new SlicedWindowOperator({ ...window, slices, store, ends });
}

function assigned(window: WindowStep, assign: Assign, merges: boolean): AssignedWindowOperator {
  const { stores, step, node, keys } = window;
  const table = new WindowTable({
    stores,
    step: step.name,
    keyCodec: keys.codec,
    aggregate: node.aggregate,
    shape: shapeOfWindows(node.assigner),
  });
  return new AssignedWindowOperator({ ...window, assign, merges, table });
}

/** Accumulators by time. */
function declareTimed({ stores, step, node, keys }: WindowStep, name: string) {
  const { assigner, aggregate } = node;
  return stores.timed({
    name: `${step.name}/${name}`,
    value: aggregate.codec,
    keyCodec: keys.codec,
    shape: `${shapeOfWindows(assigner)}, ${aggregate.name}`,
  });
}

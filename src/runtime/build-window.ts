/** Makes the operator of a window step, and declares its stores. */
import { assert, unreachable } from '../platform/index.ts';
import type { StoreRegistry } from '../state/index.ts';
import type { WindowNode } from './graph.ts';
import type { KeyFactory } from './keys.ts';
import type { OperatorContext, Receiver, Step, TimedOperator } from './operator.ts';
import { AssignedWindowOperator } from './operators/assigned-window.ts';
import { assignOf, gapOf } from './operators/assigners.ts';
import { PaneWindowOperator } from './operators/pane-window.ts';
import { presence } from './operators/presence.ts';
import { SessionTable } from './operators/session-table.ts';
import { SessionWindowOperator } from './operators/session-window.ts';
import { SlicedWindowOperator } from './operators/sliced-window.ts';
import { cumulatingSlices, hoppingSlices, type Slices } from './operators/slices.ts';
import { calendarFrames, type Frames, tumblingFrames, WindowOperator } from './operators/window.ts';
import { PaneTable, WindowTable, type WindowTableParts } from './operators/window-table.ts';
import { type SessionWindows, shapeOfWindows, type WindowFiring } from './windows.ts';

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
  const { assigner, firing } = window.node;
  if (firing !== undefined) return paned(window, firing);
  assert(assigner.kind !== 'global', 'a global window has a trigger');
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
      return sessions(window, assigner);
    case 'custom':
      return assigned(window);
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

function assigned(window: WindowStep): AssignedWindowOperator {
  const table = new WindowTable(tableOf(window, shapeOfWindows(window.node.assigner)));
  return new AssignedWindowOperator({ ...window, assign: assignOf(window.node.assigner), table });
}

function sessions(window: WindowStep, assigner: SessionWindows): SessionWindowOperator {
  const table = new SessionTable(tableOf(window, shapeOfWindows(assigner)));
  return new SessionWindowOperator({ ...window, gapOf: gapOf(assigner), table });
}

/** An entry waits for the end and the lateness it was made with, so that is a part of the shape. */
function paned(window: WindowStep, firing: WindowFiring): PaneWindowOperator {
  const windows = shapeOfWindows(window.node.assigner);
  const shape = `panes of ${windows}, lateness ${firing.latenessMs} ms`;
  const table = new PaneTable(tableOf(window, shape));
  const { assigner } = window.node;
  const [assign, merges] = [assignOf(assigner), assigner.kind === 'session'];
  return new PaneWindowOperator({ ...window, assign, merges, firing, table });
}

function tableOf({ stores, step, node, keys }: WindowStep, shape: string): WindowTableParts {
  const { aggregate } = node;
  return { stores, step: step.name, keyCodec: keys.codec, aggregate, shape };
}

/** Accumulators by time. */
function declareTimed({ stores, step, node, keys }: WindowStep, name: string) {
  const { assigner, aggregate } = node;
  return stores.timed({
    name: `${step.name}/${name}`,
    value: aggregate.codec,
    keyCodec: keys.codec,
    shape: `${shapeOfWindows(assigner)}, ${aggregate.name}`,
    changedInPlace: true,
  });
}

/** When a window fires that may fire more than once; the names are those of Apache Beam. */
import { checkOptions, MillraceError } from '../platform/index.ts';
import {
  type AfterCount,
  type AfterProcessingTime,
  type AfterWatermark,
  type Duration,
  durationMs,
  type PaneTrigger,
  type Repeatedly,
} from '../runtime/index.ts';

export type Trigger = AfterWatermark | Repeatedly;

export interface AfterWatermarkOptions {
  /** Fires before the end of the window too, again and again. Default: it does not. */
  readonly early?: PaneTrigger;
  /** Fires for records that come within the allowed lateness. Default: for each of them. */
  readonly late?: PaneTrigger;
}

/**
 * When the watermark passes the end of the window; before and after that as `early` and `late` say.
 * @example .trigger(afterWatermark({ early: afterCount(1000), late: afterProcessingTime('1m') }))
 */
export function afterWatermark(options: AfterWatermarkOptions = {}): AfterWatermark {
  checkOptions('afterWatermark()', options, ['early', 'late']);
  const { early, late = afterCount(1) } = options;
  if (early !== undefined) checkPaneTrigger('{ early } of afterWatermark()', early);
  checkPaneTrigger('{ late } of afterWatermark()', late);
  return { kind: 'afterWatermark', early, late };
}

/** When so many records have come since the last pane. */
export function afterCount(count: number): AfterCount {
  if (Number.isSafeInteger(count) && count > 0) return { kind: 'afterCount', count };
  throw new MillraceError(
    'INVALID',
    `afterCount() can't be given ${String(count)}: it takes a whole number of records, at least 1.`,
  );
}

/** By the clock, so long after the first record since the last pane. */
export function afterProcessingTime(delay: Duration): AfterProcessingTime {
  const delayMs = Math.ceil(durationMs(delay, 'The delay of afterProcessingTime()'));
  return { kind: 'afterProcessingTime', delayMs };
}

/**
 * Again and again as `trigger` says, the end of the window or not. What no pane had by then leaves
 * in a last one when the window goes.
 * @example .trigger(repeatedly(afterCount(100)), { mode: 'discarding' })
 */
export function repeatedly(trigger: PaneTrigger): Repeatedly {
  checkPaneTrigger('repeatedly()', trigger);
  return { kind: 'repeatedly', trigger };
}

/** Fails with `INVALID` for what is none. */
export function checkTrigger(trigger: Trigger, where: string, kinds: readonly string[]): void {
  if (kinds.includes(trigger?.kind)) return;
  throw new MillraceError(
    'INVALID',
    `${where} takes ${kinds.map((kind) => `${kind}(...)`).join(' or ')}: afterCount() and ` +
      'afterProcessingTime() alone would fire once and lose the rest. Wrap them in repeatedly().',
  );
}

function checkPaneTrigger(where: string, trigger: PaneTrigger): void {
  if (trigger?.kind === 'afterCount' || trigger?.kind === 'afterProcessingTime') return;
  throw new MillraceError('INVALID', `${where} takes afterCount(n) or afterProcessingTime(delay).`);
}

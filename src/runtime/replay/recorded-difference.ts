/** Whether an epoch that was repeated is the one that was recorded, and how it differs. */
import type { Recorded } from '../epoch-log.ts';
import { decodeEpochRecord, type EpochRecord, epochFormat } from '../epoch-record.ts';
import { notRepeatable, type Purpose } from './rebuild-errors.ts';

/**
 * `again`: the record of the repetition, which had so many inputs; undefined where the epoch did
 * nothing. Fails with `NOT_REPEATABLE`.
 */
export function requireSame(
  purpose: Purpose,
  recorded: Recorded<EpochRecord>,
  again: Uint8Array | undefined,
  inputs: number,
): void {
  const { record, epoch, clockMs } = recorded;
  if (again === undefined ? changedStateOnly(record) : isAsRecorded(recorded, again, inputs)) {
    return;
  }
  const when = new Date(clockMs).toISOString();
  const difference = differenceOf(record, again, inputs);
  throw notRepeatable(
    purpose,
    `epoch ${epoch}, committed at ${when}, ${difference}. Either the job was changed since, or a ` +
      'function of it depends on more than its arguments.',
  );
}

/** Older formats tell less. */
function isAsRecorded(
  { record, format, bytes }: Recorded<EpochRecord>,
  again: Uint8Array,
  inputs: number,
) {
  if (Buffer.compare(bytes, again) === 0) return true;
  if (format === epochFormat) return false;
  const now = decodeEpochRecord(again, inputs);
  return now.kind === 'epoch' && isSame(withoutFormat(record), withoutFormat(now));
}

function withoutFormat({ opening, failed: _, ...record }: EpochRecord) {
  return [{ ...opening, format: 0 }, record];
}

/** With another time-to-live a job writes that down when it is opened; the new one counts now. */
function changedStateOnly(record: EpochRecord): boolean {
  const { isStart, moved, watermark, fired, outputs, opening } = record;
  const didNothing = moved.length === 0 && fired === 0 && outputs === undefined;
  return !isStart && didNothing && watermark === undefined && opening?.newStates.length === 0;
}

function differenceOf(then: EpochRecord, again: Uint8Array | undefined, inputs: number): string {
  if (again === undefined) return 'does nothing now';
  const now = decodeEpochRecord(again, inputs);
  if (now.kind === 'drop') return 'does something else';
  const [was, is] = [then, now].map(({ opening }) => list(opening?.newStates ?? []));
  if (was !== is) return `began to keep ${was}, and now ${is}`;
  if (!isSame([then.moved, then.waiting], [now.moved, now.waiting])) {
    return 'reads other records now, or in another order';
  }
  if (then.fired !== now.fired) {
    return `fired ${then.fired} windows, timers, answers and ends of state, and now ${now.fired}`;
  }
  return then.outputs === now.outputs ? 'goes another way now' : 'writes other records now';
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function list(states: readonly string[]): string {
  if (states.length === 0) return 'no new state';
  return `the state ${states.map((name) => `"${name}"`).join(', ')}`;
}

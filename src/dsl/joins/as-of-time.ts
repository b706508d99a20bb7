/**
 * The join of a stream and a table as it was at the time of each record.
 *
 *   versions        a at 3 ───────── b at 10 ──────────────── none at 25
 *   records              5: a            10: b     18: b             30: none
 *
 * A record waits until the watermark reaches its time: then every change up to it has come that is
 * not late. A late record is joined at once, if it is within the grace. A version goes when another
 * one follows it that is older than the grace: nobody can ask for it any more.
 *
 * A change that is late counts for the records that are joined after it.
 */
import type { MapSpec, TimedValue } from '../../runtime/index.ts';
import type { StepContext, TimedStepFunctions } from '../process.ts';
import { map } from '../state-specs.ts';
import type { AnyRow } from '../tables/change.ts';
import { freePlace, type Place, placeCodec } from './place.ts';
import type { StreamOrTable, WithRow } from './stream-table.ts';

type AsOfState<Value, Row> = {
  /** The row from a time on; none: null. */
  readonly versions: MapSpec<Place, Row | null>;
  /** Records by time. */
  readonly waiting: MapSpec<Place, Value>;
};

/** How many records are joined at once: a task looks at the clock after 32 slices. */
const sliceRecords = 64;

export function asOfTime<Value, Row extends AnyRow, Key, Out>(
  graceMs: number,
  isLeft: boolean,
  combine: WithRow<Value, Row, Out>,
): TimedStepFunctions<StreamOrTable<Value, Row>, Key, AsOfState<Value, Row>, Out> {
  type Context = StepContext<Key, AsOfState<Value, Row>>;

  function* joined(value: Value, row: Row | null, timestamp: number): Iterable<TimedValue<Out>> {
    if (row !== null || isLeft) yield { value: combine(value, row ?? undefined), timestamp };
  }

  /** Joins what waits up to the time of a timer; both are walked over together, by time. */
  function* joinWaiting({ state, timestamp: now, goOn }: Context): Iterable<TimedValue<Out>> {
    const versions = state.versions.entries()[Symbol.iterator]();
    let next = versions.next();
    let row: Row | null = null;
    let left = sliceRecords;
    for (const [place, value] of state.waiting.entries()) {
      if (place.time > now) return;
      if (left-- === 0) {
        goOn();
        return;
      }
      for (; next.done !== true && next.value[0].time <= place.time; next = versions.next()) {
        row = next.value[1];
      }
      state.waiting.delete(place);
      yield* joined(value, row, place.time);
    }
  }

  /** Forgets versions that are followed by one from before `until`, and that one if it is none. */
  function forget({ versions }: Context['state'], until: number): void {
    let last: readonly [Place, Row | null] | undefined;
    for (const version of versions.entries()) {
      if (version[0].time > until) break;
      if (last !== undefined) versions.delete(last[0]);
      last = version;
    }
    if (last !== undefined && last[1] === null) versions.delete(last[0]);
  }

  function* onTime(context: Context): Iterable<TimedValue<Out>> {
    yield* joinWaiting(context);
    forget(context.state, context.timestamp - graceMs);
  }

  return {
    state: { versions: map({ key: placeCodec }), waiting: map({ key: placeCodec }) },
    isTimed: true,
    *onRecord(record, { state, timestamp, watermark, timers, late }) {
      if (record.side === 'right') {
        const only = { time: timestamp, n: 0 }; // of several the last one counts
        state.versions.set(only, record.value.after ?? null);
        timers.event.set(timestamp + graceMs);
      } else if (timestamp > watermark) {
        state.waiting.set(freePlace(state.waiting, timestamp), record.value);
        timers.event.set(timestamp);
      } else if (timestamp > watermark - graceMs) {
        let row: Row | null = null;
        for (const [place, version] of state.versions.entries()) {
          if (place.time > timestamp) break;
          row = version;
        }
        yield* joined(record.value, row, timestamp);
      } else {
        late(record.value);
      }
    },
    onTimer: (_, context) => onTime(context),
    onSlice: onTime,
  };
}

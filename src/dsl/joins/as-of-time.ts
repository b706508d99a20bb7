/**
 * The join of a stream and a table as it was at the time of each record.
 *
 *   versions        a at 3 ───────── b at 10 ──────────────── none at 25
 *   records              5: a            10: b     18: b             30: none
 *
 * A record waits until the watermark reaches its time: then every change up to it has come that is
 * not late. A late record is joined at once, and a late change counts for the records that are
 * joined after it, if they are within the grace. A version goes when another one follows it that is
 * older than the grace: nobody can ask for it any more.
 *
 * Versions lie from the newest to the oldest, so that one of a time is the first behind it.
 */
import type { MapSpec, MapState, TimedValue } from '../../runtime/index.ts';
import type { StepContext, TimedStepFunctions } from '../process.ts';
import { map } from '../state-specs.ts';
import type { AnyRow } from '../tables/change.ts';
import { freePlace, type Place, placeCodec } from './place.ts';
import type { StreamOrTable, WithRow } from './stream-table.ts';

type AsOfState<Value, Row> = {
  /** The row from a time on, which stands there as its negative; none: null. */
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

  /** Joins what waits up to the time of a timer. */
  function* joinWaiting({ state, timestamp: now, goOn }: Context): Iterable<TimedValue<Out>> {
    let left = sliceRecords;
    for (const [place, value] of state.waiting.entries()) {
      if (place.time > now) return;
      if (left-- === 0) {
        goOn();
        return;
      }
      state.waiting.delete(place);
      yield* joined(value, rowAt(state.versions, place.time), place.time);
    }
  }

  /** Forgets versions that are followed by one from before `until`, and that one if it is none. */
  function forget({ versions }: Context['state'], until: number): void {
    let isFollowed = false;
    for (const [place, row] of versionsUpTo(versions, until)) {
      if (isFollowed || row === null) versions.delete(place);
      isFollowed = true;
    }
  }

  function* onTime(context: Context): Iterable<TimedValue<Out>> {
    yield* joinWaiting(context);
    forget(context.state, context.timestamp - graceMs);
  }

  return {
    state: { versions: map({ key: placeCodec }), waiting: map({ key: placeCodec }) },
    isTimed: true,
    *onRecord(record, { state, timestamp, watermark, timers, late }) {
      if (timestamp <= watermark - graceMs) {
        late(record);
      } else if (record.side === 'right') {
        const only = { time: -timestamp, n: 0 }; // of several the last one counts
        state.versions.set(only, record.value.after ?? null);
        timers.event.set(timestamp + graceMs);
      } else if (timestamp > watermark) {
        state.waiting.set(freePlace(state.waiting, timestamp), record.value);
        timers.event.set(timestamp);
      } else {
        yield* joined(record.value, rowAt(state.versions, timestamp), timestamp);
      }
    },
    onTimer: (_, context) => onTime(context),
    onSlice: onTime,
  };
}

/** The version of a time, and those before it, the newest first. */
function versionsUpTo<Row>(
  versions: MapState<Place, Row | null>,
  time: number,
): Iterable<[Place, Row | null]> {
  return versions.entries({ after: { time: -time - 1, n: 0 } });
}

function rowAt<Row>(versions: MapState<Place, Row | null>, time: number): Row | null {
  for (const [, row] of versionsUpTo(versions, time)) return row;
  return null;
}

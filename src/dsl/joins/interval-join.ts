/**
 * The interval join: each left record with each right one of its key whose event time lies near to
 * its own.
 *
 *                  before         after
 *             |<------------>|<---------->|
 *   left                     l
 *   right    r         r           r           r
 *            no        yes         yes         no
 *
 * Each side keeps its records by time, so that a record reads the part of the other side that it
 * meets and nothing else. A record goes when the watermark says that none can come any more that it
 * would meet: `after` behind a left record, `before` behind a right one. That is also when one that
 * has met none is emitted, if it is to be.
 *
 * Which records meet does not depend on the order in which they come. One that is late would meet
 * some of its others and lack those that have gone, so it meets none.
 */
import type { MapSpec, MapState, TimedValue } from '../../runtime/index.ts';
import type { StepContext, TimedStepFunctions } from '../process.ts';
import { map } from '../state-specs.ts';
import { between, freePlace, type Place, placeCodec } from './place.ts';
import type { Outer, Pair, Sided } from './sides.ts';

export interface IntervalMs {
  readonly beforeMs: number;
  readonly afterMs: number;
}

interface Kept<Value> {
  readonly value: Value;
  /** It has met another one; noted where that counts. */
  readonly met?: true;
}

type JoinState<Left, Right> = {
  readonly left: MapSpec<Place, Kept<Left>>;
  readonly right: MapSpec<Place, Kept<Right>>;
};

/** How many records go at once: a task looks at the clock after 32 slices. */
const sliceRecords = 64;

/** Where the moment of going does not show, records go together: so much later, at most. */
const patience = 1 / 8;

export function intervalJoin<Left, Right, Key, Out>(
  { beforeMs, afterMs }: IntervalMs,
  outer: Outer,
  pair: Pair<Left, Right, Out>,
): TimedStepFunctions<Sided<Left, Right>, Key, JoinState<Left, Right>, Out> {
  type Context = StepContext<Key, JoinState<Left, Right>>;
  const gridMs = Math.max(1, Math.floor((beforeMs + afterMs) * patience));
  const sides = {
    left: {
      keptMs: afterMs,
      alone: outer.left ? (value: Left) => pair(value, undefined) : undefined,
    },
    right: {
      keptMs: beforeMs,
      alone: outer.right ? (value: Right) => pair(undefined, value) : undefined,
    },
  };

  /** Lets go what can meet none any more; emits what has met none. */
  function* letGo({ state, timestamp, goOn }: Context): Generator<TimedValue<Out>, void, void> {
    const room = { left: sliceRecords };
    yield* letGoOf(state.left, sides.left, timestamp, room);
    yield* letGoOf(state.right, sides.right, timestamp, room);
    if (room.left === 0) goOn();
  }

  return {
    state: { left: map({ key: placeCodec }), right: map({ key: placeCodec }) },
    isTimed: true,
    *onRecord(record, { state, timestamp, watermark, timers, late }) {
      if (timestamp <= watermark) {
        late(record);
        return;
      }
      const { keptMs, alone } = sides[record.side];
      const end = timestamp + keptMs;
      const isExact = alone !== undefined;
      timers.event.set(isExact ? end : Math.ceil(end / gridMs) * gridMs);
      if (record.side === 'left') {
        const near = [timestamp - beforeMs, timestamp + afterMs] as const;
        const met = meet(state.right, timestamp, near, outer.right);
        yield* kept(state.left, record.value, timestamp, met, (other) => pair(record.value, other));
      } else {
        const near = [timestamp - afterMs, timestamp + beforeMs] as const;
        const met = meet(state.left, timestamp, near, outer.left);
        yield* kept(state.right, record.value, timestamp, met, (other) =>
          pair(other, record.value),
        );
      }
    },
    onTimer: (_, context) => letGo(context),
    onSlice: letGo,
  };
}

/** What lies near, and the time of the pair; each is marked as met where that counts. */
function* meet<Other>(
  others: MapState<Place, Kept<Other>>,
  time: number,
  [from, to]: readonly [number, number],
  counts: boolean,
): Generator<TimedValue<Other>, void, void> {
  for (const [place, of] of between(others, from, to)) {
    if (counts && of.met === undefined) others.set(place, { ...of, met: true });
    yield { value: of.value, timestamp: Math.max(time, place.time) };
  }
}

/** Pairs a record with those that it has met, and keeps it. */
function* kept<Own, Other, Out>(
  own: MapState<Place, Kept<Own>>,
  value: Own,
  time: number,
  others: Iterable<TimedValue<Other>>,
  pair: (other: Other) => Out,
): Generator<TimedValue<Out>, void, void> {
  let met = false;
  for (const other of others) {
    met = true;
    yield { value: pair(other.value), timestamp: other.timestamp };
  }
  own.set(freePlace(own, time), met ? { value, met } : { value });
}

interface Side<Value, Out> {
  readonly keptMs: number;
  /** What is emitted of a record that has met none; undefined: nothing. */
  readonly alone: ((value: Value) => Out) | undefined;
}

function* letGoOf<Value, Out>(
  kept: MapState<Place, Kept<Value>>,
  { keptMs, alone }: Side<Value, Out>,
  now: number,
  room: { left: number },
): Generator<TimedValue<Out>, void, void> {
  if (room.left === 0) return;
  for (const [place, { value, met }] of kept.entries()) {
    if (place.time + keptMs > now) return;
    kept.delete(place);
    if (alone !== undefined && met === undefined) {
      yield { value: alone(value), timestamp: place.time + keptMs };
    }
    room.left--;
    if (room.left === 0) return;
  }
}

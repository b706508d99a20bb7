/**
 * Broadcast state: what all keys of a process step see, and the records that change it.
 *
 *   broadcast record ──> onBroadcast: changes the state, may ask for a visit of all keys
 *   visit            ──> onKey, for each key that has state, in the order of the keys
 *
 * A visit goes on as windows fire: before another record is read or anything else falls due, one
 * key at a time, with commits in between. So no result depends on where it is interrupted. Which
 * keys are yet to be visited is state: each is kept at the number of the visit that it had last.
 *
 *   visit 3 begins      keys    2 a   2 b   2 c
 *   a was visited               2 b   2 c   3 a
 *   ... all were                3 a   3 b   3 c
 */
import type { Codec } from '../../formats/index.ts';
import {
  type KeyFormat,
  onlyKey,
  onlyKeyFormat,
  type StateKey,
  type StoreRegistry,
  type TimedStore,
  type ValueStore,
} from '../../state/index.ts';
import type { BroadcastContext, BroadcastNode } from '../graph.ts';
import type { OperatorContext, Receiver, Step, TimedOperator } from '../operator.ts';
import type { State } from '../state.ts';
import { Moment } from './moment.ts';
import { presence } from './presence.ts';
import type { ProcessOperator } from './process.ts';
import { declareState } from './states.ts';

/** The last visit that was asked for. */
interface Visit {
  readonly number: number;
  readonly isUnderWay: boolean;
  /** Event time of the record that asked. */
  readonly timestamp: number;
}

const noVisit: Visit = { number: 0, isUnderWay: false, timestamp: 0 };

/** The keys that have state, and whether they are yet to be visited. */
export class VisitedKeys {
  readonly #keys: TimedStore<true>;
  readonly #visits: ValueStore<Visit>;

  /** `step`: the identity of the process step. */
  constructor(stores: StoreRegistry, step: string, keyCodec: KeyFormat) {
    this.#keys = stores.timed({ name: `${step}/keys`, keyCodec, value: presence });
    const visits = { name: `${step}/visit`, keyCodec: onlyKeyFormat, value: visitCodec };
    this.#visits = stores.value(visits);
  }

  /** Of a step that does not visit keys any more. */
  static drop(stores: StoreRegistry, step: string): void {
    for (const name of ['keys', 'visit']) stores.drop(`${step}/${name}`);
  }

  get isUnderWay(): boolean {
    return this.#visit.isUnderWay;
  }

  get timestamp(): number {
    return this.#visit.timestamp;
  }

  has(key: StateKey): boolean {
    return this.#keys.get(this.#visit.number, key) !== undefined;
  }

  add(key: StateKey): void {
    this.#keys.put(this.#visit.number, key, true);
  }

  delete(key: StateKey): void {
    this.#keys.delete(this.#visit.number, key);
  }

  /** All keys are to be visited, those too that a visit under way has visited already. */
  begin(timestamp: number): void {
    const number = this.#visit.number + 1;
    this.#visits.put(onlyKey, { number, isUnderWay: true, timestamp });
  }

  /** The next key, which counts as visited then; undefined where that was the last one. */
  next(): StateKey | undefined {
    const visit = this.#visit;
    const first = this.#keys.first();
    if (first === undefined || first.time >= visit.number) {
      this.#visits.put(onlyKey, { ...visit, isUnderWay: false });
      return undefined;
    }
    this.#keys.delete(first.time, first.key);
    this.#keys.put(visit.number, first.key, true);
    return first.key;
  }

  get #visit(): Visit {
    return this.#visits.get(onlyKey) ?? noVisit;
  }
}

/** State that has no keys. */
export class BroadcastState {
  readonly moment: Moment = new Moment();
  readonly states: Readonly<Record<string, State>>;
  /** The same for those who must not change it. */
  readonly readable: Readonly<Record<string, Partial<State>>>;

  /** `step`: the identity of the process step. */
  constructor(stores: StoreRegistry, step: string, specs: BroadcastNode['state']) {
    this.moment.key = onlyKey;
    const of = { stores, step, keyCodec: onlyKeyFormat, moment: this.moment };
    const declared = Object.entries(specs).map(([name, spec]) => {
      return [name, declareState(of, `broadcast ${name}`, spec).state] as const;
    });
    this.states = Object.fromEntries(declared);
    this.readable = Object.fromEntries(declared.map(([name, state]) => [name, readable(state)]));
  }
}

const readers = ['get', 'has', 'entries', 'keys', 'values'];

function readable(state: State): Partial<State> {
  return Object.fromEntries(Object.entries(state).filter(([name]) => readers.includes(name)));
}

export interface BroadcastParts {
  readonly context: OperatorContext;
  readonly step: Step;
  readonly node: BroadcastNode;
  readonly state: BroadcastState;
  /** Undefined where no key is ever visited. */
  readonly visited: VisitedKeys | undefined;
  readonly process: ProcessOperator;
}

export class BroadcastOperator implements Receiver, TimedOperator {
  readonly step: Step;
  watermark: number = Number.NEGATIVE_INFINITY;
  readonly #parts: BroadcastParts;
  readonly #userContext: BroadcastContext;

  constructor(parts: BroadcastParts) {
    this.#parts = parts;
    this.step = parts.step;
    this.#userContext = this.#makeUserContext();
  }

  receive(value: unknown, timestamp: number): void {
    const { context, state, node } = this.#parts;
    context.step = this.step;
    context.key = null;
    state.moment.ofRecord(timestamp, this.watermark, context.now);
    node.onBroadcast(value, this.#userContext);
  }

  /** A visit is always due. */
  nextEventTime(): number {
    const isUnderWay = this.#parts.visited?.isUnderWay === true;
    return isUnderWay ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  }

  nextProcessingTime(): number {
    return Number.POSITIVE_INFINITY;
  }

  lastEventTime(): number {
    return Number.NEGATIVE_INFINITY;
  }

  fireEvent(): void {
    const { visited, process } = this.#parts;
    const key = visited?.next();
    if (key !== undefined) process.visit(key, visited?.timestamp ?? 0);
  }

  fireProcessing(): void {}

  #makeUserContext(): BroadcastContext {
    const self = this;
    const { state, context, visited } = this.#parts;
    return {
      get timestamp() {
        return state.moment.timestamp;
      },
      get watermark() {
        return self.watermark;
      },
      get now() {
        return context.now;
      },
      broadcast: state.states,
      visitKeys() {
        if (visited === undefined) throw new TypeError('visitKeys() needs onKey, which is missing');
        visited.begin(state.moment.timestamp);
      },
    };
  }
}

/** Not checked again: numbers and a flag. */
const visitCodec: Codec<Visit> = {
  name: 'visit',
  text: true,
  encode: (visit) => Buffer.from(JSON.stringify(visit)),
  decode: (bytes, start, end) =>
    JSON.parse(Buffer.from(bytes.subarray(start, end)).toString()) as Visit, // as written
};

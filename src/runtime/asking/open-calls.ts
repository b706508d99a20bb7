/**
 * The calls of one `mapAsync` step that are open: asked, or to be asked, and not passed on yet.
 * They are state, so that a crash or a stop loses none of them:
 *
 *   calls     key, number -> when the input came, and of which record it is
 *   inputs    key, number -> the input
 *   results   key, number -> the result, while an earlier one holds it up
 *
 * Numbers go up in the order of the inputs. What is small of a call is in memory too; where a
 * record fails, that is taken back with the stores.
 */
import type { TopicPartition } from '../../broker/index.ts';
import type { Codec } from '../../formats/index.ts';
import type {
  KeyFormat,
  MapStore,
  StateKey,
  StoreRegistry,
  UndoJournal,
} from '../../state/index.ts';
import { index } from '../operators/cells.ts';
import type { Failure } from './answer.ts';

/** The record that something came of. */
export interface Origin extends TopicPartition {
  readonly offset: number;
}

/** What is kept of a call beside its input and result. */
export interface NewCall {
  /** Event time of the input, in ms. */
  readonly timestamp: number;
  /** Where the step's watermark stood when the input came; null before there was any. */
  readonly watermark: number | null;
  /** Undefined: of something that was due. */
  readonly origin?: Origin;
  /** The question, of the call that asks it; undefined where nothing is remembered. */
  readonly question?: StateKey;
  /** The call that asks the same: this one gets its answer. */
  readonly follows?: number;
}

export interface Call extends NewCall {
  readonly number: number;
  readonly key: StateKey;
  /** How often its result was passed on without success. */
  attempts: number;
  isAnswered: boolean;
  failure?: Failure;
}

type Kept = NewCall & { readonly failure?: Failure };

export interface OpenCallsOptions {
  readonly stores: StoreRegistry;
  /** The identity of the step. */
  readonly step: string;
  readonly keyCodec: KeyFormat;
  readonly input: Codec<unknown>;
  readonly result: Codec<unknown>;
}

export class OpenCalls {
  readonly #calls: MapStore<unknown, Kept>;
  readonly #inputs: MapStore<unknown, unknown>;
  readonly #results: MapStore<unknown, unknown>;
  readonly #journal: UndoJournal;
  /** In the order of their numbers. */
  readonly #open = new Map<number, Call>();
  /** By the call whose answer they get. */
  readonly #followers = new Map<number, Call[]>();
  #next = 0;

  constructor({ stores, step, keyCodec, input, result }: OpenCallsOptions) {
    const of = { keyCodec, item: index };
    this.#calls = stores.map({ ...of, name: `${step}/calls`, value: keptCodec });
    this.#inputs = stores.map({ ...of, name: `${step}/inputs`, value: input });
    this.#results = stores.map({ ...of, name: `${step}/results`, value: result });
    this.#journal = stores.journal;
    stores.onRecovered(() => this.#recover());
  }

  get size(): number {
    return this.#open.size;
  }

  /** The earliest; undefined where none is open. */
  get first(): Call | undefined {
    return this.#open.values().next().value;
  }

  /** The number of the call that comes next. */
  get next(): number {
    return this.#next;
  }

  get(number: number): Call | undefined {
    return this.#open.get(number);
  }

  /** In the order of their inputs. */
  all(): Iterable<Call> {
    return this.#open.values();
  }

  add(key: StateKey, input: unknown, of: NewCall): Call {
    const number = this.#next++;
    const call: Call = { ...of, number, key, attempts: 0, isAnswered: false };
    this.#calls.put(key, number, of);
    this.#inputs.put(key, number, input);
    this.#hold(call);
    if (this.#journal.isOpen) {
      this.#journal.onUndo(() => {
        this.#open.delete(number);
        if (call.follows !== undefined) this.#followers.get(call.follows)?.pop();
        this.#next = number;
      });
    }
    return call;
  }

  /** The calls that get the answer of this one; asked for once. */
  followersOf({ number }: Call): readonly Call[] {
    const followers = this.#followers.get(number) ?? [];
    this.#followers.delete(number);
    return followers;
  }

  inputOf({ key, number }: Call): unknown {
    return this.#inputs.get(key, number);
  }

  resultOf({ key, number }: Call): unknown {
    return this.#results.get(key, number);
  }

  /** The call has its result; its input is not needed any more. */
  answer(call: Call, result: unknown): void {
    this.#results.put(call.key, call.number, result);
    this.#inputs.delete(call.key, call.number);
    call.isAnswered = true;
  }

  fail(call: Call, failure: Failure): void {
    const { key, number, attempts: _, isAnswered: __, ...kept } = call;
    const { code, message } = failure;
    this.#calls.put(key, number, { ...kept, failure: { code, message } });
    this.#inputs.delete(key, number);
    call.isAnswered = true;
    call.failure = failure;
  }

  /** Nothing is left of the call in the stores: its result is about to be passed on. */
  clear({ key, number }: Call): void {
    this.#calls.delete(key, number);
    this.#results.delete(key, number);
  }

  /** The call is over. */
  close(call: Call): void {
    this.clear(call);
    this.#open.delete(call.number);
  }

  #hold(call: Call): void {
    this.#open.set(call.number, call);
    if (call.follows === undefined || call.isAnswered) return;
    const followers = this.#followers.get(call.follows);
    if (followers === undefined) this.#followers.set(call.follows, [call]);
    else followers.push(call);
  }

  #recover(): void {
    const places = this.#calls.places();
    const found = new Map<number, Call>();
    for (let next = places.next(); next.done !== true; next = places.next()) {
      const [key, item] = next.value;
      const number = item as number; // as it was put
      const kept = this.#calls.get(key, number);
      if (kept === undefined) continue;
      const isAnswered = kept.failure !== undefined || this.#results.get(key, number) !== undefined;
      found.set(number, { ...kept, number, key, attempts: 0, isAnswered });
    }
    for (const number of [...found.keys()].sort((a, b) => a - b)) {
      const call = found.get(number);
      if (call !== undefined) this.#hold(call);
      this.#next = number + 1;
    }
  }
}

/** Not checked again: numbers and texts. */
const keptCodec: Codec<Kept> = {
  name: 'call',
  text: true,
  encode: (kept) => Buffer.from(JSON.stringify(kept)),
  decode: (bytes, start, end) =>
    JSON.parse(Buffer.from(bytes.subarray(start, end)).toString()) as Kept, // as written
};

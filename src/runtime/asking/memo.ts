/**
 * What a `mapAsync` step remembers of its answers, so that a question is asked once:
 *
 *   questions   question -> the call that asks it, or has asked it last
 *   answers     question -> what it got
 *
 * A question is remembered from when it is asked, not from when it is answered: who asks the same
 * meanwhile gets the same answer. So by event time it follows from the records alone which of them
 * share an answer, however long the answers take.
 */
import type { Codec } from '../../formats/index.ts';
import { keyJson } from '../../formats/index.ts';
import type { StateKey, StoreRegistry, ValueStore } from '../../state/index.ts';
import type { MemoSpec } from '../graph.ts';
import { KeyFactory } from '../keys.ts';
import { valueCells } from '../operators/cells.ts';
import { dropExpiry, Expiry } from '../operators/expiry.ts';
import type { Moment } from '../operators/moment.ts';
import type { Call } from './open-calls.ts';

export interface MemoOptions {
  readonly stores: StoreRegistry;
  /** The identity of the step. */
  readonly step: string;
  readonly spec: MemoSpec;
  readonly result: Codec<unknown>;
  readonly moment: Moment;
}

/** What is known of a question. */
export type Known =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'asked'; readonly call: number }
  | { readonly kind: 'answered'; readonly result: unknown };

/** Drops what a step remembers that shall not remember any more. */
export function dropMemo(stores: StoreRegistry, step: string): void {
  for (const name of [`${step}/questions`, `${step}/answers`]) stores.drop(name);
  for (const time of ['event', 'processing'] as const) {
    dropExpiry(stores, `${step}/questions`, time);
  }
}

export class Memo {
  readonly #questions: ValueStore<number>;
  readonly #answers: ValueStore<unknown>;
  readonly #spec: MemoSpec;
  readonly #keys = new KeyFactory(keyJson<unknown>());
  /** Undefined where answers are remembered for ever. */
  readonly expiry: Expiry | undefined;

  constructor({ stores, step, spec, result, moment }: MemoOptions) {
    const { codec: keyCodec } = this.#keys;
    const name = `${step}/questions`;
    this.#spec = spec;
    this.#questions = stores.value({ name, keyCodec, value: callCodec });
    this.#answers = stores.value({ name: `${step}/answers`, keyCodec, value: result });
    const { ttl } = spec;
    if (ttl?.time !== 'event') dropExpiry(stores, name, 'event');
    if (ttl?.time !== 'processing') dropExpiry(stores, name, 'processing');
    const cells = valueCells(this.#questions, keyCodec);
    const forget = (question: StateKey) => this.#forget(question);
    const both = { ...cells, delete: forget };
    this.expiry = ttl === undefined ? undefined : new Expiry(stores, name, both, ttl, moment);
  }

  /** The question that an input asks. */
  questionOf(input: unknown): StateKey {
    return this.#keys.of(this.#spec.key(input)).state;
  }

  look(question: StateKey): Known {
    const call = this.#questions.get(question);
    if (call === undefined) return { kind: 'nothing' };
    if (this.expiry?.sees(question, undefined) === false) return { kind: 'nothing' };
    const result = this.#answers.get(question);
    return result === undefined ? { kind: 'asked', call } : { kind: 'answered', result };
  }

  asked(question: StateKey, call: number): void {
    this.#answers.delete(question); // the one before has ended
    this.#questions.put(question, call);
    this.expiry?.wrote(question, undefined, undefined);
  }

  /** Keeps a result, if nobody has asked anew meanwhile. */
  answered(call: Call, result: unknown): void {
    const { question, number } = call;
    if (question === undefined || this.#questions.get(question) !== number) return;
    this.#answers.put(question, result);
  }

  /** The call has failed: who comes next asks anew. */
  failed({ question, number }: Call): void {
    if (question === undefined || this.#questions.get(question) !== number) return;
    this.#forget(question);
    this.expiry?.removed(question, undefined);
  }

  #forget(question: StateKey): void {
    this.#questions.delete(question);
    this.#answers.delete(question);
  }
}

/** Not checked again: a number. */
const callCodec: Codec<number> = {
  name: 'call-number',
  text: true,
  encode: (call) => Buffer.from(String(call)),
  decode: (bytes, start, end) => Number(Buffer.from(bytes.subarray(start, end)).toString()),
};

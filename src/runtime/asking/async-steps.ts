/**
 * The `mapAsync` steps of a task: what they ask, and when they get it.
 *
 *   end of an epoch     what came in is asked, while the commit is under way
 *   begin of an epoch   the answers that have come are taken, in the order in which they came
 *   within it           results leave, one at a time, as windows fire
 *
 * Answers are taken at no other time, and are recorded with the epoch. So a repetition takes the
 * same ones at the same place; it asks nobody, because nobody opens the callers.
 */
import type { Append } from '../../broker/index.ts';
import type { Clock } from '../../platform/index.ts';
import type { MapAsyncOperator } from '../operators/map-async.ts';
import { type Answer, answersAppend } from './answer.ts';
import { Caller } from './caller.ts';

interface Asking {
  readonly operator: MapAsyncOperator;
  readonly caller: Caller;
  /** The call that is asked next, if it is there. */
  next: number;
}

export class AsyncSteps {
  /** Upstream ones first. */
  readonly #operators: readonly MapAsyncOperator[];
  readonly #task: string;
  #asking: readonly Asking[] = [];
  /** Taken by the epoch under way. */
  #taken: Answer[] = [];

  constructor(task: string, operators: readonly MapAsyncOperator[]) {
    this.#task = task;
    this.#operators = operators;
  }

  get length(): number {
    return this.#operators.length;
  }

  /** From here on calls are made. `onAnswer`: told when there is an answer to take. */
  open(clock: Clock, onAnswer: () => void): void {
    this.#asking = this.#operators.map((operator) => {
      const { node, step } = operator;
      const caller = new Caller({ clock, node, step: step.name, onAnswer });
      return { operator, caller, next: 0 };
    });
  }

  /** Asks what is to be asked, as far as the capacity of each step allows. */
  ask(): void {
    for (const asking of this.#asking) {
      const { caller } = asking;
      const { open } = asking.operator;
      asking.next = Math.max(asking.next, open.first?.number ?? open.next);
      for (; asking.next < open.next && !caller.isBusy; asking.next++) {
        const call = open.get(asking.next);
        if (call === undefined || call.isAnswered || call.follows !== undefined) continue;
        caller.ask(call.number, open.inputOf(call));
      }
    }
  }

  get hasAnswers(): boolean {
    return this.#asking.some(({ caller }) => caller.hasAnswers);
  }

  /** Takes the answers that have come; a repetition says which ones had come then. */
  take(recorded?: readonly Answer[]): void {
    const answers = recorded ?? this.#asking.flatMap(({ caller }) => caller.take());
    for (const { step, call, outcome } of answers) {
      const operator = this.#operators.find((of) => of.step.name === step);
      operator?.take(call, outcome);
    }
    this.#taken.push(...answers);
  }

  /** What the epoch has taken, for its commit. */
  takeAppends(epoch: number, clockMs: number): readonly Append[] {
    const append = answersAppend(this.#task, epoch, clockMs, this.#taken);
    this.#taken = [];
    return append === undefined ? [] : [append];
  }

  /** The first step with a result that is to be passed on. */
  get leaving(): MapAsyncOperator | undefined {
    for (const operator of this.#operators) if (operator.leaving !== undefined) return operator;
    return undefined;
  }

  /** The first step that has as many open calls as it may have: nothing is to be read. */
  get full(): MapAsyncOperator | undefined {
    for (const operator of this.#operators) if (operator.isFull) return operator;
    return undefined;
  }

  /** Whether any call is open. */
  get isOpen(): boolean {
    return this.#operators.some(({ open }) => open.size > 0);
  }

  /** Why nothing is read; undefined while it is. */
  get waitingFor(): string | undefined {
    const { full } = this;
    if (full === undefined) return undefined;
    const { step, open, node } = full;
    return `answers: step "${step.name}" has ${open.size} open calls (capacity ${node.capacity})`;
  }

  /** Aborts the calls under way. */
  close(): void {
    for (const { caller } of this.#asking) caller.close();
    this.#asking = [];
  }
}

/** Somebody outside who is asked, and answers when a test says so. */

interface Question<Input> {
  readonly input: Input;
  readonly signal: AbortSignal;
  answer(): void;
  fail(error: Error): void;
}

export class Oracle<Input, Out> {
  /** Asked and not answered, the earliest first; those of runs that have ended too. */
  readonly pending: Question<Input>[] = [];
  /** All inputs so far, in the order in which they were asked. */
  readonly asked: Input[] = [];
  /** So many questions were open at once, at most. */
  openMax = 0;
  #open = 0;
  #isPrompt = false;
  readonly #answerOf: (input: Input) => Out;

  constructor(answerOf: (input: Input) => Out) {
    this.#answerOf = answerOf;
  }

  readonly ask = (input: Input, { signal }: { readonly signal: AbortSignal }): Promise<Out> => {
    this.asked.push(input);
    this.openMax = Math.max(this.openMax, ++this.#open);
    signal.addEventListener('abort', () => this.#open--);
    return new Promise((resolve, reject) => {
      const settled = () => {
        if (!signal.aborted) this.#open--;
      };
      this.pending.push({
        input,
        signal,
        answer: () => {
          settled();
          resolve(this.#answerOf(input));
        },
        fail: (error) => {
          settled();
          reject(error);
        },
      });
      if (this.#isPrompt) this.answerAll();
    });
  };

  /** Answers one of the pending questions, if there is one. */
  answer(at = 0): void {
    const [question] = this.pending.splice(at % Math.max(1, this.pending.length), 1);
    question?.answer();
  }

  fail(error: Error, at = 0): void {
    const [question] = this.pending.splice(at % Math.max(1, this.pending.length), 1);
    question?.fail(error);
  }

  answerAll(): void {
    while (this.pending.length > 0) this.answer();
  }

  /** From here on everything is answered at once. */
  beginToAnswer(): void {
    this.#isPrompt = true;
    this.answerAll();
  }
}

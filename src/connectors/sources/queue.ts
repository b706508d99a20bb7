import { assert } from '../../platform/index.ts';

/** From those who push to one who pulls: bounded, and emptied by taking all that is there. */
export class Queue<Item> {
  #items: Item[] = [];
  #wake: () => void = () => {};
  #end: { readonly error?: unknown } | undefined;
  readonly #itemsMax: number;

  constructor(itemsMax: number) {
    this.#itemsMax = itemsMax;
  }

  get isFull(): boolean {
    return this.#items.length >= this.#itemsMax;
  }

  push(item: Item): void {
    assert(!this.isFull, 'nothing is pushed to a full queue');
    this.#items.push(item);
    this.#wake();
  }

  /** What is there is taken first. */
  end(failure?: { readonly error: unknown }): void {
    this.#end ??= failure ?? {};
    this.#wake();
  }

  /** Empties the queue at once. */
  takeRest(): Item[] {
    return this.#items.splice(0);
  }

  async *batches(): AsyncGenerator<Item[]> {
    for (;;) {
      if (this.#items.length > 0) yield this.takeRest();
      else if (this.#end !== undefined) break;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
    if (this.#end !== undefined && 'error' in this.#end) throw this.#end.error;
  }
}

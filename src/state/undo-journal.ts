/**
 * What a record has changed in the stores so far, so that it can be undone where it fails.
 *
 *   begin ──> changes, each with the step that takes it back ──> keep: the steps are forgotten
 *                                                            └─> undo: taken back, the last first
 *
 * Nothing is noted while the journal is closed, which it is unless a policy other than failing is
 * in force. An entry that was read from the tables meanwhile stays in memory: that is no change.
 */
export class UndoJournal {
  /** Whether changes are noted. */
  isOpen = false;
  readonly #undoes: (() => void)[] = [];
  readonly #keeps: (() => void)[] = [];

  begin(): void {
    this.isOpen = true;
  }

  /** Takes back a change that was just made, or is about to be. */
  onUndo(step: () => void): void {
    this.#undoes.push(step);
  }

  /** Does what can't be taken back, once nothing is to be undone any more. */
  onKeep(step: () => void): void {
    this.#keeps.push(step);
  }

  keep(): void {
    this.isOpen = false;
    this.#undoes.length = 0;
    for (const step of this.#keeps) step();
    this.#keeps.length = 0;
  }

  undo(): void {
    this.isOpen = false;
    for (let step = this.#undoes.pop(); step !== undefined; step = this.#undoes.pop()) step();
    this.#keeps.length = 0;
  }
}

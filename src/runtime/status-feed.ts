/** A status as an Observable: the present one, and those after changes. */
import { BehaviorSubject, type Observable } from 'rxjs';
import type { Clock } from '../platform/index.ts';

/** Small changes are told so often at most. */
const everyMs = 100;

export class StatusFeed<Status> {
  readonly #clock: Clock;
  readonly #now: () => Status;
  readonly #subject: BehaviorSubject<Status>;
  #isDue = false;

  /** `now`: the status, asked for when it is told. */
  constructor(clock: Clock, now: () => Status) {
    this.#clock = clock;
    this.#now = now;
    this.#subject = new BehaviorSubject(now());
  }

  get status$(): Observable<Status> {
    return this.#subject.asObservable();
  }

  /** Tells it at once. */
  tell(): void {
    this.#subject.next(this.#now());
  }

  /** Tells it soon: at most ten times a second, and only where somebody listens. */
  tellSoon(): void {
    if (this.#isDue || !this.#subject.observed) return;
    this.#isDue = true;
    this.#clock.after(everyMs, () => {
      this.#isDue = false;
      this.tell(); // nobody hears it any more where it has ended
    });
  }

  end(): void {
    this.#subject.complete();
  }
}

/**
 * Which processes share a job. Each holds one of the places `<job>/members/0`, `1`, ... in the
 * log: it claims the first whose holder does not live, and releases it at the end. So the members
 * are the live holders of places, and whoever reads the log knows them.
 */
import type { Broker, Claim, TaskDescription } from '../../broker/index.ts';
import { isMillraceError, MillraceError } from '../../platform/index.ts';
import { memberPlaceOf } from './names.ts';

export class Membership {
  readonly #broker: Broker;
  readonly #job: string;
  #claim: Claim | undefined;

  constructor(broker: Broker, job: string) {
    this.#broker = broker;
    this.#job = job;
  }

  /**
   * This process, as the holder of its place; undefined where it has none, or lost it: it stood
   * still, was taken for dead, and another one has its place.
   */
  get me(): string | undefined {
    if (this.#claim === undefined) return undefined;
    const { task, incarnation } = this.#claim;
    const described = this.#broker.describeTask(task);
    return described?.incarnation === incarnation ? described.holder?.instance : undefined;
  }

  /** The members that live. */
  get live(): string[] {
    return [...this.#places()].flatMap(({ holder }) =>
      holder?.isLive === true ? holder.instance : [],
    );
  }

  /** Fails with `TASK_HELD` where this process has a place already, else as `claim` does. */
  async join(): Promise<void> {
    if ([...this.#places()].some(({ holder }) => holder?.isThis === true))
      throw runsHere(this.#job);
    for (let index = 0; ; index++) {
      const place = memberPlaceOf(this.#job, index);
      if (this.#broker.describeTask(place)?.holder?.isLive === true) continue;
      try {
        this.#claim = await this.#broker.claim(place);
        return;
      } catch (error) {
        if (!isMillraceError(error, 'TASK_HELD')) throw error; // another one was faster: the next
      }
    }
  }

  async leave(): Promise<void> {
    const claim = this.#claim;
    this.#claim = undefined;
    try {
      if (claim !== undefined) await this.#broker.release(claim);
    } catch (error) {
      if (!isMillraceError(error, 'FENCED')) throw error; // another one has the place: as good
    }
  }

  *#places(): Generator<TaskDescription> {
    for (let index = 0; ; index++) {
      const place = this.#broker.describeTask(memberPlaceOf(this.#job, index));
      if (place === undefined) return;
      yield place;
    }
  }
}

function runsHere(job: string): MillraceError {
  return new MillraceError(
    'TASK_HELD',
    `Job "${job}" runs in this process already. Stop it before it is run again.`,
  );
}

/** Observables of RxJS. */
import type { Observable } from 'rxjs';
import { checkNumbers, checkOptions, MillraceError } from '../../platform/index.ts';
import type { Source } from '../source.ts';
import { Queue } from './queue.ts';

export interface ObservableOptions {
  /**
   * Values that may wait to be written. An Observable can't be asked to wait, so one that is faster
   * than the disk for so long ends the ingest. Default 100,000.
   */
  readonly waitingMax?: number;
}

/**
 * The values of an Observable, from when the ingest begins until it completes; a stop unsubscribes.
 * They have no position: what comes while nothing is subscribed is not seen.
 *
 * @example
 * await ingest(observable(fromEvent(socket, 'message')), messages, { data: './data' });
 */
export function observable<Value>(
  values: Observable<Value>,
  options: ObservableOptions = {},
): Source<Value, never> {
  checkOptions('observable()', options, ['waitingMax']);
  checkNumbers('observable()', options, ['waitingMax']);
  const { waitingMax = 100_000 } = options;
  return {
    name: 'an Observable',
    once: true,
    endsItself: true,
    async *read({ signal }) {
      const queue = new Queue<{ readonly value: Value; readonly place: string }>(waitingMax);
      let count = 0;
      const subscription = values.subscribe({
        next(value) {
          if (queue.isFull) queue.end({ error: tooFast(waitingMax) });
          else queue.push({ value, place: `value ${++count}` });
        },
        error: (error) => queue.end({ error }),
        complete: () => queue.end(),
      });
      const end = () => {
        subscription.unsubscribe();
        queue.end();
      };
      signal.addEventListener('abort', end);
      try {
        yield* queue.batches();
      } finally {
        signal.removeEventListener('abort', end);
        end();
      }
    },
  };
}

function tooFast(waitingMax: number): MillraceError {
  return new MillraceError(
    'INVALID',
    `More than ${waitingMax} values of the Observable are waiting to be written. Let it give ` +
      'fewer (sample, throttle), raise waitingMax, or use asyncIterable(), which can wait.',
  );
}

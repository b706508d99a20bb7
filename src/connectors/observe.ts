/** The records of a topic as an Observable. */
import { Observable } from 'rxjs';
import { checkOptions } from '../platform/index.ts';
import type { Log, RecordsOptions, SourceSpec, TopicRecord } from '../runtime/index.ts';

export type ObserveOptions = Pick<RecordsOptions, 'follow' | 'from'>;

/**
 * The records of a topic, each partition in its order, those that are there and those that come:
 * the results of a job, for example. Each subscription reads for itself; to unsubscribe ends it.
 *
 * What has not been given yet waits in the log, so nothing is lost or gathered in memory. But an
 * Observable can't be asked to wait: a subscriber that works asynchronously and must not fall
 * behind reads with `for await (const record of log.records(topic))` instead.
 *
 * `follow`: default true; with false it completes where the topic ends. `from`: default
 * `'earliest'`.
 *
 * @example
 * const subscription = observe(log, delays).subscribe(({ key, value }) => show(key, value));
 */
export function observe<Key, Value>(
  log: Log,
  topic: SourceSpec<Key, Value>,
  options: ObserveOptions = {},
): Observable<TopicRecord<Key, Value>> {
  checkOptions('observe()', options, ['follow', 'from']);
  const { follow = true, from = 'earliest' } = options;
  return new Observable((subscriber) => {
    const stopped = new AbortController();
    const read = async () => {
      const { signal } = stopped;
      for await (const record of log.records(topic, { follow, from, signal })) {
        if (signal.aborted) return;
        subscriber.next(record);
      }
      subscriber.complete();
    };
    read().catch((error: unknown) => subscriber.error(error));
    return () => stopped.abort();
  });
}

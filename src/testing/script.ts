/** Scripts: records of a topic with what happens between them, as data. */
import type { Duration, TopicSpec } from '../runtime/index.ts';
import type { FedRecord, TestDriver } from './test-driver.ts';

/** The job dies before it commits the record in front, and is started again. */
export const ABORT: { readonly kind: 'abort' } = { kind: 'abort' };

/** Event time runs until all that waits has fired. */
export const EOF: { readonly kind: 'eof' } = { kind: 'eof' };

/** Wall-clock time passes. */
export function PAUSE(by: Duration): { readonly kind: 'pause'; readonly by: Duration } {
  return { kind: 'pause', by };
}

export type ScriptItem<Key, Value> =
  | (FedRecord<Key> & { readonly value: Value | null })
  | typeof ABORT
  | typeof EOF
  | ReturnType<typeof PAUSE>;

/**
 * Plays a script: feeds its records to the topic, one after another.
 *
 * @example
 * playScript(t, clicks, [{ value: click }, ABORT, { value: click }, PAUSE('30m'), EOF]);
 */
export function playScript<Key, Value>(
  driver: TestDriver,
  topic: TopicSpec<Key, Value>,
  script: readonly ScriptItem<NoInfer<Key>, NoInfer<Value>>[],
): void {
  for (const [at, item] of script.entries()) {
    if ('value' in item) {
      const next = script[at + 1];
      if (next !== undefined && 'kind' in next && next.kind === 'abort') {
        driver.crashAtCommit('before');
      }
      driver.feed(topic, item.value, item);
    } else if (item.kind === 'abort') driver.restart();
    else if (item.kind === 'eof') driver.drain();
    else driver.advanceWallTime(item.by);
  }
}

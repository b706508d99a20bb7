/** Brings the records of a topic to a place outside the log: `deliver(topic, sink, { data })`. */
import { checkOptions } from '../platform/index.ts';
import type { SourceSpec } from '../runtime/index.ts';
import { Connector, type ConnectorHandle } from './connector.ts';
import { DeliveryAttempt, lagOf } from './delivery-attempt.ts';
import { type ConnectorSettings, nameOf, openData } from './open-connector.ts';
import type { Sink } from './sink.ts';

export interface DeliverOptions extends ConnectorSettings {
  /** Where the first run begins. Default `'earliest'`. */
  readonly from?: 'earliest' | 'latest';
}

export interface DeliveryHandle extends ConnectorHandle {
  /** With `drain`, everything that the topic has at the time of the call is delivered first. */
  stop(options?: { readonly drain?: boolean }): Promise<void>;
}

/**
 * Writes the records of a topic to a sink, those that are there and those that come, each partition
 * in its order, until it is stopped. Returns a handle at once. A restart goes on where it was: what
 * that promises depends on the sink, see docs/sources-and-sinks.md.
 *
 * Fails (by `done`) with `TOPIC_MISSING`, with `TASK_HELD` while it runs elsewhere, with `DECODE`
 * for a record that the topic's codecs can't read, or as the sink does.
 *
 * @example
 * const handle = await deliver(delays, jsonLinesSink('delays.jsonl'), { data: './data' });
 * await handle.stop({ drain: true });
 */
export async function deliver<Key, Value>(
  topic: SourceSpec<Key, Value>,
  sink: Sink<NoInfer<Key>, NoInfer<Value>>,
  options: DeliverOptions,
): Promise<DeliveryHandle> {
  checkOptions('deliver()', options, ['data', 'name', 'platform', 'from']);
  const name = nameOf('deliver', topic.name, options);
  const { broker, platform, close } = await openData('deliver', options);
  const { from = 'earliest' } = options;
  let positions: readonly number[] | undefined;
  return new Connector({
    kind: 'deliver',
    name,
    outside: sink.name,
    topic: topic.name,
    clock: platform.clock,
    once: false,
    lag: () => lagOf(broker, topic.name, positions),
    attempt: async (control) => {
      const moved = (to: readonly number[]) => {
        positions = to;
      };
      await new DeliveryAttempt({
        topic,
        sink,
        name,
        from,
        broker,
        platform,
        control,
        moved,
      }).run();
    },
    onEnd: close,
  });
}

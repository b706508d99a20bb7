/**
 * Sends records to the tasks of another stage: the end of a chain, as a sink is, but into the topic
 * of an exchange. Each record is encoded when it is emitted, with its place and the watermark.
 *
 *   partition = receiver * senders + sender
 *
 * so a receiver reads a partition for each sender, in which records and marks lie in the order of
 * their places.
 */
import { positiveHash } from '../../broker/index.ts';
import { isMillraceError, MillraceError, messageOf } from '../../platform/index.ts';
import { keyGroups } from '../../state/index.ts';
import type { Key, OperatorContext, PartialReceiver, Step } from '../operator.ts';
import type { Exchange } from '../stages/exchange.ts';
import { newPassage, PassageWriter } from '../stages/exchange-record.ts';
import { encodeMark, type Mark } from '../stages/mark.ts';
import { nextPath } from '../stages/place.ts';
import type { TopicOutput } from './topic-output.ts';

export interface SendParts {
  readonly context: OperatorContext;
  readonly step: Step;
  readonly exchange: Exchange;
  readonly output: TopicOutput;
  /** This task, of how many that send. */
  readonly sender: number;
  readonly senders: number;
  readonly receivers: number;
  /** How far event time is let through to here: steps before it may wait for answers. */
  held(watermark: number): number;
}

const noValue = new Uint8Array(0);

export class SendOperator implements PartialReceiver {
  readonly #parts: SendParts;
  readonly #writer: PassageWriter;
  readonly #passage = newPassage();

  constructor(parts: SendParts) {
    this.#parts = parts;
    this.#writer = new PassageWriter({ ...parts.exchange, sender: parts.sender });
  }

  receive(value: unknown, timestamp: number, key: Key | null): void {
    const { context, step, exchange, receivers } = this.#parts;
    context.step = step;
    const keyBytes = this.#keyBytes(value, key);
    const group = exchange.by === 'all' ? undefined : this.#groupOf(value, keyBytes);
    const bytes = this.#encode(value, timestamp, { hasPartition: group === undefined });
    const { order } = this.#passage;
    const time = Number.isFinite(order) ? order : timestamp; // infinite while the job is drained
    if (exchange.by === 'all') {
      for (let to = 0; to < receivers; to++) this.#append(to, time, keyBytes, bytes);
    } else {
      const to =
        group === undefined ? context.sourcePartition % receivers : taskOfGroup(group, receivers);
      this.#append(to, time, keyBytes, bytes);
    }
  }

  receivePartial(slice: number, accumulator: unknown, key: Key): void {
    const { context, step, exchange, receivers } = this.#parts;
    context.step = step;
    const keyBytes = this.#encoded('key', exchange.key, key.value);
    const bytes = this.#encode(accumulator, slice, { isPartial: true });
    const { order } = this.#passage;
    const to = taskOfGroup(positiveHash(keyBytes) % keyGroups, receivers);
    this.#append(to, Number.isFinite(order) ? order : slice, keyBytes, bytes);
  }

  /** Tells all receivers what `mark` says of the task. */
  tell(mark: Mark): void {
    const { receivers, held } = this.#parts;
    const bytes = this.#writer.writeMark(encodeMark({ ...mark, watermark: held(mark.watermark) }));
    const { order } = mark.place;
    const time = Number.isFinite(order) ? order : 0;
    for (let to = 0; to < receivers; to++) this.#append(to, time, null, bytes);
  }

  #append(to: number, time: number, key: Uint8Array | null, bytes: Uint8Array): void {
    const { output, sender, senders } = this.#parts;
    output.append(to * senders + sender, time, key, bytes);
  }

  #encode(
    value: unknown,
    timestamp: number,
    { hasPartition = false, isPartial = false }: { hasPartition?: boolean; isPartial?: boolean },
  ): Uint8Array {
    const { context, exchange, held } = this.#parts;
    const passage = this.#passage;
    const { order, rank, task, turn } = context.place;
    passage.order = order === Number.NEGATIVE_INFINITY ? timestamp : order;
    passage.rank = rank;
    passage.task = task;
    passage.turn = turn;
    passage.path = nextPath(context.place);
    passage.time = timestamp;
    passage.watermark = held(context.settledBeforeDrain ?? context.settled);
    passage.origin = isPartial ? undefined : context.origin;
    passage.partition = hasPartition ? context.sourcePartition : undefined;
    passage.isNull = value === null && !isPartial;
    passage.isPartial = isPartial;
    const codec = isPartial ? exchange.window?.aggregate.codec : exchange.value;
    const bytes = passage.isNull ? noValue : this.#encoded('value', codec ?? exchange.value, value);
    return this.#writer.write(passage, bytes);
  }

  #keyBytes(value: unknown, key: Key | null): Uint8Array | null {
    const { by, key: codec } = this.#parts.exchange;
    const written = typeof by === 'object' && by.isKey ? by.of(value) : key?.value;
    return written === undefined || written === null ? null : this.#encoded('key', codec, written);
  }

  /** Undefined for a record without a key. */
  #groupOf(value: unknown, keyBytes: Uint8Array | null): number | undefined {
    const { by } = this.#parts.exchange;
    if (typeof by === 'object' && !by.isKey) {
      return positiveHash(this.#encoded('key', by.codec, by.of(value))) % keyGroups;
    }
    return keyBytes === null ? undefined : positiveHash(keyBytes) % keyGroups;
  }

  #encoded(what: 'key' | 'value', codec: Exchange['value'], value: unknown): Uint8Array {
    try {
      return codec.encode(value);
    } catch (cause) {
      const code = isMillraceError(cause) ? cause.code : 'ENCODE';
      const which = `The ${what} of a record for another task`;
      const message = `${which} can't be encoded: ${messageOf(cause)}`;
      throw new MillraceError(code, message, { cause });
    }
  }
}

/** Tasks own groups in their order, so that results in the order of groups are in that of tasks. */
export function taskOfGroup(group: number, tasks: number): number {
  return Math.floor((group * tasks) / keyGroups);
}

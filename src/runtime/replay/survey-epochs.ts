/**
 * Looks over the recorded commits of a task before they are repeated: whether all of them are
 * there, and what they read is still in the log.
 */
import type { Broker, Claim } from '../../broker/index.ts';
import { MillraceError } from '../../platform/index.ts';
import { epochsOf, type Recorded, readEpochs } from '../epoch-log.ts';
import type { EpochRecord, OpenedInput } from '../epoch-record.ts';
import type { Purpose } from './rebuild-errors.ts';
import type { Turns } from './turns.ts';

export interface SurveyOptions {
  readonly broker: Broker;
  readonly task: string;
  readonly purpose: Purpose;
  /** What all commits together must come to; undefined while the task may go on. */
  readonly committed: Pick<Claim, 'epoch' | 'positions'> | undefined;
  /** Where the record of epochs ends, for this purpose. */
  readonly end: number;
  readonly turns: Turns;
  readonly signal: AbortSignal;
}

/**
 * How many commits are recorded. Fails with `FILE_MISMATCH` where some are not, with
 * `OFFSET_OUT_OF_RANGE` or `TOPIC_MISSING` where input is gone that they read.
 */
export async function surveyEpochs(options: SurveyOptions): Promise<number> {
  const { broker, task, committed, end, turns, signal } = options;
  const survey = new Survey(options);
  let commits = 0;
  for (const recorded of readEpochs(broker, task, end)) {
    survey.add(recorded);
    commits++;
    if (!turns.isOver) continue;
    await turns.next();
    if (signal.aborted) return commits;
  }
  survey.requireInput();
  if (committed !== undefined) survey.requireComplete(committed);
  return commits;
}

interface ReadPartition {
  readonly topic: string;
  readonly topicId: number;
  readonly partition: number;
  position: number;
  /** The first offset that an epoch read or saw; undefined: none. */
  first: number | undefined;
}

class Survey {
  readonly #broker: Broker;
  readonly #task: string;
  readonly #purpose: Purpose;
  /** By the id of the topic, and the partition. */
  readonly #partitions = new Map<string, ReadPartition>();
  /** Of the task as it was opened last. */
  #inputs: readonly ReadPartition[] = [];
  #lastEpoch = 0;

  constructor({ broker, task, purpose }: SurveyOptions) {
    this.#broker = broker;
    this.#task = task;
    this.#purpose = purpose;
  }

  add({ record, epoch }: Recorded): void {
    const isFirst = this.#lastEpoch === 0;
    const begins = record.kind === 'epoch' && record.opening !== undefined;
    if (isFirst && (epoch !== 1 || !begins)) throw this.#incomplete(epoch);
    this.#lastEpoch = epoch;
    if (record.kind === 'drop') return;
    if (record.opening !== undefined) {
      this.#inputs = record.opening.inputs.map((input) => this.#opened(input, epoch));
    }
    this.#read(record);
  }

  requireInput(): void {
    const gone: string[] = [];
    for (const { topic, topicId, partition, first } of this.#partitions.values()) {
      if (first === undefined) continue;
      if (this.#idOf(topic) !== topicId) throw this.#topicGone(topic);
      const start = this.#broker.startOf({ topic, partition });
      if (first >= start) continue;
      gone.push(`${topic}/${partition} from offset ${first} on, and its log begins at ${start}`);
    }
    if (gone.length === 0) return;
    throw new MillraceError(
      'OFFSET_OUT_OF_RANGE',
      `${this.#purpose.cannot}: it came of records that were removed since. It has read ` +
        `${gone.join('; ')}. Instead ${this.#purpose.instead}`,
    );
  }

  /** After the last one. */
  requireComplete({ epoch, positions }: Pick<Claim, 'epoch' | 'positions'>): void {
    if (this.#lastEpoch === 0 && epoch > 0) throw this.#incomplete(epoch + 1);
    for (const { topic, partition, offset } of positions) {
      const recorded = this.#partitions.get(`${this.#idOf(topic)}/${partition}`)?.position;
      if (recorded !== offset) throw this.#incomplete(epoch + 1);
    }
  }

  #opened({ offset: position, ...input }: OpenedInput, epoch: number): ReadPartition {
    const name = `${input.topicId}/${input.partition}`;
    const known = this.#partitions.get(name);
    if (known !== undefined && known.position !== position) throw this.#incomplete(epoch);
    const opened = known ?? { ...input, position, first: undefined };
    this.#partitions.set(name, opened);
    return opened;
  }

  #read({ moved, waiting }: EpochRecord): void {
    for (const [i, isWaiting] of (waiting ?? []).entries()) {
      const input = this.#inputs[i];
      if (isWaiting && input !== undefined) input.first ??= input.position;
    }
    for (const { input: i, records } of moved) {
      const input = this.#inputs[i];
      if (input === undefined) continue;
      input.first ??= input.position;
      input.position += records;
    }
  }

  #idOf(topic: string): number | undefined {
    return this.#broker.describeTopic(topic)?.id;
  }

  #incomplete(epoch: number): MillraceError {
    return new MillraceError(
      'FILE_MISMATCH',
      `${this.#purpose.cannot}: not all of its commits before epoch ${epoch} are recorded in ` +
        `topic ${epochsOf(this.#task)}. Instead ${this.#purpose.instead}`,
    );
  }

  #topicGone(topic: string): MillraceError {
    return new MillraceError(
      'TOPIC_MISSING',
      `${this.#purpose.cannot}: topic "${topic}", which it has read, was deleted since. ` +
        `Instead ${this.#purpose.instead}`,
    );
  }
}

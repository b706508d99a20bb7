/**
 * Redriving: dead letters go back to where they came from, once.
 *
 * What has been sent back is the position of a task in the topic of dead letters, and moves in the
 * commit that appends the records. So a crash, or another call, sends nothing again. There is a
 * task for each job whose letters are in the topic: letters of one can go back without the others'.
 */
import { type Broker, type Claim, partitionOf, RecordCursor } from '../broker/index.ts';
import {
  type Clock,
  checkNumbers,
  checkOptions,
  MillraceError,
  nodePlatform,
  type Platform,
} from '../platform/index.ts';
import { type Origin, originOf } from './dead-letters.ts';
import { Log, openLog } from './log.ts';
import { TopicOutput } from './operators/topic-output.ts';

export interface RedriveOptions {
  /** A topic that takes the records, instead of those that they came from. */
  readonly to?: string;
  /** Only the letters of this job. Default: those of all jobs. */
  readonly job?: string;
  /** At most so many records. Default: all. */
  readonly limit?: number;
  /** Sends nothing, and tells what would be sent. Default false. */
  readonly dryRun?: boolean;
  /** Files, time, randomness; default: those of Node.js. */
  readonly platform?: Platform;
}

export interface RedriveSummary {
  /** Records that were sent. */
  readonly redriven: number;
  /** Dead letters that have never been sent back. */
  readonly left: number;
  /** Records in the topic that are no dead letters. */
  readonly ignored: number;
}

/** Bytes of dead letters that go into one commit. */
const readBytes = 256 * 1024;

/**
 * Sends the dead letters in `topic` back to the topics and partitions that they came from, each
 * exactly as it was: key, value, timestamp and its own headers. Each is sent once, however often
 * this is called and wherever it is interrupted. Letters that come while it runs are left.
 *
 * `directory`: the data directory, also while jobs run in it; or a log that is open already.
 *
 * Fails with `TOPIC_MISSING`; with `TASK_HELD` while another call does the same; with `INVALID` for
 * a partition that is not there any more; or as opening the directory does.
 *
 * @example
 * const { redriven } = await redrive('./data', 'orders-dead', { job: 'totals' });
 */
export async function redrive(
  directory: string | Log,
  topic: string,
  options: RedriveOptions = {},
): Promise<RedriveSummary> {
  checkOptions('redrive()', options, ['to', 'job', 'limit', 'dryRun', 'platform']);
  checkNumbers('redrive()', options, ['limit']);
  if (directory instanceof Log) {
    return redriveFrom(directory.broker, directory.platform.clock, topic, options);
  }
  const platform = options.platform ?? nodePlatform();
  const log = await openLog(directory, { create: false, platform });
  try {
    return await redriveFrom(log.broker, platform.clock, topic, options);
  } finally {
    await log.close();
    if (options.platform === undefined) await platform.background.close();
  }
}

/** As `redrive`, of a broker that is open. */
export async function redriveFrom(
  broker: Broker,
  clock: Clock,
  topic: string,
  options: RedriveOptions = {},
): Promise<RedriveSummary> {
  if (options.to === topic) {
    throw new MillraceError(
      'INVALID',
      `Dead letters of topic "${topic}" can't go back to that topic itself. Leave "to" out, or ` +
        'name another topic.',
    );
  }
  const ends = endsOf(broker, topic);
  const { jobs, ignored } = await contentsOf(broker, clock, topic, ends);
  const limit = options.dryRun === true ? 0 : (options.limit ?? Number.POSITIVE_INFINITY);
  let [redriven, left] = [0, 0];
  for (const job of jobs) {
    if (options.job !== undefined && job !== options.job) continue;
    const of = { broker, clock, topic, job, to: options.to, ends };
    const done = await new Redrive(of, limit - redriven).run();
    redriven += done.redriven;
    left += done.left;
  }
  return { redriven, left, ignored };
}

interface RedriveOf {
  readonly broker: Broker;
  readonly clock: Clock;
  readonly topic: string;
  readonly job: string;
  readonly to: string | undefined;
  /** Of the partitions of the topic, when the call began. */
  readonly ends: readonly number[];
}

/** The letters of one job. */
class Redrive {
  readonly #of: RedriveOf;
  readonly #outputs = new Map<string, TopicOutput>();
  readonly #limit: number;
  #redriven = 0;
  #left = 0;

  constructor(of: RedriveOf, limit: number) {
    this.#of = of;
    this.#limit = limit;
  }

  async run(): Promise<Pick<RedriveSummary, 'redriven' | 'left'>> {
    const { broker, topic, job, ends } = this.#of;
    let claim = await broker.claim(`${job}/${topic}/redrive`);
    try {
      for (const partition of ends.keys()) claim = await this.#sendBack(claim, partition);
    } finally {
      await broker.release(claim);
    }
    return { redriven: this.#redriven, left: this.#left };
  }

  async #sendBack(claimed: Claim, partition: number): Promise<Claim> {
    const { broker, clock, topic, ends } = this.#of;
    const end = ends[partition] ?? 0;
    const sent = claimed.positions.find((of) => of.topic === topic && of.partition === partition);
    let claim = claimed;
    let offset = Math.max(sent?.offset ?? 0, broker.startOf({ topic, partition }));
    while (offset < end) {
      const { next, position } = this.#take(partition, offset, end);
      claim = await this.#commit(claim, partition, position);
      offset = next;
      await soon(clock);
    }
    return claim;
  }

  /** Takes what is read at once: where that ends, and where what is sent of it does. */
  #take(partition: number, from: number, end: number): { next: number; position: number } {
    const { broker, topic, job } = this.#of;
    let [next, position] = [end, from];
    for (const [cursor, origin] of lettersOf(broker, topic, partition, from, end)) {
      next = cursor.offset + 1;
      if (origin?.job !== job) continue;
      if (this.#redriven < this.#limit) {
        this.#append(cursor, origin);
        this.#redriven++;
        position = next;
      } else {
        this.#left++;
      }
    }
    return { next, position };
  }

  #append(cursor: RecordCursor, origin: Origin): void {
    const { bytes, keyStart, keyEnd, valueStart, valueEnd, timestamp } = cursor;
    const topic = this.#of.to ?? origin.topic;
    const output = this.#outputs.get(topic) ?? new TopicOutput(topic, this.#partitionsOf(topic));
    this.#outputs.set(topic, output);
    const key = keyStart < 0 ? null : bytes.subarray(keyStart, keyEnd);
    const value = valueStart < 0 ? null : bytes.subarray(valueStart, valueEnd);
    const partition =
      this.#of.to === undefined || key === null
        ? origin.partition
        : partitionOf(key, output.partitions);
    if (this.#of.to === undefined && partition >= output.partitions) {
      const message =
        `A dead letter came from partition ${partition} of topic "${topic}", which has ` +
        `${output.partitions} now. Send it to another topic: give "to".`;
      throw new MillraceError('INVALID', message);
    }
    output.append(partition % output.partitions, timestamp, key, value, origin.headers);
  }

  #partitionsOf(topic: string): number {
    return endsOf(this.#of.broker, topic).length;
  }

  /** Nothing where nothing is to be sent: what is passed over is read again next time. */
  async #commit(claim: Claim, partition: number, offset: number): Promise<Claim> {
    const { broker, clock, topic } = this.#of;
    const appends = [...this.#outputs.values()].flatMap((output) => output.takeAppends());
    if (appends.length === 0) return claim;
    const { task, incarnation } = claim;
    const epoch = claim.epoch + 1;
    const clockMs = Math.max(clock.now(), claim.clockMs);
    const positions = [{ topic, partition, offset }];
    await broker.commit({ task, incarnation, epoch, clockMs, positions, appends });
    return { ...claim, epoch, clockMs };
  }
}

/** Where its partitions end now. Fails with `TOPIC_MISSING`. */
function endsOf(broker: Broker, topic: string): number[] {
  const described = broker.describeTopic(topic);
  if (described !== undefined) return described.partitions.map(({ end }) => end);
  throw new MillraceError('TOPIC_MISSING', `There is no topic "${topic}".`);
}

/** Whose letters are in the topic, and how many records are none. */
async function contentsOf(
  broker: Broker,
  clock: Clock,
  topic: string,
  ends: readonly number[],
): Promise<{ readonly jobs: readonly string[]; readonly ignored: number }> {
  const jobs = new Set<string>();
  let ignored = 0;
  for (const [partition, end] of ends.entries()) {
    let offset = broker.startOf({ topic, partition });
    while (offset < end) {
      let next = end;
      for (const [cursor, origin] of lettersOf(broker, topic, partition, offset, end)) {
        next = cursor.offset + 1;
        if (origin === undefined) ignored++;
        else jobs.add(origin.job);
      }
      offset = next;
      await soon(clock);
    }
  }
  return { jobs: [...jobs].sort(), ignored };
}

/** Others have their turn. */
function soon(clock: Clock): Promise<void> {
  return new Promise((resolve) => clock.soon(resolve));
}

/** What is read at once. */
function* lettersOf(
  broker: Broker,
  topic: string,
  partition: number,
  from: number,
  end: number,
): Generator<[RecordCursor, Origin | undefined], void, void> {
  const batches = broker.read({ topic, partition }, from, readBytes);
  if (batches === undefined) return;
  const cursor = new RecordCursor();
  cursor.reset(batches.bytes, batches.placeOf);
  while (cursor.next()) {
    if (cursor.offset < from) continue;
    if (cursor.offset >= end) return;
    yield [cursor, originOf(cursor.headers())];
  }
}

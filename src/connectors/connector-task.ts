/**
 * What a connector has done, as the log knows it: a task that nobody else holds, and after each
 * commit a record of where to go on, in a topic of the connector's own.
 *
 *   __ingest-flights-positions   | {"records":3,"position":{"byte":120,...}} | ...
 *
 * Only the last record counts. Those before it are removed now and then.
 */
import {
  type Append,
  type Broker,
  type Claim,
  type Position,
  RecordBatchBuilder,
  RecordCursor,
} from '../broker/index.ts';
import { type Clock, isMillraceError, MillraceError } from '../platform/index.ts';

export type ConnectorKind = 'ingest' | 'deliver';

/** Commits after which the records of those before are removed. */
const trimEvery = 1000;

export interface ConnectorCommit<Record> {
  /** Undefined: as it was. */
  readonly record?: Record | undefined;
  readonly positions?: readonly Position[];
  readonly appends?: readonly Append[];
}

export class ConnectorTask<Record> {
  /** That of the last commit; undefined before the first. */
  readonly record: Record | undefined;
  readonly #broker: Broker;
  readonly #clock: Clock;
  readonly #topic: string;
  #claim: Claim;

  private constructor(broker: Broker, clock: Clock, topic: string, claim: Claim) {
    this.#broker = broker;
    this.#clock = clock;
    this.#topic = topic;
    this.#claim = claim;
    this.record = lastRecord(broker, topic) as Record | undefined; // as this connector wrote it
  }

  /** Fails with `TASK_HELD` while the connector runs elsewhere. */
  static async claim<Record>(
    broker: Broker,
    clock: Clock,
    kind: ConnectorKind,
    name: string,
  ): Promise<ConnectorTask<Record>> {
    const claim = await broker.claim(`${kind}/${name}`).catch((error) => {
      throw heldElsewhere(error, kind, name);
    });
    try {
      const topic = `__${kind}-${name}-positions`;
      if (broker.describeTopic(topic) === undefined) {
        await broker.createTopic(topic, { internal: true });
      }
      return new ConnectorTask(broker, clock, topic, claim);
    } catch (error) {
      await broker.release(claim).catch(() => {});
      throw error;
    }
  }

  /** The positions in topics as of the claim. */
  get positions(): readonly Position[] {
    return this.#claim.positions;
  }

  /** All of it in one commit, or nothing. Fails as `Broker.commit` does. */
  async commit(commit: ConnectorCommit<Record>): Promise<void> {
    const { record, positions = [], appends = [] } = commit;
    const { task, incarnation } = this.#claim;
    const epoch = this.#claim.epoch + 1;
    const clockMs = Math.max(this.#clock.now(), this.#claim.clockMs);
    const all = record === undefined ? appends : [...appends, this.#appendOf(record, clockMs)];
    await this.#broker.commit({ task, incarnation, epoch, clockMs, positions, appends: all });
    this.#claim = { ...this.#claim, epoch, clockMs };
    if (epoch % trimEvery === 0) await this.#trim();
  }

  async release(): Promise<void> {
    await this.#broker.release(this.#claim);
  }

  #appendOf(record: Record, clockMs: number): Append {
    const builder = new RecordBatchBuilder(256);
    builder.append(clockMs, null, Buffer.from(JSON.stringify(record)));
    const batches = builder.build();
    return { topic: this.#topic, partition: 0, batches, recordCount: 1, maxTimestamp: clockMs };
  }

  async #trim(): Promise<void> {
    const partition = { topic: this.#topic, partition: 0 };
    const offset = Math.max(0, this.#broker.endOf(partition) - 1);
    await this.#broker.deleteRecordsBefore({ ...partition, offset }, this.#claim);
  }
}

function lastRecord(broker: Broker, topic: string): unknown {
  const partition = { topic, partition: 0 };
  const last = broker.endOf(partition) - 1;
  if (last < broker.startOf(partition)) return undefined;
  const batches = broker.read(partition, last, 1);
  if (batches === undefined) return undefined;
  const cursor = new RecordCursor();
  cursor.reset(batches.bytes, batches.placeOf);
  while (cursor.next()) {
    if (cursor.offset < last) continue;
    const { bytes, valueStart, valueEnd } = cursor;
    return JSON.parse(Buffer.from(bytes.subarray(valueStart, valueEnd)).toString());
  }
  return undefined;
}

/** What says more of a connector that runs elsewhere. */
function heldElsewhere(error: unknown, kind: ConnectorKind, name: string): unknown {
  if (!isMillraceError(error, 'TASK_HELD')) return error;
  const message = `${kind}() "${name}" runs already. Stop it first; or give this one another name.`;
  return new MillraceError('TASK_HELD', message, { cause: error });
}

/** A job on a simulated machine, and queries from another process of it, in this one. */
import {
  type Broker,
  openBroker,
  openLogView,
  RecordBatchBuilder,
} from '../../../src/broker/index.ts';
import { json } from '../../../src/formats/index.ts';
import { type Job, type JobHandle, run, type SqlValue } from '../../../src/runtime/index.ts';
import { queryTasks } from '../../../src/runtime/query/run-query.ts';
import type { Selected } from '../../../src/runtime/query/select.ts';
import type { TaskFiles } from '../../../src/runtime/query/task-snapshot.ts';
import { taskNameOf } from '../../../src/runtime/stages/job-tasks.ts';
import { SimulatedMachine } from '../../support/simulated-platform.ts';

export class QueriedJob {
  /** Stands between a query and the files that it reads. */
  through: (files: TaskFiles) => TaskFiles = (files) => files;
  readonly #machine: SimulatedMachine = new SimulatedMachine();
  readonly #job: Job;
  #broker: Broker | undefined;
  #handle: JobHandle | undefined;

  constructor(job: Job) {
    this.#job = job;
  }

  /** Starts the job, after it was stopped or for the first time; makes its topics of one partition. */
  async start(job: Job = this.#job): Promise<void> {
    const { platform } = this.#machine.process();
    const broker = await this.#machine.until(
      openBroker(platform, '/data', { journalFileBytes: 1024 * 1024 }),
    );
    for (const node of job.graph.nodes) {
      if (node.kind !== 'source' || broker.describeTopic(node.topic.name) !== undefined) continue;
      await this.#machine.until(broker.createTopic(node.topic.name));
    }
    this.#broker = broker;
    const options = { broker, platform, stateDirectory: '/data', foldIntervalMs: 1000 };
    this.#handle = await run(job, { ...options, takeOver: true });
    await this.#machine.settle();
  }

  /** Sends values with these times, and waits until they are read. */
  async send(topic: string, values: readonly unknown[], timestamp = 0): Promise<void> {
    const builder = new RecordBatchBuilder();
    for (const value of values) builder.append(timestamp, null, json().encode(value));
    const recordCount = values.length;
    const batches = builder.build();
    const append = { topic, partition: 0, batches, recordCount, maxTimestamp: timestamp };
    await this.#machine.until(this.#broker?.append([append]) ?? Promise.resolve([]));
    await this.#machine.advance(100);
  }

  /** What is committed is folded. */
  async fold(): Promise<void> {
    await this.#machine.advance(2000);
  }

  async stop(): Promise<void> {
    await this.#machine.until(this.#handle?.stop() ?? Promise.resolve());
    await this.#machine.until(this.#broker?.close() ?? Promise.resolve());
  }

  /** What any SQLite tool sees in the state file. */
  file(sql: string): Pick<Selected, 'columns' | 'rows'> {
    const { platform } = this.#machine.process();
    const database = platform.openDatabase(this.#path, { durable: false });
    const statement = database.prepare(sql);
    const columns = statement.columns().map(({ name }) => name);
    const rows = statement.raw().all() as SqlValue[][]; // raw gives arrays
    database.close();
    return { columns, rows };
  }

  async ask(sql: string, parameters: readonly SqlValue[] = [], rowsMax = 1000) {
    const { platform } = this.#machine.process();
    const log = await this.#machine.until(openLogView(platform, '/data'));
    const task = taskNameOf(this.#job.name);
    const path = this.#path;
    const open = () =>
      platform.files.exists(path) ? platform.openDatabase(path, { durable: false }) : undefined;
    try {
      const files = this.through({ log, task, path, open });
      return queryTasks(files.log, () => [files], { sql, parameters, rowsMax });
    } finally {
      log.close();
    }
  }

  get #path(): string {
    return `/data/state/${this.#job.name}/${taskNameOf(this.#job.name)}.db`;
  }

  /** Rows as objects, in the order of what is written of them. */
  async rows(sql: string, parameters: readonly SqlValue[] = []): Promise<unknown[]> {
    const { columns, rows } = await this.ask(sql, parameters);
    const objects = rows.map((row) => Object.fromEntries(columns.map((name, i) => [name, row[i]])));
    return objects.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  }
}

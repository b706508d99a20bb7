/** A job with state, and what becomes of its changelog. */
import type Database from 'better-sqlite3';
import { MemoryBroker, RecordBatchBuilder } from '../../src/broker/index.ts';
import { count, job, topic } from '../../src/dsl/index.ts';
import { json, string } from '../../src/formats/index.ts';
import type { Platform } from '../../src/platform/index.ts';
import { type JobHandle, type RunOptions, run } from '../../src/runtime/index.ts';
import { SimulatedMachine } from '../support/simulated-platform.ts';

const words = topic('words', { key: string(), value: string() });
export const counts = topic('counts', { key: string(), value: json<unknown>() });
const counting = job('counting', ({ from }) => {
  from(words, { quietAfter: 'off' })
    .keyBy((word) => word, { key: string() })
    .aggregate({ n: count() })
    .to(counts);
});
export const statePath = '/data/state/counting/counting-0.db';
const changelog = { topic: '__counting-0-changelog', partition: 0 };

/** A machine, a log, and the job in one process after another. */
export class Folded {
  readonly machine: SimulatedMachine = new SimulatedMachine();
  readonly broker: MemoryBroker = new MemoryBroker({
    clock: this.machine.process().platform.clock,
  });

  async start(
    options: RunOptions = {},
    platform = (of: Platform): Platform => of,
  ): Promise<JobHandle> {
    if (this.broker.describeTopic('words') === undefined) {
      await this.machine.until(this.broker.createTopic('words', { partitions: 1 }));
    }
    const handle = await run(counting, {
      broker: this.broker,
      platform: platform(this.machine.process().platform),
      stateDirectory: '/data',
      takeOver: true,
      foldIntervalMs: 5000,
      ...options,
    });
    await this.machine.settle();
    return handle;
  }

  /** Each word once. */
  async append(wordsCount: number): Promise<void> {
    const builder = new RecordBatchBuilder();
    for (let i = 0; i < wordsCount; i++) builder.append(0, null, words.value.encode(`word-${i}`));
    const recordCount = wordsCount;
    const batches = builder.build();
    const append = { topic: 'words', partition: 0, batches, recordCount, maxTimestamp: 0 };
    await this.machine.until(this.broker.append([append]));
    await this.machine.settle();
  }

  /** What of the changelog is left, and its end. */
  get changelog(): [start: number, end: number] {
    return [this.broker.startOf(changelog), this.broker.endOf(changelog)];
  }

  get counts(): number {
    return this.broker.endOf({ topic: 'counts', partition: 0 });
  }

  /** Another connection to the state file, as a tool has it. */
  openStateFile(): Database.Database {
    const file = this.machine.files.find(statePath);
    if (file?.kind !== 'file') throw new Error('no job has made it');
    return this.machine.databases.open(file);
  }
}

/**
 * The replay of a live run: its recorded epochs say what was read in which order and what the clock
 * showed, so what is written is what it wrote, byte for byte. The job may go on meanwhile: what it
 * does after the replay has begun is left out.
 */
import { MillraceError } from '../../platform/index.ts';
import type { TaskLog } from '../assemble-task.ts';
import { epochsOf } from '../epoch-log.ts';
import type { TaskCounts } from '../task-counts.ts';
import { replayOf } from './rebuild-errors.ts';
import type { RebuiltFile } from './rebuilt-file.ts';
import { RepeatedEpochs } from './repeat-epochs.ts';
import type { ReplayWork } from './replay-work.ts';
import { surveyEpochs } from './survey-epochs.ts';
import { Turns } from './turns.ts';

/** Looks over what was recorded before anything is written. */
export class RecordedReplay {
  readonly #work: ReplayWork;
  readonly #end: number;
  readonly #turns: Turns;
  #total = 0;

  /** Fails with `INVALID` where nothing is recorded. */
  constructor(work: ReplayWork) {
    this.#work = work;
    const { broker, graph, task, platform, budget } = work;
    this.#turns = new Turns(platform.clock, budget.turnMs);
    const topic = epochsOf(task);
    const isThere = broker.describeTopic(topic) !== undefined;
    this.#end = isThere ? broker.endOf({ topic, partition: 0 }) : 0;
    if (this.#end > 0) return;
    const message = `Job "${graph.job}" has not run here: nothing is recorded to be replayed.`;
    throw new MillraceError('INVALID', message);
  }

  /** Fails as `surveyEpochs` where something is gone. */
  async survey(): Promise<void> {
    const { broker, graph, task, signal } = this.#work;
    const of = { broker, task, signal, purpose: replayOf(graph.job), turns: this.#turns };
    this.#total = await surveyEpochs({ ...of, committed: undefined, end: this.#end });
  }

  /** Resolves with what was counted, at the end or once `signal` has ended it. */
  async run(file: RebuiltFile): Promise<TaskCounts> {
    const { broker, graph, platform, topics, output, onProgress } = this.#work;
    const log: TaskLog = {
      describeTopic: (topic) => topics.describe(topic),
      endOf: (partition) => broker.endOf(partition),
      read: (partition, offset, bytesMax) => broker.read(partition, offset, bytesMax),
    };
    const total = this.#total;
    const epochs: RepeatedEpochs = new RepeatedEpochs({
      ...this.#work,
      ...{ log, clock: platform.clock, changelog: '', purpose: replayOf(graph.job) },
      ...{ file, turns: this.#turns, end: this.#end },
      write: (appends) => output.write(topics.renamed(appends)),
      onCommits: (done) => onProgress({ ...epochs.counts, done, total }),
    });
    await epochs.repeatAll();
    return epochs.counts;
  }
}

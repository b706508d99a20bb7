import {
  type Job,
  type Log,
  type ReplaySummary,
  replay,
  type TopicComparison,
} from '../../runtime/index.ts';
import type { ReplayFrom, ReplayTo } from '../arguments.ts';
import { loadJobs } from '../load-jobs.ts';
import { type DataOptions, withLog } from '../open.ts';
import { type Terminal, write } from '../terminal.ts';

export interface ReplayFileOptions extends DataOptions {
  readonly name?: string;
  readonly from?: ReplayFrom;
  readonly to?: ReplayTo;
  readonly asRecorded?: boolean;
  readonly compare?: boolean;
  readonly topic?: Readonly<Record<string, string>>;
  readonly quiet?: boolean;
}

const progressEveryMs = 1000;

/** The code of a replay that was compared, and differs. */
const differenceCode = 3;

/**
 * Replays the jobs of a file, one after another; the code that the process should end with: 1 where
 * that was ended before, 3 where what was compared differs.
 */
export async function replayFile(
  file: string,
  options: ReplayFileOptions,
  terminal: Terminal,
): Promise<number> {
  const signal = terminal.interruption();
  const jobs = await loadJobs(file);
  return withLog(options, false, async (log) => {
    let code = 0;
    for (const job of jobs) {
      if (signal.aborted) break;
      const summary = await replayJob(job, log, options, terminal, signal);
      await write(terminal.output, summaryOf(job.name, summary));
      if (hasDifference(summary)) code = differenceCode;
    }
    return signal.aborted ? 1 : code;
  });
}

async function replayJob(
  job: Job,
  log: Log,
  { data: _, quiet = false, topic: topics = {}, ...given }: ReplayFileOptions,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<ReplaySummary> {
  const progress = new Progress(terminal, job.name, quiet);
  const unit = given.asRecorded === true ? 'commits' : 'records';
  try {
    return await replay(job, {
      ...{ ...given, topics, data: log, signal },
      onProgress: ({ done, total, recordsWritten }) =>
        progress.tell(`${done} of ${total} ${unit}, ${recordsWritten} records written`),
    });
  } finally {
    progress.end();
  }
}

/** On a terminal one line that changes; else a line now and then. */
class Progress {
  readonly #terminal: Terminal;
  readonly #job: string;
  readonly #isQuiet: boolean;
  readonly #onTerminal: boolean;
  #saidAt = Date.now();
  #isOpen = false;

  constructor(terminal: Terminal, job: string, isQuiet: boolean) {
    this.#terminal = terminal;
    this.#job = job;
    this.#isQuiet = isQuiet;
    this.#onTerminal = terminal.errors === process.stderr && process.stderr.isTTY === true;
  }

  tell(text: string): void {
    const now = Date.now();
    const everyMs = this.#onTerminal ? progressEveryMs / 10 : progressEveryMs * 5;
    if (this.#isQuiet || now - this.#saidAt < everyMs) return;
    this.#saidAt = now;
    const line = `${this.#job}: ${text}`;
    this.#isOpen = this.#onTerminal;
    this.#terminal.errors.write(this.#onTerminal ? `\r\x1b[K${line}` : `${line}\n`);
  }

  /** The line is free for others again. */
  end(): void {
    if (this.#isOpen) this.#terminal.errors.write('\r\x1b[K');
  }
}

function hasDifference({ comparisons }: ReplaySummary): boolean {
  return comparisons.some(({ differences }) => differences.length > 0);
}

function summaryOf(job: string, summary: ReplaySummary): string {
  const { isComplete, topics, recordsRead, recordsWritten, lateRecords } = summary;
  const { skippedRecords, deadLetters, comparisons } = summary;
  const counts = [
    `${recordsRead} records read`,
    `${recordsWritten} written`,
    `${lateRecords} late`,
    ...(skippedRecords > 0 ? [`${skippedRecords} skipped`] : []),
    ...(deadLetters > 0 ? [`${deadLetters} dead letters`] : []),
  ];
  const ended = isComplete ? 'replayed' : 'ended before its end; what there is is a part';
  const lines = [
    `${job}: ${ended}: ${counts.join(', ')}`,
    ...Object.entries(topics).map(([topic, replayed]) => `  ${topic}  ->  ${replayed}`),
    ...comparisons.flatMap(comparisonOf),
  ];
  return `${lines.join('\n')}\n`;
}

function comparisonOf({ topic, replay: replayed, same, differences }: TopicComparison): string[] {
  if (differences.length === 0) return [`  ${topic} and ${replayed} are the same: ${same} records`];
  return differences.map(({ partition, offset, replayOffset, differs }) => {
    const what = differs.includes('the replay') ? `it is ${differs}` : `another ${differs}`;
    return (
      `  ${topic}, partition ${partition}: the first record that differs is at offset ${offset}, ` +
      `${replayOffset} in ${replayed}: ${what}`
    );
  });
}

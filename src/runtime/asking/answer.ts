/**
 * Answers: what the functions of `mapAsync` steps have returned, and what came of those that
 * failed.
 *
 * They come from outside, when they come. So each is recorded in the log, in the commit of the
 * epoch that takes it, and whoever repeats that epoch has them from there: nothing is asked again.
 *
 *   __<task>-answers    | epoch 7: call 12 of "enrich" | epoch 7: call 11 of ... | epoch 9: ...
 *
 * The value of a record, in the numbers and texts of compact-bytes.ts:
 *
 *   format    1 byte
 *   epoch     number: the one that took the answer
 *   step      text: its identity
 *   call      number
 *   outcome   1 byte: 0 a result, 1 a failure
 *   result    the rest: its bytes, in the codec of the step
 *   failure   code and message, as text
 */
import { type Append, type Broker, RecordBatchBuilder, RecordCursor } from '../../broker/index.ts';
import { type ErrorCode, MillraceError } from '../../platform/index.ts';
import { CompactReader, CompactWriter } from '../compact-bytes.ts';

export interface Answer {
  /** The identity of the step that asked. */
  readonly step: string;
  /** Which of its calls is answered. */
  readonly call: number;
  readonly outcome: Outcome;
}

export type Outcome =
  | { readonly kind: 'result'; readonly bytes: Uint8Array }
  | { readonly kind: 'failure'; readonly failure: Failure };

export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  /** What was thrown; not kept. */
  readonly cause?: unknown;
}

const formatVersion = 1;
const isResult = 0;
const isFailure = 1;

export function answersOf(task: string): string {
  return `__${task}-answers`;
}

/** What an epoch has taken, as an append; undefined where that is nothing. */
export function answersAppend(
  task: string,
  epoch: number,
  clockMs: number,
  answers: readonly Answer[],
): Append | undefined {
  const builder = new RecordBatchBuilder(1024);
  for (const answer of answers) builder.append(clockMs, null, encodeAnswer(epoch, answer));
  const { recordCount } = builder;
  if (recordCount === 0) return undefined;
  const batches = builder.build();
  return { topic: answersOf(task), partition: 0, batches, recordCount, maxTimestamp: clockMs };
}

/** The recorded answers of a task, epoch by epoch. */
export class RecordedAnswers {
  readonly #answers: Iterator<RecordedAnswer, void>;
  #next: RecordedAnswer | undefined;

  constructor(broker: Pick<Broker, 'describeTopic' | 'read' | 'startOf'>, task: string) {
    this.#answers = readAnswers(broker, answersOf(task));
    this.#next = this.#read();
  }

  /** What an epoch has taken, in its order. Epochs are asked for in theirs. */
  of(epoch: number): readonly Answer[] {
    const taken: Answer[] = [];
    while (this.#next !== undefined && this.#next.epoch <= epoch) {
      if (this.#next.epoch === epoch) taken.push(this.#next.answer);
      this.#next = this.#read();
    }
    return taken;
  }

  #read(): RecordedAnswer | undefined {
    const next = this.#answers.next();
    return next.done === true ? undefined : next.value;
  }
}

export interface RecordedAnswer {
  readonly epoch: number;
  readonly answer: Answer;
}

export function encodeAnswer(epoch: number, { step, call, outcome }: Answer): Uint8Array {
  const writer = new CompactWriter();
  writer.byte(formatVersion);
  writer.number(epoch);
  writer.text(step);
  writer.number(call);
  writer.byte(outcome.kind === 'result' ? isResult : isFailure);
  if (outcome.kind === 'result') return Buffer.concat([writer.bytes(), outcome.bytes]);
  writer.text(outcome.failure.code);
  writer.text(outcome.failure.message);
  return writer.bytes();
}

/** Copies what it is given. Fails with `DIRECTORY`. */
export function decodeAnswer(bytes: Uint8Array): RecordedAnswer {
  const reader = new CompactReader(bytes);
  requireFormat(reader.byte());
  const epoch = reader.number();
  const of = { step: reader.text(), call: reader.number() };
  if (reader.byte() === isResult) {
    return { epoch, answer: { ...of, outcome: { kind: 'result', bytes: reader.rest() } } };
  }
  const code = reader.text() as ErrorCode; // as it was written
  const failure = { code, message: reader.text() };
  return { epoch, answer: { ...of, outcome: { kind: 'failure', failure } } };
}

function* readAnswers(
  broker: Pick<Broker, 'describeTopic' | 'read' | 'startOf'>,
  topic: string,
): Generator<RecordedAnswer, void, void> {
  if (broker.describeTopic(topic) === undefined) return;
  const partition = { topic, partition: 0 };
  const cursor = new RecordCursor();
  for (let offset = broker.startOf(partition); ; offset = cursor.endOffset()) {
    const batches = broker.read(partition, offset, 256 * 1024);
    if (batches === undefined) return;
    cursor.reset(batches.bytes, batches.placeOf);
    while (cursor.next()) {
      if (cursor.offset < offset) continue;
      yield decodeAnswer(cursor.bytes.subarray(cursor.valueStart, cursor.valueEnd));
    }
  }
}

function requireFormat(format: number): void {
  if (format === formatVersion) return;
  throw new MillraceError(
    'DIRECTORY',
    `The answers of the task were recorded in format ${format}, which this version of Millrace ` +
      `does not know (it knows ${formatVersion}). Use the Millrace that wrote them.`,
  );
}

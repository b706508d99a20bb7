/**
 * A dead letter: a record that failed, exactly as it was, with what is known of its failure in
 * headers behind its own. Times are ms since the epoch; everything is UTF-8 text.
 */
import type { Header } from '../broker/index.ts';

/** What the headers of a dead letter tell, by their names without the prefix. */
export interface FailureContext {
  readonly job: string;
  /** The step that failed, as errors name it. */
  readonly step: string;
  /** Of the step: `map`, `process`, `sink`, ...; `source` where the record can't be decoded. */
  readonly kind: string;
  /** See docs/errors.md. */
  readonly code: string;
  readonly message: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** Of the record. */
  readonly timestamp: number;
  /** The clock reading of the epoch. */
  readonly 'failed-at': number;
  /** How often it was tried. */
  readonly attempts: number;
}

const prefix = 'millrace.';

/** In the order in which they are written. */
const names = [
  ...['job', 'step', 'kind', 'code', 'message', 'topic', 'partition', 'offset'],
  ...['timestamp', 'failed-at', 'attempts'],
] as const;

/** Longer messages are cut: a dead letter should not be much larger than its record. */
const messageCharactersMax = 2000;

/** The headers of a dead letter: those of the record, then what is known of its failure. */
export function deadLetterHeaders(of: readonly Header[], context: FailureContext): Header[] {
  const message = messageOfLetter(context.message);
  const told: Readonly<Record<string, string | number>> = { ...context, message };
  return [
    ...of,
    ...names.map((name) => ({ key: prefix + name, value: Buffer.from(String(told[name])) })),
  ];
}

/** What a dead letter tells of a message. */
export function messageOfLetter(message: string): string {
  return message.slice(0, messageCharactersMax).toWellFormed();
}

/** Where a dead letter came from, and the headers that it had there. */
export interface Origin {
  readonly job: string;
  readonly topic: string;
  readonly partition: number;
  readonly headers: readonly Header[];
}

/** Undefined for a record that is no dead letter. */
export function originOf(headers: readonly Header[]): Origin | undefined {
  const own = headers.slice(0, Math.max(0, headers.length - names.length));
  const told = headers.slice(own.length);
  if (told.length < names.length) return undefined;
  if (told.some(({ key, value }, i) => key !== `${prefix}${names[i]}` || value === null)) {
    return undefined;
  }
  const textOf = (name: (typeof names)[number]) =>
    Buffer.from(told[names.indexOf(name)]?.value ?? []).toString('utf8');
  const partition = Number(textOf('partition'));
  return { job: textOf('job'), topic: textOf('topic'), partition, headers: own };
}

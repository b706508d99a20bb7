/** Records as lines, and lines as records. */
import type { Broker, RecordCursor, TopicDescription } from '../broker/index.ts';
import { MillraceError } from '../platform/index.ts';
import { nearest } from '../runtime/index.ts';

/** A record as `consume --json` prints it; parse-line.ts reads it. */
export interface RecordLine {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** ms since the epoch. */
  readonly timestamp: number;
  readonly key: unknown;
  readonly value: unknown;
  readonly headers: Readonly<Record<string, unknown>>;
}

const decoder = new TextDecoder('utf-8', { fatal: true });

export function toLine(topic: string, partition: number, cursor: RecordCursor): RecordLine {
  const { bytes, keyStart, keyEnd, valueStart, valueEnd, offset, timestamp } = cursor;
  const headers = cursor.headers().map(({ key, value }) => [key, readable(value, false)]);
  return {
    topic,
    partition,
    offset,
    timestamp,
    key: readable(keyStart < 0 ? null : bytes.subarray(keyStart, keyEnd), false),
    value: readable(valueStart < 0 ? null : bytes.subarray(valueStart, valueEnd), true),
    headers: Object.fromEntries(headers),
  };
}

/** For people: the key, and the value as it is. */
export function toText({ key, value }: RecordLine): string {
  const text = (part: unknown) => (typeof part === 'string' ? part : JSON.stringify(part));
  return key === null ? text(value) : `${text(key)}\t${text(value)}`;
}

/** Neither JSON nor text for people has them; binary formats do, and terminals obey them. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it looks for
const controls = /[\u0000-\u0008\u000b\u000c\u000e-\u001f]/;

/** JSON where `json` and it is; else text; else base64. */
function readable(bytes: Uint8Array | null, json: boolean): unknown {
  if (bytes === null) return null;
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch {
    return base64Of(bytes);
  }
  if (controls.test(text)) return base64Of(bytes);
  if (!json) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function base64Of(bytes: Uint8Array): { readonly base64: string } {
  return { base64: Buffer.from(bytes).toString('base64') };
}

/** Bytes of a key or value in a line: text as it is, `{base64}` as bytes, anything else as JSON. */
export function toBytes(part: unknown): Uint8Array | null {
  if (part === null || part === undefined) return null;
  if (part instanceof Uint8Array) return part;
  if (typeof part === 'string') return Buffer.from(part);
  if (typeof part === 'object' && 'base64' in part && typeof part.base64 === 'string') {
    return Buffer.from(part.base64, 'base64');
  }
  return Buffer.from(JSON.stringify(part));
}

/** Topics that a message names at most. */
const namedMax = 10;

/** Fails with `TOPIC_MISSING`, naming a topic that is nearly called so. */
export function requireTopic(broker: Broker, name: string): TopicDescription {
  const topic = broker.describeTopic(name);
  if (topic !== undefined) return topic;
  const names = broker.listTopics().map((each) => each.name);
  const likely = nearest(name, names);
  const others = likely === undefined ? `. ${whatThereIs(names)}.` : `: did you mean "${likely}"?`;
  throw new MillraceError(
    'TOPIC_MISSING',
    `There is no topic "${name}"${others} To make it: millrace topics create ${name}`,
  );
}

function whatThereIs(names: readonly string[]): string {
  if (names.length === 0) return 'There are no topics yet';
  const more = names.length > namedMax ? `, and ${names.length - namedMax} others` : '';
  return `There are ${names.slice(0, namedMax).join(', ')}${more}`;
}

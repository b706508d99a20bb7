/**
 * A codec whose values a schema validates: any that has the interface of Standard Schema, such as
 * those of zod, valibot and arktype.
 *
 * A schema may change what it validates: fill in defaults, drop members, turn text into numbers.
 * That is welcome when decoding, and its output is the value. When encoding, the schema must give
 * the value back as it is, or it would come back as another one.
 */
import type { StandardSchemaV1 } from '@standard-schema/spec';
import {
  checkChoice,
  checkOptions,
  type ErrorCode,
  MillraceError,
  messageOf,
} from '../platform/index.ts';
import type { Codec } from './codec.ts';
import { step } from './plain.ts';

export interface ValidationOptions {
  /** When values are validated. Default `'both'`: when they are encoded, and when decoded. */
  readonly validate?: 'both' | 'encode' | 'decode';
}

export function validated(
  codec: Codec<unknown>,
  schema: StandardSchemaV1,
  options: ValidationOptions,
): Codec<unknown> {
  checkSchema(schema);
  checkOptions('json()', options, ['validate']);
  const { validate = 'both' } = options;
  checkChoice('validate of json()', validate, ['both', 'encode', 'decode']);
  const check = (value: unknown): void => {
    codec.check?.(value);
    if (validate !== 'decode') checkGivenBack(value, outputOf(schema, value, 'ENCODE'));
  };
  return {
    name: codec.name,
    text: codec.text,
    encode(value) {
      check(value);
      return codec.encode(value);
    },
    check,
    decode(bytes, start, end) {
      const value = codec.decode(bytes, start, end);
      return validate === 'encode' ? value : outputOf(schema, value, 'DECODE');
    },
  };
}

function checkSchema(schema: StandardSchemaV1): void {
  const standard: unknown = Object(schema)['~standard'];
  if (typeof Object(standard).validate === 'function') return;
  throw new MillraceError(
    'INVALID',
    "json() takes a schema that has '~standard', the interface of Standard Schema: one of zod, " +
      'valibot, arktype and others. Without a schema it takes nothing.',
  );
}

/** Fails with `code` where the schema does not accept the value. */
function outputOf(schema: StandardSchemaV1, value: unknown, code: ErrorCode): unknown {
  let result: ReturnType<StandardSchemaV1['~standard']['validate']>;
  try {
    result = schema['~standard'].validate(value);
  } catch (cause) {
    throw new MillraceError(code, `The schema failed to validate: ${messageOf(cause)}.`, { cause });
  }
  if ('then' in result) {
    result.then(undefined, () => {}); // nobody waits for it
    throw new MillraceError(
      'INVALID',
      `The schema (${schema['~standard'].vendor}) validates asynchronously, and codecs can't ` +
        'wait. Use a schema that does not, and validate the rest in a step of the job.',
    );
  }
  if (result.issues === undefined) return result.value;
  const what = code === 'ENCODE' ? 'Correct what is written' : 'Correct whoever writes it';
  throw new MillraceError(
    code,
    `The value does not fit the schema: ${described(result.issues)}. ${what}, or the schema.`,
  );
}

/** Issues that a message names at most. */
const namedMax = 3;

function described(issues: readonly StandardSchemaV1.Issue[]): string {
  const named = issues.slice(0, namedMax).map(({ path = [], message }) => {
    const steps = path.map((part) => stepOf(typeof part === 'object' ? part.key : part));
    return `$${steps.join('')}: ${message.replace(/\.$/, '')}`;
  });
  const more = issues.length - named.length;
  return named.join('; ') + (more > 0 ? `; and ${more} more` : '');
}

function stepOf(key: PropertyKey): string {
  return typeof key === 'number' ? `[${key}]` : step(String(key));
}

/** Fails with `ENCODE` where the schema's output is not the value itself. */
function checkGivenBack(value: unknown, output: unknown): void {
  const path = changedIn(value, output);
  if (path === undefined) return;
  throw new MillraceError(
    'ENCODE',
    `The schema would not give this value back: it changes $${path}. Write what the schema ` +
      "gives, or use a schema that changes nothing, or validate: 'decode'.",
  );
}

/** Where a plain value differs from another one; undefined where they are equal. */
function changedIn(value: unknown, output: unknown): string | undefined {
  if (Object.is(value, output)) return undefined;
  if (!isObject(value) || !isObject(output)) return '';
  if (Array.isArray(value) !== Array.isArray(output)) return '';
  for (const name of new Set([...Object.keys(value), ...Object.keys(output)])) {
    const both = Object.hasOwn(value, name) && Object.hasOwn(output, name);
    const path = both ? changedIn(value[name], output[name]) : '';
    if (path !== undefined) return (Array.isArray(value) ? `[${name}]` : step(name)) + path;
  }
  return undefined;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

/** Which states of several tasks a statement may read, and so which are copied for it. */
import { expect, test } from 'vitest';
import { mayRead } from '../../../src/runtime/query/views.ts';

function reads(sql: string, name: string, kind: 'value' | 'timed' = 'value'): boolean {
  const codecs = { keyCodec: 'string', itemCodec: '', valueCodec: 'json', shape: '' };
  const texts = { keyText: true, itemText: true, valueText: true };
  const versions = { version: 1, keyVersion: 1, itemVersion: 1 };
  return mayRead(sql, { name, kind, ...codecs, ...texts, ...versions });
}

test.each([
  ['SELECT * FROM users_seen', 'users/seen', true],
  ['select * from USERS_SEEN_raw', 'users/seen', true],
  ['SELECT * FROM "users_seen_2"', 'users/seen', true],
  ['SELECT expires FROM users_seen', 'users/seen/event written', true],
  ['SELECT expires FROM users_seen', 'users/seen/processing adopted', true],
  ['SELECT * FROM pages_windows', 'users/seen', false],
  ['SELECT * FROM stores', 'users/seen', false],
])('%s, of %s: %s', (sql, name, expected) => {
  expect(reads(sql, name)).toBe(expected);
});

test('the view of timers reads those of all steps', () => {
  expect(reads('SELECT * FROM Timers', 'users/event timers', 'timed')).toBe(true);
  expect(reads('SELECT * FROM users_seen', 'users/event timers', 'timed')).toBe(false);
});

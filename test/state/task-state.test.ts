import { describe, expect, test } from 'vitest';
import { json, string } from '../../src/formats/index.ts';
import { storeKey } from '../../src/state/change.ts';
import { type StateFile, TaskState } from '../../src/state/index.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { Changelog, finish, keyOf, openStateFile, openStores, plenty } from './changelog.ts';

const [a, b] = ['a', 'b'].map(keyOf) as [string, string];

const value = json<unknown>();
const keyCodec = { name: 'string', text: true } as const;

function newFile(): StateFile {
  const file = openStateFile(`${temporaryDirectory()}/counting-0.db`);
  file.claim(1);
  return file;
}

function opened(changelog: Changelog, file?: StateFile): TaskState {
  return new TaskState({
    file,
    filePath: 'state/counting-0.db',
    changelog: changelog.reader(),
    ...plenty,
  });
}

/** Of a task whose entries under a and b are what is given. */
function changelogOf(...values: readonly unknown[]): Changelog {
  const changelog = new Changelog();
  const { state, keyed } = openStores(changelog, undefined);
  for (const of of values) {
    keyed.put(a, of);
    keyed.put(b, of);
    changelog.append(state);
  }
  return changelog;
}

describe('recovery', () => {
  test('without a file takes everything from the changelog', () => {
    const { state, keyed, timed } = openStores(changelogOf(1, 2), undefined);
    expect([keyed.get(a), keyed.get(b), timed.first(), state.size]).toEqual([2, 2, undefined, 2]);
  });

  test('takes what is folded from the file, and the rest from the changelog', () => {
    const changelog = changelogOf(1);
    const file = newFile();
    finish(changelog.fold(file));
    changelog.start = changelog.end; // the log forgets what is folded
    const first = openStores(changelog, file);
    first.keyed.delete(a);
    first.timed.put(5, b, 3);
    changelog.append(first.state);
    const { keyed, timed } = openStores(changelog, file);
    expect([keyed.get(a), keyed.get(b), timed.get(5, b)]).toEqual([undefined, 1, 3]);
    file.close();
  });

  test('leaves nothing to be written: no store is declared twice, nothing has changed', () => {
    const changelog = changelogOf(1, 2);
    const file = newFile();
    expect(openStores(changelog, file).state.takeChanges(() => {})).toBe(0);
    finish(changelog.fold(file));
    expect(openStores(changelog, file).state.takeChanges(() => {})).toBe(0);
    file.close();
  });

  test('gives a store that is new a number of its own', () => {
    const changelog = changelogOf(1);
    const { end } = changelog;
    const state = opened(changelog);
    state.value({ name: 'step/more', value, keyCodec }).put(a, 'more');
    changelog.append(state);
    expect(changelog.changes[end]?.key).toEqual(storeKey(5));
    const again = opened(changelog);
    const [more, keyed] = ['step/more', 'step/keyed'].map((name) =>
      again.value({ name, value, keyCodec }),
    );
    for (const name of ['step/timed', 'step/list', 'step/map']) again.drop(name);
    again.finishDeclaring('counting');
    expect([more?.get(a), keyed?.get(a)]).toEqual(['more', 1]);
  });

  test('refuses a name that is declared twice', () => {
    const state = opened(new Changelog());
    state.value({ name: 'step/keyed', value, keyCodec });
    expect(() => state.timed({ name: 'step/keyed', value, keyCodec })).toThrow('declared once');
  });
});

describe('recovery refuses', () => {
  const refusal = (code: string, ...says: string[]) =>
    expect.objectContaining({ code, message: expect.stringMatching(says.join('.*')) });

  test('a file that is folded beyond the end of the changelog', () => {
    const changelog = changelogOf(1, 2);
    const file = newFile();
    finish(changelog.fold(file));
    changelog.changes.pop();
    expect(() => opened(changelog, file)).toThrow(
      refusal('FILE_MISMATCH', 'counting-0.db is newer than the log', 'offset 8', 'ends at 7'),
    );
    file.close();
  });

  test('a file of which one slice is beyond the end of the changelog', () => {
    const changelog = changelogOf(1, 2);
    const file = newFile();
    changelog.fold(file, 1, 1).next();
    changelog.changes.pop();
    expect(file.foldedOffset).toBe(0);
    expect(() => opened(changelog, file)).toThrow(
      refusal('FILE_MISMATCH', 'counting-0.db is newer than the log', 'offset 8', 'ends at 7'),
    );
    file.close();
  });

  test('a gap between the file and what is left of the changelog', () => {
    const changelog = changelogOf(1);
    const file = newFile();
    finish(changelog.fold(file));
    const folded = changelog.end;
    expect(() => opened(changelog, file)).not.toThrow();
    changelog.start = folded + 1;
    changelog.changes.push(...changelogOf(2).changes);
    expect(() => opened(changelog, file)).toThrow(
      refusal('FILE_MISMATCH', 'missing or older', `offset ${folded},`, `offset ${folded + 1} `),
    );
    file.close();
  });

  test('an empty file, and none at all, where the changelog does not begin at 0', () => {
    const changelog = changelogOf(1);
    changelog.start = 1;
    const file = newFile();
    expect(() => opened(changelog, file)).toThrow(refusal('FILE_MISMATCH', 'is missing or older'));
    expect(() => opened(changelog)).toThrow(refusal('FILE_MISMATCH', 'is missing or older'));
    file.close();
  });

  const shape = { name: 'step/keyed', value, keyCodec };
  const changed: [string, (state: TaskState) => void, string][] = [
    ['another kind', (state) => state.timed(shape), 'has the kind value on disk and timed in'],
    [
      'another key codec',
      (state) => state.value({ ...shape, keyCodec: { name: 'number', text: false } }),
      'has the key codec string on disk and number in the job',
    ],
    [
      'another value codec',
      (state) => state.value({ ...shape, value: { ...value, name: 'protobuf' } }),
      'has the value codec json on disk and protobuf in the job',
    ],
    [
      'a codec of the same name that writes bytes',
      (state) => state.value({ ...shape, value: { ...value, text: false } }),
      'has the value codec json \\(text\\) on disk and json \\(bytes\\) in the job',
    ],
    [
      'another shape',
      (state) => state.value({ ...shape, shape: '{n: count}' }),
      'has the shape  on disk and {n: count} in the job',
    ],
    ['no declaration', () => {}, 'no step of the job declares it'],
  ];
  test.each(changed)(
    'a store with %s, from the changelog and from the file',
    (_, declare, says) => {
      const changelog = changelogOf(1);
      const file = newFile();
      for (const from of [undefined, file, 'folded']) {
        if (from === 'folded') finish(changelog.fold(file));
        const state = opened(changelog, from === undefined ? undefined : file);
        declare(state);
        const keys = { name: 'bytes', text: false };
        const inBytes = { ...value, text: false };
        state.timed({ name: 'step/timed', value: inBytes, keyCodec: keys });
        state.list({ name: 'step/list', value, keyCodec: keys });
        state.map({ name: 'step/map', item: string(), value, keyCodec });
        expect(() => state.finishDeclaring('counting')).toThrow(
          refusal('STATE_MISMATCH', 'job "counting" does not fit', '"step/keyed"', says),
        );
        expect(() => state.finishDeclaring('counting')).not.toThrow('"step/timed"');
      }
      file.close();
    },
  );
});

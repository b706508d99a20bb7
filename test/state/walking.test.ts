import { describe, expect, test } from 'vitest';
import { json, string } from '../../src/formats/index.ts';
import { type StateFile, TaskState } from '../../src/state/index.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import {
  Changelog,
  finish,
  keyOf,
  type Memory,
  openStateFile,
  openStores,
  plenty,
  type Stores,
} from './changelog.ts';

function newFile(): StateFile {
  const file = openStateFile(`${temporaryDirectory()}/counting-0.db`);
  file.claim(1);
  return file;
}

const [a, bb, ccc] = ['a', 'bb', 'ccc'].map(keyOf) as [string, string, string];
const keys = Array.from({ length: 30 }, (_, i) => keyOf(`${'k'.repeat(i % 5)}${i}`));

function fill({ keyed, list, map }: Stores): void {
  for (const key of keys) {
    keyed.put(key, 1);
    for (let i = 0; i < 4; i++) {
      list.add(key, i);
      map.put(key, `${i}`, i);
    }
  }
}

/** What is met of each store: every entry once. */
function walked({ keyed, list, map }: Stores): readonly string[][] {
  const all = <Of>(iterator: Iterator<Of>, name: (of: Of) => string) => {
    const found = new Set<string>();
    for (let next = iterator.next(); next.done !== true; next = iterator.next()) {
      found.add(name(next.value));
    }
    return [...found].sort();
  };
  return [
    all(keyed.keys(), (key) => key),
    all(list.places(), ([key, place]) => `${key} ${place}`),
    all(map.places(), ([key, item]) => `${key} ${item}`),
  ];
}

const places = keys.flatMap((key) => ['0', '1', '2', '3'].map((item) => `${key} ${item}`));

describe.each<[string, Memory]>([
  ['plenty of memory', plenty],
  ['next to no memory', { memoryBytesMax: 1, rowsAtOnce: 2 }],
])('with %s', (_name, memory) => {
  test.each(['changelog', 'file', 'file, some deleted since'])(
    'entries of the %s are met',
    (where) => {
      const changelog = new Changelog();
      const file = newFile();
      const first = openStores(changelog, file, memory);
      fill(first);
      changelog.append(first.state);
      if (where !== 'changelog') finish(changelog.fold(file));
      const again = openStores(changelog, file, memory);
      const gone = where.includes('deleted') ? keys[3] : undefined;
      if (gone !== undefined) {
        again.keyed.delete(gone);
        again.list.clear(gone);
        for (let i = 0; i < 4; i++) again.map.delete(gone, `${i}`);
        changelog.append(again.state);
      }
      const left = (of: string) => gone === undefined || of.split(' ')[0] !== gone;
      const expected = [keys, places, places].map((all) => all.filter(left).toSorted());
      expect(walked(again)).toEqual(expected);
      file.close();
    },
  );

  test('elements of lists are told apart by their places, which are not used twice at once', () => {
    const { list } = openStores(new Changelog(), undefined, memory);
    expect(['x', 'y', 'z'].map((value) => list.add(a, value))).toEqual([0, 1, 2]);
    list.delete(a, 1);
    list.delete(a, 7);
    expect([list.get(a, 0), list.get(a, 1), list.get(bb, 0)]).toEqual(['x', undefined, undefined]);
    list.add(a, 'w');
    expect([...list.entries(a)].map(([, value]) => value)).toEqual(['x', 'z', 'w']);
  });
});

describe('a store that is dropped', () => {
  const declare = (state: TaskState) =>
    state.map({
      name: 'step/map',
      item: string(),
      value: json(),
      keyCodec: { name: 'string', text: true },
    });
  const opened = (changelog: Changelog, file: StateFile) =>
    new TaskState({ file, filePath: 'state.db', changelog: changelog.reader(), ...plenty });

  test.each(['changelog', 'file'])('out of the %s is gone, and can be declared anew', (where) => {
    const changelog = new Changelog();
    const file = newFile();
    const first = opened(changelog, file);
    declare(first).put(ccc, 'item', 1);
    changelog.append(first);
    if (where === 'file') finish(changelog.fold(file));

    const second = opened(changelog, file);
    second.drop('step/map');
    second.drop('step/none');
    second.finishDeclaring('counting');
    changelog.append(second);

    const third = opened(changelog, file);
    third.finishDeclaring('counting');
    finish(changelog.fold(file));
    expect(file.stores().size).toBe(0);
    const fourth = opened(changelog, file);
    expect([...declare(fourth).entries(ccc)]).toEqual([]);
    file.close();
  });
});

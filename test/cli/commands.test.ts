/** Each command as people call it, in this process: what it prints, and the code it ends with. */
import { Readable, Writable } from 'node:stream';
import { beforeAll, describe, expect, test } from 'vitest';
import { cli } from '../../src/cli/cli.ts';
import { avro, messagePack } from '../../src/formats/index.ts';
import { suiteDirectory, temporaryDirectory } from '../support/temporary-directory.ts';

interface Ended {
  readonly code: number;
  readonly output: string;
  readonly errors: string;
}

/** A command line on a data directory of its own. */
function commandLine(data = temporaryDirectory()) {
  return async (args: string, input: string | Uint8Array = ''): Promise<Ended> => {
    const [output, errors] = [collector(), collector()];
    const terminal = {
      input: Readable.from([Buffer.from(input)]),
      output: output.stream,
      errors: errors.stream,
      interruption: () => new AbortController().signal,
    };
    const words = args.split(' ').map((word) => (word === 'DATA' ? data : word));
    const code = await cli(words, terminal);
    return { code, output: output.text(), errors: errors.text() };
  };
}

function collector() {
  let text = '';
  const stream = new Writable({
    write(chunk, _encoding, done) {
      text += chunk;
      done();
    },
  });
  return { stream, text: () => text };
}

const ok = (output: string, errors = ''): Ended => ({ code: 0, output, errors });
const linesOf = ({ output }: Ended) =>
  output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('backup', () => {
  test('copies the data; what it will not write to or read from is named', async () => {
    const millrace = commandLine();
    await millrace('produce clicks --create --data DATA', 'a\nb\n');
    const target = `${temporaryDirectory()}/copy`;
    expect(await millrace(`backup ${target} --data DATA`)).toEqual(
      ok(expect.stringMatching(/\/copy {2}\d+ files, \d+ bytes\n$/)),
    );
    expect(await millrace(`consume clicks --data ${target}`)).toEqual(ok('a\nb\n'));
    const again = await millrace(`backup ${target} --data DATA`);
    expect(again).toMatchObject({ code: 1, output: '' });
    expect(again.errors).toContain(`millrace: ${target} is not empty. Choose an empty directory`);
    const nothing = await millrace(`backup ${target}-2 --data ${target}-3`);
    expect(nothing.errors).toContain(`no Millrace data in ${target}-3`);
  });
});

describe('topics', () => {
  test('are made, listed, described and deleted', async () => {
    const millrace = commandLine();
    const none = await millrace('topics create clicks --partitions 2 --data DATA');
    expect(none).toEqual(ok('clicks  2 partitions, 0 records, 0 bytes\n'));
    await millrace('produce clicks --data DATA', 'a\nb\n');
    expect(await millrace('topics --data DATA')).toEqual(
      ok(expect.stringMatching(/^clicks {2}2 partitions, 2 records, \d+ bytes\n$/)),
    );
    const [listed] = linesOf(await millrace('topics list --json --data DATA'));
    expect(listed).toMatchObject({ topic: 'clicks', partitions: 2, records: 2 });
    expect((await millrace('topics describe clicks --data DATA')).output).toMatch(
      /^clicks\n {2}partition 0: offsets 0 to \d, \d+ bytes\n {2}partition 1: /,
    );
    expect(await millrace('topics delete clicks --data DATA')).toEqual(ok(''));
    expect(await millrace('topics --data DATA')).toEqual(ok('', 'There are no topics yet.\n'));
  });
});

describe('consume --json', () => {
  test('prints one object a line, which produce --json takes again', async () => {
    const millrace = commandLine();
    const records = [
      { timestamp: 5, key: 'a', value: { n: 1 }, headers: { trace: 'x' } },
      { timestamp: -3, key: null, value: null, headers: {} },
      { timestamp: 7, key: { base64: '/w==' }, value: 'text', headers: {} },
    ];
    const lines = `${records.map((record) => JSON.stringify(record)).join('\n')}\n`;
    const made = await millrace('produce records --create --json --data DATA', lines);
    expect(made).toEqual(ok(''));
    const consumed = await millrace('consume records --json --data DATA');
    expect(linesOf(consumed)).toEqual(
      records.map((record, offset) => ({ topic: 'records', partition: 0, offset, ...record })),
    );
    await millrace('produce again --create --json --data DATA', consumed.output);
    const again = linesOf(await millrace('consume again --json --data DATA'));
    expect(again).toEqual(linesOf(consumed).map((line) => ({ ...line, topic: 'again' })));
  });
});

test('binary values are shown as base64, which produce --json takes again', async () => {
  const millrace = commandLine();
  const values = [
    Uint8Array.of(0x08, 0x05), // Protobuf: field 1 is 5; no text, though it is UTF-8
    avro('string').encode('a'),
    messagePack().encode({ a: 1 }),
  ].map((bytes) => ({ base64: Buffer.from(bytes).toString('base64') }));
  const lines = values.map((value) => JSON.stringify({ value })).join('\n');
  await millrace('produce binary --create --json --data DATA', lines);
  const plain = await millrace('consume binary --data DATA');
  expect(plain.output).toBe(values.map((value) => `${JSON.stringify(value)}\n`).join(''));
  const consumed = await millrace('consume binary --json --data DATA');
  await millrace('produce again --create --json --data DATA', consumed.output);
  const again = linesOf(await millrace('consume again --json --data DATA'));
  expect(again.map(({ value }) => value)).toEqual(values);
});

describe('consume', () => {
  const millrace = commandLine(suiteDirectory());

  beforeAll(async () => {
    const line = (i: number) =>
      JSON.stringify({ key: `k${i}`, value: `v${i}`, timestamp: i * 1e9 });
    const lines = [0, 1, 2, 3].map(line).join('\n');
    await millrace('produce times --create --json --data DATA', lines);
  });

  test.each([
    ['--from earliest', 'k0\tv0\nk1\tv1\nk2\tv2\nk3\tv3\n'],
    ['--from latest', ''],
    ['--from 2', 'k2\tv2\nk3\tv3\n'],
    ['--from 99', ''],
    ['--from 1970-01-24', 'k2\tv2\nk3\tv3\n'], // 1,987,200,000 ms
    ['--max 1', 'k0\tv0\n'],
    ['--from 1 --max 2 --partition 0', 'k1\tv1\nk2\tv2\n'],
    ['--follow --max 4', 'k0\tv0\nk1\tv1\nk2\tv2\nk3\tv3\n'],
  ])('%s', async (options, expected) => {
    expect(await millrace(`consume times ${options} --data DATA`)).toEqual(ok(expected));
  });
});

describe('produce', () => {
  const millrace = commandLine(suiteDirectory());
  let topics = 0;

  test.each([
    ['', 'a\r\n\nb', ['a', 'b']],
    ['--keys', 'k\tv\tw\n', ['k\tv\tw']],
    ['--key-field id', '{"id":7,"x":1}\n', ['7\t{"id":7,"x":1}']],
  ])('reads lines: %s', async (options, input, expected) => {
    const name = `lines-${topics++}`;
    const made = await millrace(
      `produce ${name} --create ${options} --data DATA`.replace('  ', ' '),
      input,
    );
    expect(made).toEqual(ok(''));
    const { output } = await millrace(`consume ${name} --data DATA`);
    expect(output.trimEnd().split('\n')).toEqual(expected);
  });

  test.each([
    ['--keys', 'a\tb\nno tab\n', 'Line 2: there is no tab between key and value. 1 record was'],
    ['--json', '{"value":1}\n{"valeu":1}\n', 'Line 2: a record has no "valeu"; it has topic,'],
    ['--json', '{"key":1}\n', 'there is no "value". null stands for none. Nothing was appended'],
    ['--json', '{"value":1,"timestamp":1.5}\n', '"timestamp" is 1.5, not whole ms'],
    ['--json', '{"value":1,"timestamp":1e15}\n', 'Line 1: A record for topic "lines"'],
    ['--key-field id', '{"di":1}\n', 'the value has no field "id" to be its key. Is it "di"?'],
    ['--key-field id', 'nonsense\n', 'Line 1: it is not JSON.'],
    ['--key-field id', '[1]\n', 'it is JSON, but not an object.'],
  ])('names the line that is no record: %s %j', async (options, input, says) => {
    const ended = await millrace(`produce lines --create ${options} --data DATA`, input);
    expect(ended).toMatchObject({ code: 1, output: '' });
    expect(ended.errors).toMatch(/^millrace: /);
    expect(ended.errors).toContain(says);
  });

  test('refuses bytes that are not text where it must read them', async () => {
    const input = Uint8Array.of(0x7b, 0xff, 0x7d, 0x0a);
    const ended = await millrace('produce bytes --create --json --data DATA', input);
    expect(ended).toMatchObject({ code: 1, errors: expect.stringContaining('it is not JSON') });
    await millrace('produce bytes --data DATA', input);
    const [line] = linesOf(await millrace('consume bytes --json --data DATA'));
    expect(line.value).toEqual({ base64: 'e/99' });
  });
});

describe('redrive', () => {
  test('sends dead letters back once, and tells what it would do', async () => {
    const millrace = commandLine();
    const told = (job: string) => ({
      ...{ trace: 'x', 'millrace.job': job, 'millrace.step': 'map-1 of clicks' },
      ...{ 'millrace.kind': 'map', 'millrace.code': 'USER_FUNCTION', 'millrace.message': 'no' },
      ...{ 'millrace.topic': 'clicks', 'millrace.partition': '0', 'millrace.offset': '0' },
      ...{ 'millrace.timestamp': '7', 'millrace.failed-at': '8', 'millrace.attempts': '1' },
    });
    const letter = (value: string, job: string) =>
      JSON.stringify({ key: 'k', value, timestamp: 7, headers: told(job) });
    const letters = [letter('a', 'one'), letter('b', 'two'), letter('c', 'one')];
    await millrace('topics create clicks --data DATA');
    await millrace('produce dead --json --create --data DATA', `${letters.join('\n')}\n`);
    await millrace('produce dead --data DATA', 'no letter\n');
    const none = ', 1 that are no dead letters\n';
    expect(await millrace('redrive dead --dry-run --data DATA')).toEqual(
      ok(`would send 3 records${none}`),
    );
    expect(await millrace('redrive dead --job one --limit 1 --data DATA')).toEqual(
      ok(`sent 1 record, 1 left${none}`),
    );
    expect(await millrace('redrive dead --data DATA')).toEqual(ok(`sent 2 records${none}`));
    expect(await millrace('redrive dead --data DATA')).toEqual(ok(`sent 0 records${none}`));
    const sent = linesOf(await millrace('consume clicks --json --data DATA'));
    expect(sent.map(({ value }) => value)).toEqual(['a', 'c', 'b']);
    expect(sent[0]).toMatchObject({ key: 'k', timestamp: 7, headers: { trace: 'x' } });
    expect(await millrace('redrive deat --data DATA')).toMatchObject({
      code: 1,
      errors: expect.stringContaining('There is no topic "deat"'),
    });
  });
});

describe('what can not be done is said', () => {
  test.each([
    ['consume clicks', 'There is no Millrace data in'],
    ['produce clicks', 'There is no Millrace data in'],
    ['run no-such-file.ts', 'There is no file'],
    ['explain README.md', 'is not a job file: it must be TypeScript or JavaScript'],
  ])('%s', async (args, says) => {
    const ended = await commandLine()(args.startsWith('explain') ? args : `${args} --data DATA`);
    expect(ended).toMatchObject({ code: 1, output: '' });
    expect(ended.errors).toContain(`${says}`);
  });

  test('a topic that is missing: with the one that is nearly called so', async () => {
    const millrace = commandLine();
    await millrace('topics create clicks --data DATA');
    const near = await millrace('consume cliks --data DATA');
    expect(near.errors).toContain('There is no topic "cliks": did you mean "clicks"?');
    const far = await millrace('topics delete orders --data DATA');
    expect(far.errors).toContain('There is no topic "orders". There are clicks.');
    const twice = await millrace('topics create clicks --data DATA');
    expect(twice).toMatchObject({ code: 1, errors: expect.stringContaining('"clicks"') });
    const partition = await millrace('consume clicks --partition 3 --data DATA');
    expect(partition.errors).toContain('Topic "clicks" has no partition 3; it has 1 (0 to 0).');
  });
});

describe('misuse ends with 2, and says what there is', () => {
  test.each([
    ['consme clicks', '(Did you mean consume?)'],
    ['consume clicks --folow', '(Did you mean --follow?)'],
    ['topics crate clicks', '(Did you mean create?)'],
    ['consume', "missing required argument 'topic'"],
    ['consume clicks --from yesterday', 'Use earliest, latest, an offset, or a time like'],
    ['consume clicks --max few', 'Use a whole number, 0 or more.'],
    ['topics create clicks --partitions 0', 'Use a whole number from 1 to 10000.'],
    ['produce clicks --json --keys', "option '--keys' cannot be used with option '--json'"],
    ['run job.ts --durability disc', 'Use disk or process.'],
  ])('%s', async (args, says) => {
    const ended = await commandLine()(args);
    expect(ended).toMatchObject({ code: 2, output: '' });
    expect(ended.errors).toContain(says);
  });

  test('--help and --version are none', async () => {
    const help = await commandLine()('--help');
    expect(help).toMatchObject({ code: 0, errors: '' });
    for (const name of ['run', 'topics', 'produce', 'consume', 'explain'])
      expect(help.output).toContain(`  ${name} `);
    expect(await commandLine()('--version')).toEqual(
      ok(expect.stringMatching(/^\d+\.\d+\.\d+\n$/)),
    );
  });
});

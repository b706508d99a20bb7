/** The command line as processes: several at one directory, signals, pipes, and job files. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const project = join(import.meta.dirname, '../..');

interface Process {
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly errors: () => string;
  readonly code: Promise<number | null>;
  /** Resolves when the process has printed this. */
  printed(text: string): Promise<void>;
}

/** A folder with the package installed, and the built command line in it. */
function folder() {
  const directory = temporaryDirectory();
  mkdirSync(join(directory, 'node_modules'));
  symlinkSync(project, join(directory, 'node_modules/millrace'));
  return {
    write: (name: string, text: string) => writeFileSync(join(directory, name), text),
    millrace: (...args: string[]) => start(directory, args),
  };
}

function start(cwd: string, args: readonly string[], nodeArgs: readonly string[] = []): Process {
  const main = join(project, 'dist/cli/main.js');
  const child = spawn(process.execPath, [...nodeArgs, main, ...args], { cwd });
  const texts = { stdout: '', stderr: '' };
  let listener = () => {};
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].on('data', (data) => {
      texts[name] += data;
      listener();
    });
  }
  const code = new Promise<number | null>((resolve) => child.on('close', resolve));
  const printed = (text: string) =>
    new Promise<void>((resolve, reject) => {
      listener = () => {
        if (`${texts.stdout}${texts.stderr}`.includes(text)) resolve();
      };
      listener();
      void code.then(() => reject(new Error(`it ended without "${text}": ${texts.stderr}`)));
    });
  return { child, output: () => texts.stdout, errors: () => texts.stderr, code, printed };
}

const jobFile = `
import { count, job, json, string, topic } from 'millrace';

const words = topic('words', { key: string(), value: string() });
const counts = topic('counts', { key: string(), value: json<{ n: number }>() });

export default job('word-count', ({ from }) =>
  from(words).keyBy((word) => word, { key: string() }).aggregate({ n: count() }).to(counts),
);
`;

test('a job runs while other processes produce and consume; Ctrl-C ends it with a last commit', async () => {
  const { write, millrace } = folder();
  write('job.ts', jobFile);
  expect(await millrace('topics', 'create', 'words').code).toBe(0);
  const job = millrace('run', 'job.ts');
  await job.printed('word-count: running');
  const following = millrace('consume', 'counts', '--follow', '--max', '3');
  const producer = millrace('produce', 'words');
  producer.child.stdin?.end('a\nb\na\n');
  expect(await producer.code).toBe(0);
  expect(await following.code).toBe(0);
  const results = following.output().trim().split('\n');
  expect(results.sort()).toEqual(['a\t{"n":1}', 'a\t{"n":2}', 'b\t{"n":1}']);

  const second = millrace('run', 'job.ts');
  expect(await second.code).toBe(1);
  expect(second.errors()).toContain('--take-over');

  job.child.kill('SIGINT');
  expect(await job.code).toBe(0);
  expect(job.errors()).toContain('word-count: stopped');
  expect(job.errors()).toContain('3 records read, 0 to go, 3 written');
});

test('state that is damaged is named, and rebuilt on demand', async () => {
  const { write, millrace } = folder();
  write('job.ts', jobFile);
  const producer = millrace('produce', 'words', '--create');
  producer.child.stdin?.end('a\nb\na\n');
  expect(await producer.code).toBe(0);
  const ended = async (job: Process, once: string) => {
    await job.printed(once);
    job.child.kill('SIGINT');
    return job.code;
  };
  const first = millrace('run', 'job.ts');
  await first.printed('word-count: running');
  expect(await millrace('consume', 'counts', '--follow', '--max', '3').code).toBe(0);
  expect(await ended(first, 'running')).toBe(0);
  const file = 'data/state/word-count/word-count-0.db';
  write(file, 'x'.repeat(8192));

  const refused = millrace('run', 'job.ts');
  expect(await refused.code).toBe(1);
  expect(refused.errors()).toMatch(/word-count-0\.db: .* damaged .*\(--rebuild-state\)/);
  const rebuilding = millrace('run', 'job.ts', '--rebuild-state');
  expect(await ended(rebuilding, 'word-count: running')).toBe(0);
  const kept = `${file}.replaced-`;
  expect(rebuilding.errors()).toContain('rebuilding its state, because ./data/state/word-count');
  expect(rebuilding.errors()).toMatch(/was rebuilt from \d+ commits; .* refused is kept as /);
  expect(rebuilding.errors()).toContain(kept);
});

test('a reader that has enough ends consume quietly, and Ctrl-C ends one that follows', async () => {
  const { millrace } = folder();
  const lines = 'x'.repeat(100).concat('\n').repeat(20_000);
  const producer = millrace('produce', 'many', '--create');
  producer.child.stdin?.end(lines);
  expect(await producer.code).toBe(0);
  const consumer = millrace('consume', 'many');
  consumer.child.stdout?.once('data', () => consumer.child.stdout?.destroy());
  expect(await consumer.code).toBe(0);
  expect(consumer.errors()).toBe('');
  const following = millrace('consume', 'many', '--follow', '--from', '19999');
  await following.printed('x\n');
  following.child.kill('SIGINT');
  expect(await following.code).toBe(0);
});

test('a Node.js that is too old is named before native code is loaded', async () => {
  const pretend = `
    Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.1.0' } });
    process.dlopen = () => process.stderr.write('native code was loaded');
  `;
  const old = start(temporaryDirectory(), ['topics'], [`--import=data:text/javascript,${pretend}`]);
  expect(await old.code).toBe(1);
  expect(old.errors()).toMatch(/^millrace: Millrace needs Node.js 22.18 or later; this is v20.1.0/);
  expect(old.errors()).not.toContain('native');
});

describe('a job file', () => {
  test('is explained step by step', async () => {
    const { write, millrace } = folder();
    write('job.ts', jobFile);
    const explained = millrace('explain', 'job.ts');
    expect(await explained.code).toBe(0);
    for (const part of ['word-count', 'words', 'keyBy', 'counts'])
      expect(explained.output()).toContain(part);
  });

  test.each([
    ['export const a = 1;', 'is not a job file: its default export must be what job(...) returns'],
    ['export default { name: "a" };', 'is not a job file'],
    ['export default [];', 'is not a job file'],
    ['enum A { B }\nexport default A;', 'makes no code of enums, namespaces'],
    ['export default job(;', "can't be loaded:"],
    ["import 'no-such-package';", 'Install the package, or correct the path'],
    ["throw new Error('broken');", 'failed while it was loaded: broken (file://'],
    ["import { job } from 'millrace';\nexport default job('a', () => {});", 'Job "a"'],
    [
      `${jobFile}export { default as other } from 'millrace';`,
      "does not provide an export named 'default'",
    ],
  ])('that is none is refused: %s', async (text, says) => {
    const { write, millrace } = folder();
    write('job.ts', text);
    const ended = millrace('explain', 'job.ts');
    expect(await ended.code).toBe(1);
    expect(ended.output()).toBe('');
    expect(ended.errors()).toMatch(/^millrace: /);
    expect(ended.errors()).toContain(says);
    expect(ended.errors()).not.toMatch(/\n\s+at /);
  });
});

test('a process without a task of a shared job says so, and takes over where another one ends', async () => {
  const { write, millrace } = folder();
  write('job.ts', jobFile.replace('{ key: string() })', '{ key: string(), parallelism: 2 })'));
  expect(await millrace('topics', 'create', 'words').code).toBe(0);
  const first = millrace('run', 'job.ts', '--workers', '2');
  await first.printed('word-count: runs 3 of 3 tasks');
  const second = millrace('run', 'job.ts');
  await second.printed('word-count: runs 1 of 3 tasks');
  const third = millrace('run', 'job.ts');
  await third.printed('word-count: runs 1 of 3 tasks');
  const fourth = millrace('run', 'job.ts');
  await fourth.printed('runs none of 3 tasks; takes over where another process ends');
  first.child.kill('SIGKILL');
  await first.code;
  await fourth.printed('word-count: runs 1 of 3 tasks');
  for (const { child } of [second, third, fourth]) child.kill('SIGINT');
  expect(await Promise.all([second.code, third.code, fourth.code])).toEqual([0, 0, 0]);
});

test('a job that a thread cannot load ends with the reason alone', async () => {
  const { write, millrace } = folder();
  const refusal = "if (!isMainThread) throw new Error('no database here');";
  const shared = jobFile.replace('{ key: string() })', '{ key: string(), parallelism: 2 })');
  write('job.ts', `import { isMainThread } from 'node:worker_threads';\n${refusal}\n${shared}`);
  expect(await millrace('topics', 'create', 'words').code).toBe(0);
  const job = millrace('run', 'job.ts', '--workers', '2');
  expect(await job.code).toBe(1);
  expect(job.errors()).toMatch(/job\.ts failed while it was loaded: no database here/);
  expect(job.errors().match(/word-count: (starting|failed)/g)).toEqual([
    'word-count: starting',
    'word-count: failed',
  ]);
});

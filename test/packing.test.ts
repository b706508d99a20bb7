/** The package as others get it: packed, installed into an empty project, and run from there. */
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, expect, test } from 'vitest';

const project = join(import.meta.dirname, '..');
const execute = promisify(execFile);
const directory = mkdtempSync(join(tmpdir(), 'millrace-packed-'));

afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Runs the installed command line with this Node.js. */
function millrace(args: readonly string[]) {
  const bin = join(directory, 'node_modules/millrace/dist/cli/main.js');
  return spawn(process.execPath, [bin, ...args], { cwd: directory });
}

async function outputOf(args: readonly string[], input = ''): Promise<string> {
  const child = millrace(args);
  child.stdin.end(input);
  let output = '';
  child.stdout.on('data', (data) => {
    output += data;
  });
  let errors = '';
  child.stderr.on('data', (data) => {
    errors += data;
  });
  const code = await new Promise((resolve) => child.on('close', resolve));
  expect(`${code} ${errors}`).toBe('0 ');
  return output;
}

/** The first program of the README, as people copy it. */
function programOfReadme(): string {
  const text = readFileSync(join(project, 'README.md'), 'utf8');
  return /```ts\n([\s\S]*?)```/.exec(text)?.[1] ?? '';
}

test('the tarball, installed into an empty project, runs the program of the README', async () => {
  await execute('npm', ['pack', '--ignore-scripts', '--pack-destination', directory], {
    cwd: project,
  });
  const [tarball] = readdirSync(directory).filter((name) => name.endsWith('.tgz'));
  writeFileSync(join(directory, 'package.json'), '{"private":true,"type":"module"}');
  const install = ['install', '--no-audit', '--no-fund', '--prefer-offline', `./${tarball}`];
  await execute('npm', install, { cwd: directory });
  writeFileSync(join(directory, 'flight-delays.ts'), programOfReadme());

  const flights = Array.from({ length: 6 }, (_, hour) =>
    JSON.stringify({ origin: 'JFK', date: hour * 3_600_000, delay: hour }),
  );
  await outputOf(
    ['produce', 'flights', '--create', '--partitions', '2', '--key-field', 'origin'],
    `${flights.join('\n')}\n`,
  );

  const job = millrace(['run', 'flight-delays.ts']);
  const ended = new Promise((resolve) => job.on('close', resolve));
  await waitForTopic('delays-by-hour');
  const lines = await outputOf(['consume', 'delays-by-hour', '--follow', '--json', '--max', '2']);
  job.kill('SIGINT');
  expect(await ended).toBe(0);

  // Packages that only some formats need are not installed, and named where one is used.
  const script = "import { avro } from 'millrace'; avro('long')";
  const failed = execute(process.execPath, ['--input-type=module', '--eval', script], {
    cwd: directory,
  });
  await expect(failed).rejects.toThrow('avro() needs the package avsc, which is not installed');

  const sql = 'SELECT count(*) AS windows FROM window_of_flights_keyed_1_windows';
  expect(await outputOf(['sql', sql, '--json'])).toBe('{"windows":4}\n');

  const results = lines
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(results.map(({ key, value }) => [key, value.windowStart, value.flights])).toEqual([
    ['JFK', 0, 1],
    ['JFK', 3_600_000, 1],
  ]);
}, 120_000);

async function waitForTopic(name: string): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    if ((await outputOf(['topics', 'list'])).includes(name)) return;
  }
  throw new Error(`topic ${name} did not appear`);
}

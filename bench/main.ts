/**
 * `npm run bench -- NAME [--json] [--trials N]`: each trial is a fresh process; the figures are
 * medians over trials. With `--json` the last line is one object. Results with machine and commit
 * are in bench/README.md.
 */
import { execFileSync, spawn } from 'node:child_process';
import { cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { measureFdatasync } from './fdatasync.ts';

interface Benchmark {
  /** Arguments of the processes of one trial, whose figures are put together. */
  readonly runs: readonly (readonly string[])[];
  readonly trials: number;
}

const benchmarks: Readonly<Record<string, Benchmark>> = {
  latency: {
    runs: [
      ['latency.ts', '10000'],
      ['latency-processes.ts', '10000'],
    ],
    trials: 1,
  },
  'latency-100k': { runs: [['latency.ts', '100000']], trials: 1 },
  'latency-2': { runs: [['latency.ts', '10000', '60', '2']], trials: 1 },
  log: { runs: [['log.ts']], trials: 5 },
  avro: { runs: [['avro.ts'], ['avro.ts', 'select']], trials: 5 },
  formats: {
    runs: ['json', 'zod', 'avro', 'messagePack', 'protobuf', 'csv'].map((format) => [
      'formats.ts',
      format,
    ]),
    trials: 3,
  },
  commits: {
    runs: [
      ['commits.ts', 'threads'],
      ['commits.ts', 'processes'],
    ],
    trials: 1,
  },
  flights: { runs: [['flights.ts']], trials: 3 },
  collect: { runs: [['collect.ts']], trials: 3 },
  fire: { runs: [['fire.ts']], trials: 3 },
  join: { runs: [['join.ts']], trials: 3 },
  hopping: { runs: [['hopping.ts']], trials: 3 },
  fold: { runs: [['fold.ts']], trials: 1 },
  rebuild: {
    runs: [
      ['rebuild.ts', 'many'],
      ['rebuild.ts', 'one'],
    ],
    trials: 1,
  },
  restart: {
    runs: [
      ['restart.ts', '1'],
      ['restart.ts', '4'],
    ],
    trials: 1,
  },
  spill: {
    runs: [
      ['spill.ts', '2560', '256', 'uniform'],
      ['spill.ts', '2560', '256', 'zipf'],
    ],
    trials: 1,
  },
  nexmark: { runs: [['nexmark.ts']], trials: 3 },
  workers: {
    runs: [
      ['workers.ts', 'flights'],
      ['workers.ts', 'q5'],
    ],
    trials: 3,
  },
  exchange: { runs: [['exchange.ts']], trials: 3 },
  move: { runs: [['move.ts']], trials: 3 },
  startup: { runs: [['startup.ts']], trials: 7 },
};

type Figures = Readonly<Record<string, number | string>>;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean' }, trials: { type: 'string' } },
});
const name = positionals[0] ?? '';
const benchmark = benchmarks[name];
if (benchmark === undefined) {
  process.stderr.write(
    `There is no benchmark "${name}". Choose: ` + `${Object.keys(benchmarks).join(', ')}.\n`,
  );
  process.exit(2);
}
const trials = Number(values.trials ?? benchmark.trials);
const results: Figures[] = [];
for (let trial = 0; trial < trials; trial++) {
  let figures: Figures = {};
  for (const run of benchmark.runs) figures = { ...figures, ...(await runTrial(run)) };
  results.push(figures);
  process.stderr.write(`trial ${trial + 1} of ${trials}: ${JSON.stringify(figures)}\n`);
}
const summary = { bench: name, trials, ...medians(results), ...measureFdatasync(), ...machine() };
for (const [field, value] of Object.entries(summary))
  process.stdout.write(`${field.padEnd(24)} ${value}\n`);
if (values.json === true) process.stdout.write(`${JSON.stringify(summary)}\n`);

/** The last line of what a trial prints is its figures. */
function runTrial([file = '', ...args]: readonly string[]): Promise<Figures> {
  const child = spawn(process.execPath, [`${import.meta.dirname}/${file}`, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (data) => {
    output += data;
  });
  return new Promise((resolve, reject) => {
    child.on('close', (code) => {
      if (code === 0) resolve(JSON.parse(output.trim().split('\n').at(-1) ?? '{}'));
      else reject(new Error(`${file} ended with code ${code}`));
    });
  });
}

function medians(all: readonly Figures[]): Figures {
  const names = Object.keys(all[0] ?? {});
  return Object.fromEntries(names.map((field) => [field, median(all.map((f) => f[field] ?? 0))]));
}

function median(some: readonly (number | string)[]): number | string {
  const sorted = [...some].sort((a, b) => Number(a) - Number(b));
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

function machine(): Figures {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  const cores = cpus();
  return {
    cpu: cores[0]?.model ?? 'unknown',
    cores: cores.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    commit,
  };
}

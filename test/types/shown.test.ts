/**
 * What the compiler makes of streams: the types that an editor shows are the fields of records, not
 * how they were computed; and a long chain costs little.
 *
 * It compiles against the declarations in dist/, as programs of users do.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

const project = join(import.meta.dirname, '../..');
const execute = promisify(execFile);
let folder = '';

beforeAll(() => {
  mkdirSync(join(project, '.types'), { recursive: true });
  folder = mkdtempSync(join(project, '.types/'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Compiles a program by itself; what the compiler said, and the declarations of the program. */
async function compiled(name: string, code: string): Promise<{ said: string; emitted: string }> {
  const at = join(folder, name);
  mkdirSync(at);
  writeFileSync(join(at, 'program.ts'), code);
  const options = {
    noEmit: false,
    declaration: true,
    emitDeclarationOnly: true,
    noUnusedLocals: false,
    paths: { millrace: ['../../../dist/index.d.ts'] },
  };
  const settings = { extends: '../../../tsconfig.json', compilerOptions: options, include: ['.'] };
  writeFileSync(join(at, 'tsconfig.json'), JSON.stringify(settings));
  const arguments_ = ['tsc', '-p', at, '--extendedDiagnostics'];
  const { stdout } = await execute('npx', arguments_, { cwd: project }).catch(
    (error: { readonly stdout: string }) => error,
  );
  expect(stdout).not.toContain('error TS');
  return { said: stdout, emitted: readFileSync(join(at, 'program.d.ts'), 'utf8') };
}

const head = `
import {
  afterCount, argMax, type ConnectedStreams, count, globalWindow, type JobContext, json,
  type KeyedStream, max, type Pane, quantile, repeatedly, type Stream, string, sum, topic,
  tumbling, value, type WindowedStream, type WindowResults,
} from 'millrace';
interface Flight { readonly origin: string; readonly delay: number; readonly carrier?: string }
interface Alarm { readonly origin: string; readonly text: string }
declare const context: JobContext;
const flights = topic('flights', { key: string(), value: json<Flight>() });
const alarms = topic('alarms', { key: string(), value: json<Alarm>() });
`;

/** An expression, and the type that is shown of it. */
const shown: Readonly<Record<string, readonly [code: string, type: string]>> = {
  read: ['context.from(flights)', 'Stream<Flight, string>'],
  selected: [
    "context.from(flights.select('origin', 'delay'))",
    'Stream<Pick<Flight, "delay" | "origin">, string>',
  ],
  mapped: [
    'read.map((f) => ({ origin: f.origin, isLate: f.delay > 15 }))',
    'Stream<{ origin: string; isLate: boolean; }, string>',
  ],
  keyed: ['read.keyBy((f) => f.origin)', 'KeyedStream<Flight, string>'],
  running: [
    'keyed.aggregate({ n: count(), worst: max((f) => f.delay) })',
    'KeyedStream<{ readonly n: number; readonly worst: number; }, string>',
  ],
  windowed: ["keyed.window(tumbling('1h'))", 'WindowedStream<Flight, string>'],
  hourly: [
    'windowed.aggregate({ n: count(), delays: quantile((f) => f.delay, [0.5, 0.99]) })',
    'WindowResults<{ readonly windowStart: number; readonly windowEnd: number; ' +
      'readonly n: number; readonly delays: readonly [number, number]; }, string, Flight>',
  ],
  worst: [
    'windowed.aggregate({ worst: argMax((f) => f.delay) })',
    'WindowResults<{ readonly windowStart: number; readonly windowEnd: number; ' +
      'readonly worst: NoInfer<Flight>; }, string, Flight>',
  ],
  late: ['hourly.late', 'KeyedStream<Flight, string>'],
  panes: [
    "windowed.allowedLateness('1d').aggregate({ n: count() })",
    'WindowResults<{ readonly windowStart: number; readonly windowEnd: number; ' +
      'readonly pane: Pane; readonly n: number; }, string, Flight>',
  ],
  reduced: ['windowed.reduce((a) => a)', 'WindowResults<Flight, string, Flight>'],
  reducedPanes: [
    "windowed.allowedLateness('1d').reduce((a) => a)",
    'WindowResults<{ readonly windowStart: number; readonly windowEnd: number; ' +
      'readonly pane: Pane; readonly value: Flight; }, string, Flight>',
  ],
  global: [
    'keyed.window(globalWindow()).trigger(repeatedly(afterCount(9))).aggregate({ n: count() })',
    'KeyedStream<{ readonly pane: Pane; readonly n: number; }, string>',
  ],
  counted: [
    'keyed.countWindow(10).aggregate({ total: sum((f) => f.delay) })',
    'KeyedStream<{ readonly total: number; }, string>',
  ],
  branches: [
    'keyed.split({ late: (f) => f.delay > 15 })',
    '{ readonly rest: KeyedStream<Flight, string>; readonly late: KeyedStream<Flight, string>; }',
  ],
  union: ['read.union(context.from(alarms))', 'Stream<Alarm | Flight, string>'],
  connected: [
    'keyed.connect(context.from(alarms).keyBy((a) => a.origin))',
    'ConnectedStreams<Flight, Alarm, string>',
  ],
  merged: [
    'connected.process({ onLeft: (f) => [f.delay], onRight: (a) => [a.text] })',
    'KeyedStream<string | number, string>',
  ],
  processed: [
    'keyed.process({ state: { n: value<number>() }, onRecord: (f) => [{ late: f.delay }], ' +
      'onTimer: (_, { key }) => [key] })',
    'KeyedStream<string | { late: number; }, string>',
  ],
};

test('an editor shows the fields of what is in a stream', async () => {
  const lines = Object.entries(shown).map(([name, [code]]) => `export const ${name} = ${code};`);
  const { emitted } = await compiled('shown', head + lines.join('\n'));
  const found = [...emitted.matchAll(/export declare const (\w+): ([\s\S]*?);\n(?=export)/g)].map(
    ([, name, type = '']) => [name, type.replaceAll(/\s+/g, ' ')],
  );
  const expected = Object.entries(shown).map(([name, [, type]]) => [name, type]);
  expect(Object.fromEntries(found)).toEqual(Object.fromEntries(expected));
});

/** Four steps; the records get a field with each round. */
const round = (i: number) => `
  .map((r) => ({ ...r, step${i}: r.delay + ${i} }))
  .filter((r) => r.step${i} > 0)
  .keyBy((r) => r.origin)
  .reduce((a, b) => (a.step${i} > b.step${i} ? a : b))`;

/** How often the compiler filled in type parameters, for a chain of so many steps. */
async function instantiationsOf(steps: number): Promise<number> {
  const rounds = Array.from({ length: steps / 4 }, (_, i) => round(i)).join('');
  const code = `${head}export const chain = context.from(flights)${rounds};\n`;
  const { said } = await compiled(`chain-${steps}`, code);
  return Number(/^Instantiations:\s+(\d+)$/m.exec(said)?.[1]);
}

test('a chain of 40 steps is cheap to check', async () => {
  const added = (await instantiationsOf(40)) - (await instantiationsOf(0));
  expect(added).toBeGreaterThan(100); // it was checked
  expect(added).toBeLessThan(2000); // 860 when this was written
});

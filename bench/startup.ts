/** `millrace run` as a cold process until the first output of a small job is committed and seen. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { json, openLog, string, topic } from 'millrace';
import { inDirectory, print, round } from './figures.ts';

const names = topic('names', { key: string(), value: string() });
const greetings = topic('greetings', { key: string(), value: json<string>() });

const program = `
import { job, json, string, topic } from 'millrace';
const names = topic('names', { key: string(), value: string() });
const greetings = topic('greetings', { key: string(), value: json() });
export default job('greet', ({ from }) => {
  from(names).map((name) => 'hello ' + name).to(greetings);
});
`;

await inDirectory(async (directory) => {
  const file = join(import.meta.dirname, `startup-job-${process.pid}.ts`);
  writeFileSync(file, program); // beside the benchmarks, where 'millrace' is found
  const log = await openLog(directory);
  await log.createTopic(names);
  await log.createTopic(greetings);
  await log.send(names, { key: 'a', value: 'world' });
  const cli = join(import.meta.dirname, '../dist/cli/main.js');
  const began = performance.now();
  const child = spawn(process.execPath, [cli, 'run', file, '--data', directory, '--quiet']);
  const stopped = new AbortController();
  for await (const _ of log.records(greetings, { follow: true, signal: stopped.signal })) break;
  const ms = performance.now() - began;
  child.kill('SIGTERM');
  await new Promise((resolve) => child.on('close', resolve));
  await log.close();
  const { rmSync } = await import('node:fs');
  rmSync(file);
  print({ ms: round(ms) });
});

/** `millrace rescale`: what it says, of a job in a file. */
import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { openLog } from '../../src/index.ts';
import { millrace } from '../support/millrace-command.ts';
import { inTasks, makeInput, rescaled, runPhase } from '../support/rescaled-job.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const support = new URL('../support/rescaled-job.ts', import.meta.url).href;

/** A file with the job, and one that has another one too. */
function jobFile(directory: string, parallelism: number): string {
  const file = `${directory}/job-${parallelism}.ts`;
  const lines = [
    `import { inTasks, rescaled } from '${support}';`,
    `export default inTasks(rescaled, ${parallelism});`,
  ];
  writeFileSync(file, lines.join('\n'));
  return file;
}

test('says from how many tasks to how many the job was moved', async () => {
  const data = temporaryDirectory();
  await runPhase({
    directory: data,
    job: inTasks(rescaled, 2),
    input: makeInput(60, 3),
    end: 'soon',
  });
  const file = jobFile(data, 3);
  const [code, output, errors] = await millrace('rescale', file, '--data', data);
  expect([code, errors.split('\n')[0]]).toEqual([0, 'settling what is on its way: stage 0']);
  expect(output).toMatch(
    /^job rescaled: 2 \+ 2 \+ 2 tasks -> 3 \+ 3 \+ 3 tasks, \d+ rows of state\n$/,
  );
  const again = await millrace('rescale', file, 'rescaled', '--quiet', '--data', data);
  expect(again).toEqual([0, 'job rescaled has 3 + 3 + 3 tasks already\n', '']);
});

test('refuses what can not be done', async () => {
  const data = temporaryDirectory();
  await (await openLog(data)).close();
  const file = jobFile(data, 2);
  const failureOf = async (...args: string[]) => {
    const [code, , errors] = await millrace('rescale', file, ...args, '--data', data);
    return [code, errors];
  };
  expect(await failureOf('others')).toEqual([
    1,
    `millrace: ${file} has no job "others". Say which one: millrace rescale ${file} JOB, of rescaled.\n`,
  ]);
  expect((await failureOf('--tasks', '0'))[1]).toContain('1 to 128 tasks');
});

/**
 * Every operation on every kind of file fails once, at its first time and in the middle of the run:
 * the disk fails, is full, or the process dies just before. The output in the end is that of a run
 * without faults, and whoever is told is told the file.
 *
 * Left out: a directory whose sync failed, a new process, and only later a power cut. The file
 * systems that we know take no writes after such a failure, so there is no second process.
 */
import { describe, expect, test } from 'vitest';
import { isMillraceError } from '../../src/platform/index.ts';
import { type Outcome, type PlannedFault, runInto, runWithoutFaults } from './io-runner.ts';

let intact: ReturnType<typeof runWithoutFaults> | undefined;

function withoutFaults(): ReturnType<typeof runWithoutFaults> {
  intact ??= runWithoutFaults();
  return intact;
}

const operations = [
  'open',
  'read',
  'write',
  'sync',
  'makeDirectory',
  'rename',
  'remove',
  'syncDirectory',
] as const;

/** What needs no error: hints, and leftovers. */
const silent = /^(write mark|write heartbeat|\w+ turns|remove )/;

/** The classes of an operation, each with the times at which it is to fail. */
async function placesOf(
  operation: string,
  hitsOf = (count: number) => [1, Math.ceil(count / 2)],
): Promise<[PlannedFault['at'], number][]> {
  const { counts } = await withoutFaults();
  const classes = [...counts].filter(([at]) => at.startsWith(`${operation} `));
  return classes.flatMap(([at, count]) =>
    [...new Set(hitsOf(count))].map((hit): [PlannedFault['at'], number] => [at, hit]),
  );
}

async function expectNoDifference(fault: PlannedFault): Promise<Outcome> {
  const { outputs } = await withoutFaults();
  const outcome = await runInto(outputs, fault);
  const what = `${fault.at}, ${fault.hit}: ${outcome.path}`;
  expect(outcome.met, what).toBe(true);
  expect(outcome.violation, what).toBeUndefined();
  return outcome;
}

function expectTold({ errors, path }: Outcome, fault: PlannedFault): void {
  const messages = errors.map((error) => error.message);
  if (messages.length === 0 && silent.test(fault.at)) return;
  expect(messages.join('\n'), fault.at).toContain(path);
  for (const error of errors) expect(error.message).not.toContain('Bug in Millrace');
  const ended = errors.find((error) => isMillraceError(error));
  if (ended !== undefined)
    expect(['IO', 'DISK_FULL', 'DIRECTORY', 'OUTCOME_UNKNOWN']).toContain(ended.code);
}

describe('EIO changes no output, and names the file, where it is the answer to', () => {
  test.each(operations)('%s', async (operation) => {
    const places = await placesOf(operation);
    expect(places.length).toBeGreaterThan(0);
    for (const [index, [at, hit]] of places.entries()) {
      const atOnce = index % 2 === 0 || operation === 'syncDirectory';
      const fault = { at, hit, error: 'IO', powerCut: atOnce ? 'at once' : 'later' } as const;
      expectTold(await expectNoDifference(fault), fault);
    }
  });
});

describe('a full disk changes no output, and names the file, where it is met by', () => {
  test.each(['open', 'write', 'makeDirectory', 'rename'])('%s', async (operation) => {
    for (const [index, [at, hit]] of (await placesOf(operation)).entries()) {
      const powerCut = index % 2 === 0 ? 'later' : 'at once';
      const fault = { at, hit, error: 'DISK_FULL', powerCut } as const;
      expectTold(await expectNoDifference(fault), fault);
    }
  });
});

describe('what a killed process left unsynced is durable before another one relies on it:', () => {
  test.each(['sync', 'syncDirectory'])('killed before %s', async (operation) => {
    const firstOnes = (count: number) => [1, 2, 3, 4].filter((hit) => hit <= count);
    for (const [at, hit] of await placesOf(operation, firstOnes)) {
      await expectNoDifference({ at, hit, error: 'KILL', powerCut: 'later' });
    }
  });

  test('a failed sync of the journal: its entry is written again, for its pages are clean', async () => {
    const { counts } = await withoutFaults();
    const count = counts.get('sync journal file') ?? 0;
    for (let hit = count - 5; hit <= count; hit++) {
      await expectNoDifference({ at: 'sync journal file', hit, error: 'IO', powerCut: 'later' });
    }
  });
});

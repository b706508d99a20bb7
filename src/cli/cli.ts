/**
 * The command line. Each command is a file of its own, loaded when it is called: `millrace run` is
 * to have its first output in a fraction of a second.
 */
import { readFileSync } from 'node:fs';
import { Command, CommanderError, Option } from 'commander';
import { isMillraceError, messageOf } from '../platform/index.ts';
import {
  durability,
  fromArgument,
  partitionCount,
  replayFrom,
  replayTo,
  topicPair,
  wholeNumber,
  workerCount,
} from './arguments.ts';
import type { Terminal } from './terminal.ts';

const dataOption = ['--data <dir>', 'the data directory; default: $MILLRACE_DATA or'] as const;
const dataDefault = process.env.MILLRACE_DATA ?? './data';

/** A command has done what it should, and ends with another code than 0. */
class Ended extends Error {
  readonly code: number;

  constructor(code: number) {
    super();
    this.code = code;
  }
}

/**
 * Runs a command; the code that the process should end with: 0, 1 for failures, 2 for misuse, 3
 * where what was compared differs.
 */
export async function cli(args: readonly string[], terminal: Terminal): Promise<number> {
  try {
    await program(terminal).parseAsync(withDefault(args), { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof Ended) return error.code;
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2; // it told the user
    const told = isMillraceError(error) ? error.message : describe(error);
    terminal.errors.write(`millrace: ${told}\n`);
    return 1;
  }
}

/**
 * `topics` alone is `topics list`. As a default command, that would take a misspelled command for
 * an argument.
 */
function withDefault([first, second, ...rest]: readonly string[]): string[] {
  const given = second === undefined ? rest : [second, ...rest];
  const isList =
    first === 'topics' &&
    (second === undefined || (second.startsWith('--') && second !== '--help'));
  return [...(first === undefined ? [] : [first]), ...(isList ? ['list'] : []), ...given];
}

/** What is neither a MillraceError nor of a job file is a bug: the stack helps to find it. */
function describe(error: unknown): string {
  return error instanceof Error && error.stack !== undefined ? error.stack : messageOf(error);
}

function program(terminal: Terminal): Command {
  const main = new Command('millrace')
    .description('Stream processing with an embedded log.')
    .version(version(), '-v, --version')
    .configureOutput({
      writeOut: (text) => terminal.output.write(text),
      writeErr: (text) => terminal.errors.write(text),
    })
    .showHelpAfterError('(add --help for what there is)')
    .exitOverride();
  addRun(main, terminal);
  addStatus(main, terminal);
  addReplay(main, terminal);
  addRescale(main, terminal);
  addTopics(main, terminal);
  addProduce(main, terminal);
  addConsume(main, terminal);
  addSql(main, terminal);
  addState(main, terminal);
  addRedrive(main, terminal);
  main
    .command('backup <target>')
    .description('copy the data directory, also while jobs run in it; the copy can be run')
    .option(...dataOption, dataDefault)
    .action(async (target: string, options) =>
      (await import('./commands/backup.ts')).backUp(target, options, terminal),
    );
  main
    .command('explain <file>')
    .description('print what the jobs of a file do, step by step')
    .action(async (file: string) =>
      (await import('./commands/explain.ts')).explain(file, terminal),
    );
  return main;
}

function addRun(main: Command, terminal: Terminal): void {
  main
    .command('run <file>')
    .description('run the jobs of a file until Ctrl-C, which ends with a last commit')
    .option(...dataOption, dataDefault)
    .option('--take-over', 'fence off another process that runs the job')
    .option('--rebuild-state', 'compute state anew from the log where its file is refused')
    .option('--workers <count>', 'threads that run tasks of jobs with parallelism', workerCount)
    .option('--durability <mode>', 'disk or process', durability, 'disk')
    .option('--quiet', 'print no status lines')
    .action(async (file: string, options) =>
      (await import('./commands/run.ts')).runFile(file, options, terminal),
    );
}

function addStatus(main: Command, terminal: Terminal): void {
  main
    .command('status [job]')
    .description('show which process runs each task of the jobs, and how far it is behind')
    .option(...dataOption, dataDefault)
    .option('--json', 'one JSON object for each task')
    .action(async (job: string | undefined, options) =>
      (await import('./commands/status.ts')).status(job, options, terminal),
    );
}

function addReplay(main: Command, terminal: Terminal): void {
  const place = 'an ISO 8601 time, <ms>ms, an offset, or <topic>/<partition>=<offset>,...';
  const bound = (flags: string, text: string, parse: (text: string) => unknown) =>
    new Option(flags, text).argParser(parse).conflicts('asRecorded');
  main
    .command('replay <file>')
    .description('read the input of the jobs again, on a fresh state, into topics of its own')
    .option(...dataOption, dataDefault)
    .option(
      '--name <name>',
      'names the topics, <topic>.replay-<name>; replaces an earlier one',
      '1',
    )
    .addOption(bound('--from <where>', `earliest (the default), ${place}`, replayFrom))
    .addOption(bound('--to <where>', `latest (the default), ${place}; not read itself`, replayTo))
    .option('--as-recorded', 'do again what the live run did: its output, byte for byte')
    .option('--compare', 'say where the results differ from the live topics; exit code 3 if so')
    .option(
      '--topic <topic=other>',
      'write to this topic in place of <topic>.replay-...',
      topicPair,
    )
    .option('--quiet', 'print no progress')
    .action(async (file: string, options) => {
      const { replayFile } = await import('./commands/replay.ts');
      const code = await replayFile(file, options, terminal);
      if (code !== 0) throw new Ended(code);
    });
}

function addRescale(main: Command, terminal: Terminal): void {
  main
    .command('rescale <file> [job]')
    .description('give a stopped job another number of tasks, or the stages it asks for now')
    .option(...dataOption, dataDefault)
    .option('--tasks <n>', 'of each stage; default: as many as the job asks for', wholeNumber)
    .option('--quiet', 'print no progress')
    .action(async (file: string, job: string | undefined, options) =>
      (await import('./commands/rescale.ts')).rescaleFile(file, job, options, terminal),
    );
}

function addTopics(main: Command, terminal: Terminal): void {
  const topics = main.command('topics').description('list, make, describe and delete topics');
  const command = (usage: string, text: string) =>
    topics
      .command(usage)
      .description(text)
      .option(...dataOption, dataDefault);
  command('list', 'list the topics (the default)')
    .option('--json', 'one JSON object a line')
    .action(async (options) =>
      (await import('./commands/topics.ts')).listTopics(options, terminal),
    );
  command('create <name>', 'make a topic')
    .option('--partitions <n>', 'how many partitions', partitionCount, 1)
    .action(async (name: string, options) =>
      (await import('./commands/topics.ts')).createTopic(name, options, terminal),
    );
  command('describe <name>', 'show the partitions of a topic')
    .option('--json', 'one JSON object')
    .action(async (name: string, options) =>
      (await import('./commands/topics.ts')).describeTopic(name, options, terminal),
    );
  command('delete <name>', 'delete a topic with all its records').action(
    async (name: string, options) =>
      (await import('./commands/topics.ts')).deleteTopic(name, options),
  );
}

function addProduce(main: Command, terminal: Terminal): void {
  const form = (flags: string, text: string, ...others: string[]) =>
    new Option(flags, text).conflicts(others);
  main
    .command('produce <topic>')
    .description('append the lines of standard input, each a value')
    .option(...dataOption, dataDefault)
    .addOption(form('--keys', 'each line is a key, a tab, and a value', 'keyField', 'json'))
    .addOption(
      form('--key-field <name>', 'each line is JSON and has this field as its key', 'json'),
    )
    .addOption(
      form('--json', 'each line is an object as consume --json prints it: key, value, ...'),
    )
    .option('--create', 'make the topic if it does not exist')
    .option('--partitions <n>', 'with --create: how many partitions', partitionCount, 1)
    .action(async (topic: string, options) =>
      (await import('./commands/produce.ts')).produce(topic, options, terminal),
    );
}

function addConsume(main: Command, terminal: Terminal): void {
  main
    .command('consume <topic>')
    .description('print the records of a topic, to its end as it is now')
    .option(...dataOption, dataDefault)
    .option('--follow', 'go on with what is appended later, until Ctrl-C')
    .addOption(
      new Option('--from <where>', 'earliest, latest, an offset, or an ISO 8601 time')
        .argParser(fromArgument)
        .default('earliest'),
    )
    .option('--partition <n>', 'only this partition', wholeNumber)
    .option('--max <n>', 'at most this many records', wholeNumber)
    .option('--json', 'one JSON object a line')
    .action(async (topic: string, options) =>
      (await import('./commands/consume.ts')).consume(topic, options, terminal),
    );
}

function addSql(main: Command, terminal: Terminal): void {
  main
    .command('sql [select]')
    .description('ask for the state of a job as of its last commit; default: which views there are')
    .option(...dataOption, dataDefault)
    .option('--job <name>', 'whose state; not needed where there is one job')
    .option('--json', 'one JSON object a line')
    .option('--limit <n>', 'at most this many rows', wholeNumber, 1000)
    .option('--timeout <ms>', 'end the query after this long', wholeNumber, 10_000)
    .action(async (select: string | undefined, options) =>
      (await import('./commands/sql.ts')).sql(select, options, terminal),
    );
}

function addState(main: Command, terminal: Terminal): void {
  const state = main.command('state').description('what state a job has; drop some of it');
  const command = (usage: string, text: string) =>
    state
      .command(usage)
      .description(text)
      .option(...dataOption, dataDefault)
      .option('--job <name>', 'whose state; not needed where there is one job');
  command('inspect', 'list the state of a job, running or not: codecs, versions, entries, bytes')
    .option('--json', 'one JSON object a line')
    .action(async (options) => (await import('./commands/state.ts')).inspect(options, terminal));
  command('drop <state>', 'drop a state, or all of a step, while the job is stopped').action(
    async (name: string, options) =>
      (await import('./commands/state.ts')).drop(name, options, terminal),
  );
}

function addRedrive(main: Command, terminal: Terminal): void {
  main
    .command('redrive <topic>')
    .description('send dead letters back to where they came from, each of them once')
    .option(...dataOption, dataDefault)
    .option('--to <topic>', 'send them to this topic instead')
    .option('--job <name>', 'only the dead letters of this job')
    .option('--limit <n>', 'at most this many', wholeNumber)
    .option('--dry-run', 'send nothing, and tell how many would be sent')
    .action(async (topic: string, options) =>
      (await import('./commands/redrive.ts')).redriveTopic(topic, options, terminal),
    );
}

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return JSON.parse(text).version;
}

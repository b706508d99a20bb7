#!/usr/bin/env node
/**
 * The command line. Each command is a file of its own, loaded when it is called: `millrace run` is
 * to have its first output in a fraction of a second.
 */
import { Command, InvalidArgumentError } from 'commander';
import { checkNodeVersion, isMillraceError, messageOf } from '../platform/index.ts';

const dataOption = ['--data <dir>', 'the data directory'] as const;
const dataDefault = process.env.MILLRACE_DATA ?? './data';

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0); // `consume | head`: the reader has what it wanted
  throw error;
});

try {
  checkNodeVersion(process.versions.node);
  await program().parseAsync();
} catch (error) {
  process.stderr.write(`millrace: ${isMillraceError(error) ? error.message : describe(error)}\n`);
  process.exitCode = 1;
}

function program(): Command {
  const main = new Command('millrace')
    .description('Stream processing with an embedded log.')
    .showHelpAfterError('(millrace --help lists the commands)')
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));
  addRun(main);
  addTopics(main);
  addProduce(main);
  addConsume(main);
  main
    .command('explain <file>')
    .description('print what the jobs of a file do, step by step')
    .action(async (file: string) => (await import('./commands/explain.ts')).explain(file));
  return main;
}

function addRun(main: Command): void {
  main
    .command('run <file>')
    .description('run the jobs of a file until Ctrl-C, which ends with a last commit')
    .option(...dataOption, dataDefault)
    .option('--take-over', 'fence off another process that runs the job')
    .option('--durability <mode>', 'disk or process', durability, 'disk')
    .option('--quiet', 'print no status lines')
    .action(async (file: string, options) =>
      (await import('./commands/run.ts')).runFile(file, options),
    );
}

function addTopics(main: Command): void {
  const topics = main.command('topics').description('list, make, describe and delete topics');
  const command = (usage: string, text: string) =>
    topics
      .command(usage)
      .description(text)
      .option(...dataOption, dataDefault);
  command('list', 'list the topics')
    .option('--json', 'one JSON object a line')
    .action(async (options) => (await import('./commands/topics.ts')).listTopics(options));
  command('create <name>', 'make a topic')
    .option('--partitions <n>', 'how many partitions', wholeNumber, 1)
    .action(async (name: string, options) =>
      (await import('./commands/topics.ts')).createTopic(name, options),
    );
  command('describe <name>', 'show the partitions of a topic')
    .option('--json', 'one JSON object')
    .action(async (name: string, options) =>
      (await import('./commands/topics.ts')).describeTopic(name, options),
    );
  command('delete <name>', 'delete a topic with all its records').action(
    async (name: string, options) =>
      (await import('./commands/topics.ts')).deleteTopic(name, options),
  );
}

function addProduce(main: Command): void {
  main
    .command('produce <topic>')
    .description('append the lines of standard input, each a value')
    .option(...dataOption, dataDefault)
    .option('--keys', 'each line is a key, a tab, and a value')
    .option('--key-field <name>', 'the key is this field of each value, which is JSON')
    .option('--json', 'each line is an object as `consume --json` prints it')
    .option('--create', 'make the topic if it does not exist')
    .option('--partitions <n>', 'with --create: how many partitions', wholeNumber, 1)
    .action(async (topic: string, options) =>
      (await import('./commands/produce.ts')).produce(topic, options),
    );
}

function addConsume(main: Command): void {
  main
    .command('consume <topic>')
    .description('print the records of a topic, to its end as it is now')
    .option(...dataOption, dataDefault)
    .option('--follow', 'go on with what is appended later')
    .option('--from <where>', 'earliest, latest, an offset, or an ISO 8601 time', 'earliest')
    .option('--partition <n>', 'only this partition', wholeNumber)
    .option('--max <n>', 'at most this many records', wholeNumber)
    .option('--json', 'one JSON object a line')
    .action(async (topic: string, options) =>
      (await import('./commands/consume.ts')).consume(topic, options),
    );
}

function wholeNumber(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 0) return number;
  throw new InvalidArgumentError('A whole number is needed.');
}

function durability(text: string): string {
  if (text === 'disk' || text === 'process') return text;
  throw new InvalidArgumentError('It is disk or process.');
}

/** What is not a MillraceError is a mistake in a job file, or in Millrace: its stack helps. */
function describe(error: unknown): string {
  return error instanceof Error && error.stack !== undefined ? error.stack : messageOf(error);
}

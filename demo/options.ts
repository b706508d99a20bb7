/** The options of the demo. */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

export interface DemoOptions {
  readonly directory: string;
  /** How much faster than life the last week arrives. */
  readonly speedUp: number;
}

const usage = 'npm run demo -- [--data DIR] [--speed-up N]';

const ownDirectory = 'data/demo';

/** Ends the process with a sentence for what can't be used. */
export function demoOptions(args: readonly string[]): DemoOptions {
  const values = parse(args);
  const speedUp = Number(values['speed-up'] ?? 30_000);
  if (!(speedUp > 0)) return refuse(`--speed-up takes a number above 0, not ${values['speed-up']}`);
  if (values.data === undefined) {
    rmSync(ownDirectory, { recursive: true, force: true }); // what the last demo left
    return { directory: resolve(ownDirectory), speedUp };
  }
  const directory = resolve(values.data);
  if (existsSync(directory) && readdirSync(directory).length > 0) {
    return refuse(
      `${directory} is not empty. Choose a new directory: the demo begins from nothing`,
    );
  }
  return { directory, speedUp };
}

function parse(args: readonly string[]): { data?: string; 'speed-up'?: string } {
  try {
    const options = { data: { type: 'string' }, 'speed-up': { type: 'string' } } as const;
    return parseArgs({ args: [...args], options }).values;
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
}

function refuse(what: string): never {
  process.stderr.write(`demo: ${what}.\nUsage: ${usage}\n`);
  process.exit(2);
}

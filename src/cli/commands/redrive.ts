import { redrive } from '../../runtime/index.ts';
import type { DataOptions } from '../open.ts';
import { type Terminal, write } from '../terminal.ts';

export interface RedriveArguments extends DataOptions {
  readonly to?: string;
  readonly job?: string;
  readonly limit?: number;
  readonly dryRun?: boolean;
}

/** Sends dead letters back to where they came from, once. */
export async function redriveTopic(
  topic: string,
  { data, ...options }: RedriveArguments,
  { output }: Terminal,
): Promise<void> {
  const { redriven, left, ignored } = await redrive(data, topic, options);
  const sent = options.dryRun === true ? 'would send' : 'sent';
  const count = options.dryRun === true ? left : redriven;
  const parts = [`${sent} ${count} ${count === 1 ? 'record' : 'records'}`];
  if (options.dryRun !== true && left > 0) parts.push(`${left} left`);
  if (ignored > 0) parts.push(`${ignored} that are no dead letters`);
  await write(output, `${parts.join(', ')}\n`);
}

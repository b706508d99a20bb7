import { backup } from '../../runtime/index.ts';
import type { DataOptions } from '../open.ts';
import { type Terminal, write } from '../terminal.ts';

/** Copies the data directory while jobs run in it. */
export async function backUp(
  target: string,
  { data }: DataOptions,
  { output }: Terminal,
): Promise<void> {
  const { files, bytes } = await backup(data, target);
  await write(output, `${target}  ${files} files, ${bytes} bytes\n`);
}

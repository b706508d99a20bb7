/** The command line in this process: what it prints to its two outputs, and the code it ends with. */
import { Writable } from 'node:stream';
import { cli } from '../../src/cli/cli.ts';

export async function millrace(...args: readonly string[]): Promise<[number, string, string]> {
  const texts = ['', ''];
  const [output, errors] = texts.map(
    (_, i) =>
      new Writable({
        write(chunk, _encoding, done) {
          texts[i] += chunk;
          done();
        },
      }),
  ) as [Writable, Writable];
  const terminal = {
    input: process.stdin,
    output,
    errors,
    interruption: () => new AbortController().signal,
  };
  const code = await cli(args, terminal);
  return [code, texts[0] ?? '', texts[1] ?? ''];
}

#!/usr/bin/env node
/** The process around the command line. */
import { checkNodeVersion, messageOf } from '../platform/index.ts';

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0); // `consume | head`: the reader has what it wanted
  throw error;
});

try {
  checkNodeVersion(process.versions.node);
  const [{ cli }, { processTerminal }] = await Promise.all([
    import('./cli.ts'),
    import('./terminal.ts'),
  ]);
  process.exitCode = await cli(process.argv.slice(2), processTerminal());
} catch (error) {
  process.stderr.write(`millrace: ${messageOf(error)}\n`);
  process.exitCode = 1;
}

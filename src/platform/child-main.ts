/**
 * The process behind `runInChild`. The call runs in a worker thread: the main thread stays free to
 * notice that nobody waits for the answer any more.
 */
import { copyError, workerBackground } from './background.ts';
import type { ChildCall, ChildReply } from './child.ts';

process.title = 'millrace query'; // for messages about who has a file open
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL')); // exit would wait for SQLite

process.once('message', (call: ChildCall) => {
  workerBackground()
    .run(call)
    .then(
      (result) => reply({ kind: 'done', result }),
      (error: unknown) => reply({ kind: 'failed', error: copyError(error) }),
    );
});

function reply(answer: ChildReply): void {
  process.send?.(answer);
}

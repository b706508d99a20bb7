/** The worker thread behind `workerBackground`. */
import { parentPort, workerData } from 'node:worker_threads';
import {
  type BackgroundReply,
  type BackgroundRequest,
  type BackgroundWorkerData,
  callExport,
  copyError,
  failpointAnswers,
  InTurn,
} from './background.ts';
import { assert } from './errors.ts';
import type { Failpoint } from './failpoints.ts';
import { nodePlatform } from './node-platform.ts';

const port = parentPort;
assert(port !== null, 'this module runs in a worker thread');
const { failpointAnswer } = workerData as BackgroundWorkerData; // as background.ts passes it
const platform = nodePlatform(
  failpointAnswer === undefined
    ? {}
    : { failpoint: askMainThread(new Int32Array(failpointAnswer)) },
);

const inTurn = new InTurn();
port.on('message', (request: BackgroundRequest) => {
  void inTurn.run(request, () => answer(request)); // which tells of failures
});

async function answer(request: BackgroundRequest): Promise<void> {
  try {
    const report = (of: unknown) => reply({ kind: 'report', id: request.id, report: of });
    const result = await callExport(request, platform, report);
    reply({ kind: 'done', id: request.id, result });
  } catch (error) {
    reply({ kind: 'failed', id: request.id, error: copyError(error) });
  }
}

function askMainThread(answer: Int32Array): (name: Failpoint) => void {
  return (name) => {
    Atomics.store(answer, 0, 0);
    reply({ kind: 'failpoint', name });
    Atomics.wait(answer, 0, 0);
    if (Atomics.load(answer, 0) === failpointAnswers.threw) throw new Error(`failpoint ${name}`);
  };
}

function reply(message: BackgroundReply): void {
  port?.postMessage(message);
}

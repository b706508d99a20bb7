import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { makeGate, passGate, waitAtGate } from '../../src/broker/gate.ts';
import { isMillraceError } from '../../src/platform/index.ts';

function failureOf(run: () => void): unknown {
  try {
    run();
    return undefined;
  } catch (error) {
    return error;
  }
}

test('what was called for too late does not run', () => {
  const gate = makeGate();
  const failure = failureOf(() => waitAtGate(gate, 1));
  expect(isMillraceError(failure, 'IO') && failure.retryable).toBe(true);
  let runs = 0;
  expect(passGate(gate, () => runs++)).toBe(false);
  expect(runs).toBe(0);
});

test('who waits goes on once the other one has left, also by a failure', () => {
  const gate = makeGate();
  const failing = () => {
    throw new Error('it failed');
  };
  expect(() => passGate(gate, failing)).toThrow('it failed');
  waitAtGate(gate, 1);
});

test('a thread that never leaves is given up for good', async () => {
  const gate = makeGate();
  const worker = new Worker(
    `const { workerData } = require('node:worker_threads');
     const state = new Int32Array(workerData);
     Atomics.store(state, 0, 1);
     Atomics.notify(state, 0);`,
    { eval: true, workerData: gate },
  );
  await new Promise((resolve) => worker.once('exit', resolve));
  const failure = failureOf(() => waitAtGate(gate, 1));
  expect(isMillraceError(failure, 'IO') && failure.retryable).toBe(false);
});

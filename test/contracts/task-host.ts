/** What every host of tasks keeps; each runs this suite. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Broker, openBroker } from '../../src/broker/index.ts';
import {
  isMillraceError,
  MillraceError,
  nodePlatform,
  type Platform,
} from '../../src/platform/index.ts';
import { Log } from '../../src/runtime/log.ts';
import { epochDefaults } from '../../src/runtime/run.ts';
import type { RebuildStatus } from '../../src/runtime/status.ts';
import type {
  TaskEvents,
  TaskHost,
  TaskSettings,
  TaskSpec,
  TaskStatus,
} from '../../src/runtime/workers/task-host.ts';
import { counts, seen, type Visit, visits } from '../support/hosted-job.ts';

/** What a host of the job `hosted` needs. */
export interface HostParts {
  readonly broker: Broker;
  readonly directory: string;
  readonly platform: Platform;
}

export const taskSettings: TaskSettings = {
  durable: false,
  takeOver: false,
  stateMemoryMax: 64 * 1024 * 1024,
  foldIntervalMs: 10_000,
  foldCpuShare: 0.25,
  unfoldedBytesMax: 8 * 1024 * 1024,
  walBytesMax: 64 * 1024 * 1024,
  budget: epochDefaults,
  rebuildState: false,
  run: 'contract',
};

export const hostedTask: TaskSpec = { task: 'hosted-0', settings: taskSettings };

/** A log with a host of `hosted`, for tests. */
export class HostRig {
  readonly log: Log;
  readonly host: TaskHost;
  readonly #parts: HostParts;
  /** Commits that are refused from now on. */
  refusals = 0;

  private constructor(parts: HostParts, makeHost: (parts: HostParts) => TaskHost) {
    this.#parts = parts;
    this.log = new Log(parts.directory, parts.broker, parts.platform, { platform: parts.platform });
    this.host = makeHost({ ...parts, broker: this.#refusing(parts.broker) });
  }

  static async open(makeHost: (parts: HostParts) => TaskHost): Promise<HostRig> {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-'));
    const platform = nodePlatform();
    const broker = await openBroker(platform, directory, { durability: 'process' });
    const rig = new HostRig({ broker, directory, platform }, makeHost);
    await rig.log.createTopic(visits, 1);
    return rig;
  }

  async visit(...all: readonly Visit[]): Promise<void> {
    await Promise.all(all.map((value) => this.log.send(visits, { key: value.user, value })));
  }

  async usersSeen(): Promise<string[]> {
    const users: string[] = [];
    for await (const { value } of this.log.records(seen)) users.push(value ?? '');
    return users;
  }

  /** Waits until the job has passed on so many records. */
  async untilSeen(count: number): Promise<void> {
    const at = { topic: seen.name, partition: 0 };
    const { broker } = this.log;
    await vi.waitUntil(
      () => broker.describeTopic(seen.name) !== undefined && broker.endOf(at) >= count,
      { timeout: 30_000, interval: 5 },
    );
  }

  async close(): Promise<void> {
    await this.host.close();
    await this.log.close();
    await this.#parts.platform.background.close();
    rmSync(this.#parts.directory, { recursive: true });
  }

  #refusing(broker: Broker): Broker {
    return new Proxy(broker, {
      get: (target, name) => {
        if (name === 'commit' && this.refusals > 0) {
          return async () => {
            this.refusals--;
            throw new MillraceError('LOCK_TIMEOUT', 'Nothing was written.', { retryable: true });
          };
        }
        const member = Reflect.get(target, name);
        return typeof member === 'function' ? member.bind(target) : member;
      },
    });
  }
}

/** Notes what a task tells. */
export function eventsNoted() {
  const noted = { started: 0, progress: [] as TaskStatus[] };
  const events: TaskEvents = {
    onStarted: () => noted.started++,
    onProgress: (status) => noted.progress.push(status),
  };
  return { noted, events };
}

export async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

const at = (hour: number, user: string): Visit => ({ at: hour * 3_600_000, user });

export function taskHostContract(name: string, makeHost: (parts: HostParts) => TaskHost): void {
  describe(`${name} is a host of tasks`, () => {
    let rig: HostRig;
    beforeEach(async () => {
      rig = await HostRig.open(makeHost);
    });
    afterEach(() => rig.close());

    test('a task starts, reads, writes and tells how far it is', async () => {
      await rig.visit(at(0, 'ada'), at(1, 'bob'));
      const { noted, events } = eventsNoted();
      const running = rig.host.start(hostedTask, events);
      expect(running.task).toBe('hosted-0');
      await rig.untilSeen(2);
      expect(await rig.usersSeen()).toEqual(['ada', 'bob']);
      await vi.waitUntil(() => noted.progress.some(({ counts }) => counts.recordsRead === 2));
      expect(noted.started).toBe(1);
      running.stop();
      await running.done;
      const last = noted.progress.at(-1);
      expect(last).toEqual(running.status);
      expect(last).toMatchObject({
        waitingFor: undefined,
        watermark: 3_600_000 - 1,
        partitions: [{ topic: 'visits', partition: 0, position: 2, end: 2, lag: 0 }],
        counts: { recordsRead: 2, recordsWritten: 3, lateRecords: 0, failed: [] },
      });
      expect(last?.stateEntries).toBeGreaterThan(0);
    });

    test('progress is told at most ten times a second', async () => {
      const { noted, events } = eventsNoted();
      const began = performance.now();
      const running = rig.host.start(hostedTask, events);
      for (let i = 0; i < 150; i++) await rig.visit(at(0, `user ${i}`));
      await rig.untilSeen(150);
      running.stop();
      await running.done;
      const elapsedMs = performance.now() - began;
      expect(noted.progress.length).toBeLessThanOrEqual(elapsedMs / 100 + 1);
    });

    test('a task that was stopped is released, and goes on where it stood', async () => {
      await rig.visit(at(0, 'ada'));
      const first = rig.host.start(hostedTask);
      await rig.untilSeen(1);
      first.stop();
      await first.done;
      await rig.visit(at(0, 'bob'));
      const second = rig.host.start(hostedTask);
      await rig.untilSeen(2);
      second.stop({ drain: true });
      await second.done;
      expect(await rig.usersSeen()).toEqual(['ada', 'bob']);
      expect(rig.log.broker.endOf({ topic: counts.name, partition: 0 })).toBe(2);
    });

    test('a drain reads what is there and fires all windows', async () => {
      await rig.visit(at(0, 'ada'), at(0, 'ada'), at(1, 'ada'));
      const running = rig.host.start(hostedTask);
      running.stop({ drain: true });
      await running.done;
      const fired = [];
      for await (const { value } of rig.log.records(counts)) fired.push(value?.n);
      expect(fired).toEqual([2, 1]);
    });

    test('a task that is stopped at once ends', async () => {
      const running = rig.host.start(hostedTask);
      running.stop();
      await running.done;
      await rig.log.broker.claim('hosted-0');
    });

    test('a user function that fails ends the task for good, and it is released', async () => {
      await rig.visit(at(0, 'ada'), { ...at(0, 'bob'), deed: 'fail' });
      const failure = await failureOf(rig.host.start(hostedTask).done);
      expect(isMillraceError(failure, 'USER_FUNCTION') && !failure.retryable).toBe(true);
      expect(String(failure)).toMatch(/Step "obey" .map. failed: as it was told .topic visits/);
      await rig.log.broker.claim('hosted-0');
    });

    test('a failure that can pass is told as such, and the next start goes on', async () => {
      await rig.visit(at(0, 'ada'));
      rig.refusals = 1;
      const failure = await failureOf(rig.host.start(hostedTask).done);
      expect(isMillraceError(failure, 'LOCK_TIMEOUT') && failure.retryable).toBe(true);
      rig.host.start(hostedTask);
      await rig.untilSeen(1);
      expect(await rig.usersSeen()).toEqual(['ada']);
    });

    test('a task that another member holds is refused', async () => {
      await rig.log.broker.claim('hosted-0');
      const failure = await failureOf(rig.host.start(hostedTask).done);
      expect(isMillraceError(failure, 'TASK_HELD')).toBe(true);
    });

    test('a task that the job does not have is refused', async () => {
      const failure = await failureOf(rig.host.start({ ...hostedTask, task: 'other-0' }).done);
      expect(isMillraceError(failure, 'INVALID')).toBe(true);
      expect(String(failure)).toContain('"hosted" has no task "other-0"');
    });

    test('state whose file is refused is computed anew where that is wanted', async () => {
      await rig.visit(at(0, 'ada'), at(0, 'bob'));
      const first = rig.host.start(hostedTask);
      await rig.untilSeen(2);
      first.stop();
      await first.done;
      writeFileSync(`${rig.log.directory}/state/hosted/hosted-0.db`, 'nothing of the kind');
      const refused = await failureOf(rig.host.start(hostedTask).done);
      expect(isMillraceError(refused, 'DAMAGED')).toBe(true);
      const rebuilds: RebuildStatus[] = [];
      const settings = { ...taskSettings, rebuildState: true };
      const again = rig.host.start(
        { ...hostedTask, settings },
        { onRebuild: (status) => rebuilds.push(status) },
      );
      again.stop({ drain: true });
      await again.done;
      expect(rebuilds.at(-1)?.done).toBe(true);
      expect(rig.log.broker.endOf({ topic: counts.name, partition: 0 })).toBe(2);
    });

    test('closing it stops what runs, and nothing starts any more', async () => {
      await rig.visit(at(0, 'ada'));
      const running = rig.host.start(hostedTask);
      await rig.untilSeen(1);
      await rig.host.close();
      await running.done;
      await rig.log.broker.claim('hosted-0');
      expect(() => rig.host.start(hostedTask)).toThrow('after its host was closed');
    });
  });
}

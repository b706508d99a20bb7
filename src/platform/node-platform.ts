/** The platform that programs run on: Node.js, its file system, and SQLite. */
import { randomBytes } from 'node:crypto';
import { hostname, totalmem } from 'node:os';
import { getHeapStatistics } from 'node:v8';
import { workerBackground } from './background.ts';
import type { Failpoint } from './failpoints.ts';
import { nodeClock } from './node-clock.ts';
import { nodeFileSystem } from './node-files.ts';
import { checkNodeVersion } from './node-version.ts';
import type { Platform } from './platform.ts';
import { copyDatabase, openDatabase } from './sqlite.ts';
import { openSqliteLock } from './sqlite-lock.ts';

export interface NodePlatformOptions {
  /**
   * Called in this thread at each named step, also for those in the background; for crash tests.
   */
  readonly failpoint?: (name: Failpoint) => void;
}

/** Fails with `NODE_VERSION` where Node.js is too old. */
export function nodePlatform(options: NodePlatformOptions = {}): Platform {
  checkNodeVersion(process.versions.node);
  const { failpoint } = options;
  return {
    files: nodeFileSystem(),
    clock: nodeClock(),
    process: {
      ...{ pid: process.pid, host: hostname(), startedAtMs: startedAtMs() },
      ...{ memoryBytesMax: memoryBytesMax(), isAlive },
    },
    randomBytes: (length) => randomBytes(length),
    openLock: openSqliteLock,
    openDatabase,
    copyDatabase,
    failpoint: failpoint ?? (() => {}),
    background: workerBackground({ failpoint }),
  };
}

/** Since the machine was started; in worker threads too it is the process that counts. */
function startedAtMs(): number {
  return Math.round(Number(process.hrtime.bigint()) / 1e6 - process.uptime() * 1000);
}

/** Outside a container nothing is constrained, and 0 is what Node.js says. */
function memoryBytesMax(): number {
  const constrained = process.constrainedMemory() || Number.POSITIVE_INFINITY;
  return Math.min(constrained, totalmem(), getHeapStatistics().heap_size_limit);
}

/** A process that this one may not signal is alive. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/**
 * A process that takes the lock in the file it is given, says so, and keeps it until it is killed.
 */
import { nodePlatform } from '../../src/platform/index.ts';

const lock = nodePlatform().openLock(process.argv[2] ?? '');
process.stdout.write(`${lock.tryAcquire()}\n`);
setInterval(() => lock, 1000);

import { describe, expect, test } from 'vitest';
import { openBroker } from '../../src/broker/index.ts';
import { noStall, stallOf } from '../../src/broker/stall.ts';
import { SimulatedMachine } from '../support/simulated-platform.ts';

describe('the slowest answer', () => {
  const quick = { since: 0, refused: undefined, began: 1, answered: 3, syncMs: 0.5 };

  test.each([
    ['fdatasync (20 ms)', { ...quick, answered: 22, syncMs: 20 }],
    ['another process held the lock (40 ms)', { ...quick, refused: 2, began: 42, answered: 44 }],
    ['the event loop was busy (30 ms)', { ...quick, began: 30, answered: 31 }],
    ['preparing and writing the entry (1.5 ms)', quick],
  ])('took its time because of: %s', (cause, times) => {
    expect(stallOf(times, undefined)).toEqual({ ms: times.answered, cause });
  });

  test('names what ran in the background', () => {
    const { cause } = stallOf({ ...quick, answered: 22, syncMs: 20 }, 'foldChangelog');
    expect(cause).toBe('fdatasync (20 ms), while foldChangelog ran in the background');
  });

  test('is in the status, with the lock that another process held', async () => {
    const machine = new SimulatedMachine();
    const [holder, waiting] = [machine.process(), machine.process()];
    const broker = await machine.until(openBroker(waiting.platform, '/data'));
    expect(broker.status().worstStall).toEqual(noStall);
    const lock = holder.platform.openLock('/data/lock.db');
    expect(lock.tryAcquire()).toBe(true);
    const made = broker.createTopic('t');
    await machine.advance(50);
    lock.release();
    await machine.until(made);
    const { ms, cause } = broker.status().worstStall;
    expect(ms).toBeGreaterThanOrEqual(50);
    expect(cause).toContain('another process held the lock');
    await machine.until(broker.close());
  });
});

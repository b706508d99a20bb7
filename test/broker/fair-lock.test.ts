import { describe, expect, test } from 'vitest';
import { FairLock } from '../../src/broker/fair-lock.ts';
import { SimulatedMachine, type SimulatedProcess } from '../support/simulated-platform.ts';

/** The locks of four processes, and whose turn it was. */
function four(machine: SimulatedMachine) {
  const turns: number[] = [];
  const make = (i: number) => {
    const lock = openFairLock(machine.process());
    lock.watch(() => turns.push(i));
    return lock;
  };
  return { turns, locks: [make(0), make(1), make(2), make(3)] as const };
}

function openFairLock({ platform }: SimulatedProcess): FairLock {
  platform.files.makeDirectory('/data');
  return new FairLock(platform, '/data', platform.openLock('/data/lock.db'));
}

describe('the lock', () => {
  test('goes to the process that has waited longest, and calls no other one', async () => {
    const machine = new SimulatedMachine();
    const { locks, turns } = four(machine);
    for (const [i, lock] of [...locks.entries()].reverse()) {
      expect(lock.tryAcquire()).toBe(i === 3);
      await machine.advance(1);
    }
    for (const last of [3, 2, 1]) {
      locks[last]?.release();
      await machine.settle();
      expect(turns).toEqual([2, 1, 0].slice(0, 4 - last));
      expect(locks[last - 1]?.tryAcquire()).toBe(true);
    }
    locks[0].release();
    await machine.settle();
    expect(turns).toHaveLength(3);
  });

  test('is left to who was called, but not for ever', async () => {
    const machine = new SimulatedMachine();
    const { locks, turns } = four(machine);
    expect(locks[0].tryAcquire()).toBe(true);
    expect(locks[1].tryAcquire()).toBe(false);
    locks[0].release();
    expect(locks[0].tryAcquire()).toBe(false);
    await machine.settle();
    expect(turns).toEqual([1]);
    await machine.advance(1);
    expect(locks[0].tryAcquire()).toBe(true);
  });

  test('is left to the caller when it is called back', async () => {
    const machine = new SimulatedMachine();
    const { locks, turns } = four(machine);
    expect(locks[0].tryAcquire()).toBe(true);
    expect(locks[1].tryAcquire()).toBe(false);
    locks[0].release();
    expect(locks[0].tryAcquire()).toBe(false);
    expect(locks[1].tryAcquire()).toBe(true);
    locks[1].release();
    await machine.settle();
    expect(turns).toEqual([1, 0]);
    expect(locks[0].tryAcquire()).toBe(true);
  });

  test('is taken at once again where nobody waits', () => {
    const { locks } = four(new SimulatedMachine());
    expect(locks[0].tryAcquire()).toBe(true);
    locks[0].release();
    expect(locks[0].tryAcquire()).toBe(true);
  });

  test('calls nobody who has stopped waiting', async () => {
    const machine = new SimulatedMachine();
    const { locks, turns } = four(machine);
    expect(locks[0].tryAcquire()).toBe(true);
    expect(locks[1].tryAcquire()).toBe(false);
    await machine.advance(1);
    expect(locks[2].tryAcquire()).toBe(false);
    locks[1].close();
    locks[0].release();
    await machine.settle();
    expect(turns).toEqual([2]);
  });

  test('works where the files of the turns are damaged', () => {
    const machine = new SimulatedMachine();
    const { locks } = four(machine);
    const { files } = machine.process().platform;
    files.open('/data/turns/waiting', 'write').write(Buffer.alloc(600, 0x7f), 0);
    expect(locks[0].tryAcquire()).toBe(true);
    locks[0].release();
    files.open('/data/turns/waiting', 'write').truncate(3);
    expect(locks[1].tryAcquire()).toBe(true);
    locks[1].release();
    expect(locks[1].tryAcquire()).toBe(true);
  });
});

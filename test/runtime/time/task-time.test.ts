import { describe, expect, test } from 'vitest';
import { type SourceTime, TaskTime } from '../../../src/runtime/time/task-time.ts';
import { timeMax } from '../../../src/runtime/time/time-max.ts';

const never = Number.POSITIVE_INFINITY;
const none = Number.NEGATIVE_INFINITY;
const source: SourceTime = { outOfOrdernessMs: 10, idleAfterMs: 5000, quietAfterMs: 10_000 };

/** A task's time, with partitions p/0, p/1, ... and a clock that stands at 0. */
function timeOf(partitions: number, of: Partial<SourceTime> = {}, now = 0): TaskTime {
  const names = Array.from({ length: partitions }, (_, i) => `p/${i}`);
  return new TaskTime(
    names.map((name) => ({ name, source: { ...source, ...of } })),
    now,
  );
}

/** An epoch in which one partition has one record, and nothing behind it. */
function read(time: TaskTime, index: number, timestamp: number, now = 0): void {
  time.sawNext(index, timestamp);
  time.updateIdleness(now);
  time.observe(index, timestamp, none, time.othersMin(index), now);
  time.endEpoch(true, true, now);
}

describe('the watermark', () => {
  test('lies below the highest time by the out-of-orderness and 1 ms', () => {
    const time = timeOf(1);
    expect(time.watermark).toBe(none);
    read(time, 0, 100);
    expect(time.watermark).toBe(89);
    read(time, 0, 50);
    expect(time.watermark).toBe(89);
    read(time, 0, 101);
    expect(time.watermark).toBe(90);
  });

  test('counts the next record, as soon as it is there', () => {
    const time = timeOf(1);
    time.sawNext(0, 100);
    time.updateIdleness(0);
    expect(time.watermark).toBe(89);
    time.observe(0, 100, 300, never, 0);
    expect(time.watermark).toBe(289);
    time.observe(0, 300, none, never, 0);
    expect(time.watermark).toBe(289);
  });

  test('is that of the slowest partition', () => {
    const time = timeOf(3);
    time.sawNext(0, 100);
    time.sawNext(1, 50);
    time.updateIdleness(0);
    expect(time.watermark).toBe(39);
    read(time, 1, 300);
    expect(time.watermark).toBe(89);
    expect(time.othersMin(0)).toBe(289); // partition 2 has never had a record
    expect(time.othersMin(1)).toBe(89);
    expect(time.othersMin(-1)).toBe(89);
  });

  test('takes each source at its own out-of-orderness', () => {
    const time = new TaskTime(
      [
        { name: 'a/0', source },
        { name: 'b/0', source: { ...source, outOfOrdernessMs: 1000 } },
      ],
      0,
    );
    read(time, 0, 5000);
    expect(time.watermark).toBe(4989);
    read(time, 1, 5000);
    expect(time.watermark).toBe(4989); // never back
    read(time, 0, 7000);
    read(time, 1, 6500);
    expect(time.watermark).toBe(5499);
  });

  test('does not pass the ends of time', () => {
    const time = timeOf(1, { idleAfterMs: Number.MAX_SAFE_INTEGER, outOfOrdernessMs: 0 });
    read(time, 0, -timeMax);
    expect(time.watermark).toBe(-timeMax - 1);
    read(time, 0, timeMax);
    expect(time.watermark).toBe(timeMax - 1);
    expect(time.quietWatermark(timeMax, true, timeMax)).toBe(timeMax);
    expect(time.wakeInMs(0, timeMax)).toBe(10_000);
    expect(time.wakeInMs(0, -timeMax)).toBe(10_000);
  });
});

describe('idleness', () => {
  test('begins when a partition has been silent for long enough, and is caught up', () => {
    const time = timeOf(2);
    read(time, 0, 100, 0);
    read(time, 1, 200, 1000);
    time.updateIdleness(4999);
    expect(time.watermark).toBe(89);
    time.endEpoch(false, false, 4999); // it may have missed something
    time.updateIdleness(5000);
    expect(time.watermark).toBe(89);
    time.endEpoch(true, false, 5000);
    time.updateIdleness(5000);
    expect(time.watermark).toBe(189);
    expect(time.partitions.map(({ idle }) => idle)).toEqual([true, false]);
  });

  test('does not begin where a record is there to be read', () => {
    const time = timeOf(2);
    read(time, 0, 100);
    read(time, 1, 200);
    time.sawNext(0, 110);
    time.updateIdleness(1e9);
    expect(time.partitions.map(({ idle }) => idle)).toEqual([false, true]);
    expect(time.watermark).toBe(99);
  });

  test('ends with the next record, which does not turn time back', () => {
    const time = timeOf(2);
    read(time, 0, 100);
    read(time, 1, 200);
    read(time, 1, 300, 5000);
    time.updateIdleness(5000);
    expect(time.watermark).toBe(289);
    time.sawNext(0, 120);
    time.updateIdleness(5000);
    expect(time.partitions.map(({ idle }) => idle)).toEqual([false, false]);
    read(time, 0, 120, 5000);
    expect(time.watermark).toBe(289);
    read(time, 1, 900, 5001);
    expect(time.watermark).toBe(289); // held by partition 0, which stands at 120
    read(time, 0, 400, 5002);
    expect(time.watermark).toBe(389);
  });

  test('of all partitions leaves the watermark where it is', () => {
    const time = timeOf(2);
    read(time, 0, 100);
    read(time, 1, 200);
    time.updateIdleness(1e9);
    expect(time.partitions.map(({ idle }) => idle)).toEqual([true, true]);
    expect(time.watermark).toBe(89);
  });

  test('wakes the task only where something is due then', () => {
    const time = timeOf(2);
    read(time, 0, 100, 0);
    read(time, 1, 200, 1000);
    expect(time.wakeInMs(1000, never)).toBe(never);
    expect(time.wakeInMs(1000, 150)).toBe(4000);
    time.endEpoch(false, false, 1000);
    expect(time.wakeInMs(1000, 150)).toBe(never); // not caught up
  });
});

describe('a quiet stream', () => {
  const quiet = (of: Partial<SourceTime> = {}) => {
    const time = timeOf(1, of, 1000);
    read(time, 0, 100, 1000);
    return time;
  };

  test('goes on with the time that has passed, as far as something waits for it', () => {
    const time = quiet();
    expect(time.quietWatermark(10_999, true, 1e9)).toBe(none);
    expect(time.quietWatermark(11_000, true, 1e9)).toBe(89 + 10_000);
    expect(time.quietWatermark(61_000, true, 1e9)).toBe(89 + 60_000);
    expect(time.quietWatermark(61_000, true, 120)).toBe(120);
    expect(time.quietWatermark(61_000, true, none)).toBe(none); // nothing waits
  });

  test('is none while there is a record to read, or might be', () => {
    const time = quiet();
    expect(time.quietWatermark(61_000, false, 1e9)).toBe(none);
    time.endEpoch(false, false, 61_000);
    expect(time.quietWatermark(61_000, true, 1e9)).toBe(none);
  });

  test('is none before the first record', () => {
    const time = timeOf(1);
    time.endEpoch(true, false, 0);
    expect(time.quietWatermark(1e9, true, 1e9)).toBe(none);
    expect(time.wakeInMs(0, 5)).toBe(never);
  });

  test('counts from the last record, wherever the watermark went since', () => {
    const time = quiet();
    time.watermark = time.quietWatermark(11_000, true, 1e9);
    time.endEpoch(true, false, 11_000);
    expect(time.quietWatermark(12_000, true, 1e9)).toBe(89 + 11_000);
    read(time, 0, 20_000, 12_000);
    expect(time.quietWatermark(21_999, true, 1e9)).toBe(none);
    expect(time.quietWatermark(22_000, true, 1e9)).toBe(19_989 + 10_000);
  });

  test('asks the most patient source, and never where one is never quiet', () => {
    const patient = { name: 'b/0', source: { ...source, quietAfterMs: 50_000 } };
    const time = new TaskTime([{ name: 'a/0', source }, patient], 0);
    read(time, 0, 100);
    expect(time.quietWatermark(49_999, true, 1e9)).toBe(none);
    expect(time.quietWatermark(50_000, true, 1e9)).toBe(50_089);
    const off = quiet({ quietAfterMs: never });
    expect(off.quietWatermark(1e15, true, 1e9)).toBe(none);
    expect(off.wakeInMs(1000, 100)).toBe(5000); // idleness only
  });

  test('wakes the task when the first that waits is due', () => {
    const time = quiet({ idleAfterMs: never });
    expect(time.wakeInMs(1000, 99)).toBe(10_000);
    expect(time.wakeInMs(1000, 89 + 30_000)).toBe(30_000);
    expect(time.wakeInMs(11_000, 89 + 30_000)).toBe(20_000);
    expect(time.wakeInMs(1000, never)).toBe(never);
    expect(time.quietWatermark(31_000, true, 1e9)).toBe(89 + 30_000);
  });
});

describe('a checkpoint of time', () => {
  test('brings all of it back, as plain JSON', () => {
    const time = timeOf(3);
    read(time, 0, 100);
    read(time, 1, 200);
    time.updateIdleness(6000);
    time.settled = 50;
    const snapshot = time.snapshot();
    expect(snapshot).toEqual({
      watermark: 89,
      settled: 50,
      partitions: { 'p/0': [100, 1], 'p/1': [200, 1], 'p/2': [null, 1] },
    });
    const again = timeOf(3, {}, 6000);
    again.restore(JSON.parse(JSON.stringify(snapshot)));
    expect(again.snapshot()).toEqual(snapshot);
    expect([again.watermark, again.settled]).toEqual([89, 50]);
    read(again, 0, 150, 6000);
    expect(again.watermark).toBe(139); // partition 1 is idle still
  });

  test('before the first record is nothing, and comes back as nothing', () => {
    const again = timeOf(1);
    again.restore(JSON.parse(JSON.stringify(timeOf(1).snapshot())));
    expect([again.watermark, again.settled]).toEqual([none, none]);
  });

  test('leaves partitions that it does not know as new ones', () => {
    const time = timeOf(1);
    read(time, 0, 100);
    const more = timeOf(2);
    more.restore(time.snapshot());
    expect(more.partitions.map(({ highest, idle }) => [highest, idle])).toEqual([
      [100, false],
      [none, true],
    ]);
  });

  test('does not count downtime as silence', () => {
    const time = timeOf(2);
    read(time, 0, 100, 0);
    read(time, 1, 200, 0);
    const again = timeOf(2, {}, 1e9);
    again.restore(time.snapshot());
    again.updateIdleness(1e9);
    again.endEpoch(true, false, 1e9);
    again.updateIdleness(1e9 + 4999);
    expect(again.quietWatermark(1e9 + 9999, true, 1e9)).toBe(none);
    expect(again.watermark).toBe(89);
    expect(again.quietWatermark(1e9 + 10_000, true, 1e9)).toBe(10_089);
  });
});

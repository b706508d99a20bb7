/** Days, weeks and months of time zones. Instants are written in UTC. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { calendar, count, job, topic } from '../../../src/dsl/index.ts';
import { json, keyJson } from '../../../src/formats/index.ts';
import { Calendar, type CalendarUnit, type Weekday } from '../../../src/runtime/time/calendar.ts';
import { sameInEveryMode, valuesOf } from '../../support/operator-harness.ts';
import { byReading, readings } from '../../support/operator-harness-scripts.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const timeMax = 8.64e15;

function calendarOf(unit: CalendarUnit, timeZone: string, weekStartsOn: Weekday = 'monday') {
  return new Calendar({ unit, timeZone, weekStartsOn });
}

/** Begin in UTC, and hours. */
function shown(of: Calendar, at: string): string {
  const { start, end } = of.periodOf(Date.parse(at));
  return `${new Date(start).toISOString().slice(0, 16)} ${(end - start) / hourMs}h`;
}

describe('a day', () => {
  test.each([
    ['Europe/Berlin', '2026-03-28T12:00Z', '2026-03-27T23:00 24h'],
    ['Europe/Berlin', '2026-03-29T12:00Z', '2026-03-28T23:00 23h'],
    ['Europe/Berlin', '2026-03-30T12:00Z', '2026-03-29T22:00 24h'],
    ['Europe/Berlin', '2026-10-25T12:00Z', '2026-10-24T22:00 25h'],
    ['Europe/Berlin', '2026-10-24T22:00Z', '2026-10-24T22:00 25h'],
    ['Europe/Berlin', '2026-10-25T22:59Z', '2026-10-24T22:00 25h'],
    ['America/New_York', '2026-03-08T12:00Z', '2026-03-08T05:00 23h'],
    ['America/New_York', '2026-11-01T12:00Z', '2026-11-01T04:00 25h'],
    ['America/New_York', '2026-11-02T04:59Z', '2026-11-01T04:00 25h'],
    ['America/New_York', '2026-11-02T05:00Z', '2026-11-02T05:00 24h'],
    ['Australia/Lord_Howe', '2026-04-05T00:00Z', '2026-04-04T13:00 24.5h'],
    ['Australia/Lord_Howe', '2026-10-04T00:00Z', '2026-10-03T13:30 23.5h'],
    ['Asia/Kathmandu', '2026-01-01T00:00Z', '2025-12-31T18:15 24h'],
    ['UTC', '1969-12-31T23:59Z', '1969-12-31T00:00 24h'],
  ])('in %s that has %s begins at %s', (timeZone, at, expected) => {
    expect(shown(calendarOf('day', timeZone), at)).toBe(expected);
  });

  test('without a midnight begins when the next hour does', () => {
    const saoPaulo = calendarOf('day', 'America/Sao_Paulo');
    expect(shown(saoPaulo, '2018-11-04T12:00Z')).toBe('2018-11-04T03:00 23h');
    expect(shown(saoPaulo, '2018-11-04T02:59Z')).toBe('2018-11-03T03:00 24h');
  });

  test('whose midnight comes twice begins at the first', () => {
    const havana = calendarOf('day', 'America/Havana');
    expect(shown(havana, '2026-11-01T04:30Z')).toBe('2026-11-01T04:00 25h');
    expect(shown(havana, '2026-11-01T05:30Z')).toBe('2026-11-01T04:00 25h');
  });

  test('that a zone left out has no window', () => {
    const apia = calendarOf('day', 'Pacific/Apia');
    expect(shown(apia, '2011-12-30T09:59Z')).toBe('2011-12-29T10:00 24h');
    expect(shown(apia, '2011-12-30T10:00Z')).toBe('2011-12-30T10:00 24h'); // the 31st
  });

  test('of long ago has the offset of long ago, seconds included', () => {
    const { start } = calendarOf('day', 'Europe/Berlin').periodOf(Date.UTC(1850, 0, 1, 12));
    expect(start).toBe(Date.UTC(1849, 11, 31, 23, 6, 32));
  });
});

describe('a week', () => {
  test.each([
    ['monday', '2026-03-25T00:00Z', '2026-03-22T23:00 167h'],
    ['sunday', '2026-03-25T00:00Z', '2026-03-21T23:00 168h'],
    ['sunday', '2026-03-29T00:00Z', '2026-03-28T23:00 167h'],
    ['thursday', '1970-01-01T00:00Z', '1969-12-31T23:00 168h'],
    ['saturday', '2026-10-25T00:00Z', '2026-10-23T22:00 169h'],
  ] as const)('that starts on a %s and has %s begins at %s', (from, at, expected) => {
    expect(shown(calendarOf('week', 'Europe/Berlin', from), at)).toBe(expected);
  });
});

describe('a month', () => {
  test.each([
    ['2026-03-31T21:59Z', '2026-02-28T23:00 743h'],
    ['2026-03-31T22:00Z', '2026-03-31T22:00 720h'],
    ['2026-10-01T00:00Z', '2026-09-30T22:00 745h'],
    ['2024-02-29T00:00Z', '2024-01-31T23:00 696h'],
    ['1900-02-01T00:00Z', '1900-01-31T23:00 672h'],
    ['2026-12-31T23:30Z', '2026-12-31T23:00 744h'],
  ])('that has %s begins at %s', (at, expected) => {
    expect(shown(calendarOf('month', 'Europe/Berlin'), at)).toBe(expected);
  });
});

describe('periods', () => {
  const zones = ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kolkata', 'UTC'];
  const units = fc.constantFrom<CalendarUnit>('day', 'week', 'month');

  test('have their instant, touch the next, and begin when the date of clocks changes', () => {
    const time = fc.integer({ min: Date.UTC(1, 0), max: Date.UTC(3000, 0) });
    fc.assert(
      fc.property(fc.constantFrom(...zones), units, time, (timeZone, unit, at) => {
        const of = calendarOf(unit, timeZone);
        const { start, end } = of.periodOf(at);
        const dateAt = (instant: number) =>
          new Date(instant).toLocaleDateString('sv-SE', { timeZone });
        expect(start <= at && at < end).toBe(true);
        expect(of.periodOf(end).start).toBe(end);
        expect(of.periodOf(start - 1).end).toBe(start);
        expect(dateAt(start)).not.toBe(dateAt(start - 1));
        if (unit === 'day') expect(dateAt(end - 1)).toBe(dateAt(start));
        if (unit === 'month') expect(dateAt(start).slice(-2)).toBe('01');
        if (unit === 'month') expect(dateAt(end - 1).slice(0, 7)).toBe(dateAt(start).slice(0, 7));
        if (unit === 'week') expect(new Date(dateAt(start)).getUTCDay()).toBe(1);
        expect(calendarOf(unit, timeZone).periodOf(at)).toEqual({ start, end }); // nothing kept
      }),
    );
  });

  test('reach to the ends of time', () => {
    for (const timeZone of zones) {
      for (const unit of ['day', 'week', 'month'] as const) {
        for (const at of [-timeMax, timeMax]) {
          const { start, end } = calendarOf(unit, timeZone).periodOf(at);
          expect(start <= at && at < end).toBe(true);
          expect(end - start).toBeLessThanOrEqual(31 * dayMs);
        }
      }
    }
  });
});

test('calendar windows fire at the end of the day, also of one with 25 hours', async () => {
  const one = { key: keyJson<string>(), partitions: 1 };
  const days = job('days', ({ from }) => {
    const windowed = from(readings, byReading)
      .keyBy((r) => r.key)
      .window(calendar('day', { timeZone: 'Europe/Berlin' }))
      .aggregate({ n: count() });
    windowed.to(topic('results', { ...one, value: json() }));
    windowed.late.to(topic('late', { ...one, value: json() }));
  });
  const begin = Date.parse('2025-10-25T22:00Z');
  const at = (hours: number) => ({ value: { key: 'a', at: begin + hours * hourMs, n: 1 } });
  const script = [{ records: [at(-1), at(0), at(24.9)] }, { records: [at(25), at(24)] }];
  const outputs = await sameInEveryMode(days, script);
  const day = (n: number, from: number, to: number) => ({
    n,
    windowStart: begin + from * hourMs,
    windowEnd: begin + to * hourMs,
  });
  expect(valuesOf(outputs, 'results')).toEqual([day(1, -24, 0), day(2, 0, 25), day(1, 25, 49)]);
  expect(valuesOf(outputs, 'late')).toEqual([at(24).value]);
});

/**
 * Days, weeks and months of a time zone, as instants: right where clocks change.
 *
 * A day begins at the first instant at which a clock of the zone shows its date, so one at whose
 * midnight clocks go forward begins at one o'clock. Where they go back over midnight, what is shown
 * a second time belongs to the day that has begun. Periods follow one another without a gap.
 *
 * The rules of zones are those of Node.js (Intl). Asking for one takes some microseconds, so what
 * was found is kept by day of UTC.
 */
import { timeMax } from './time-max.ts';

export type CalendarUnit = 'day' | 'week' | 'month';

export const weekdays = [
  'monday',
  'tuesday',
  'wednesday',
  'thursday',
  'friday',
  'saturday',
  'sunday',
] as const;

export type Weekday = (typeof weekdays)[number];

export interface CalendarPeriods {
  readonly unit: CalendarUnit;
  /** As IANA names it: `Europe/Berlin`. */
  readonly timeZone: string;
  /** Where the unit is a week. */
  readonly weekStartsOn: Weekday;
}

/** `[start, end)`. */
export interface Period {
  readonly start: number;
  readonly end: number;
}

const dayMs = 86_400_000;
/** Days of UTC whose periods are kept. */
const keptMax = 4096;

export class Calendar {
  readonly #periods: CalendarPeriods;
  readonly #format: Intl.DateTimeFormat;
  #kept = new Map<number, Period[]>();

  constructor(periods: CalendarPeriods) {
    this.#periods = periods;
    this.#format = new Intl.DateTimeFormat('en-US', {
      timeZone: periods.timeZone,
      hourCycle: 'h23',
      era: 'short',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  }

  /** The period that has an instant, which lies within what a Date can say. */
  periodOf(time: number): Period {
    const day = Math.floor(time / dayMs);
    const kept = this.#kept.get(day);
    const known = kept?.find(({ start, end }) => start <= time && time < end);
    if (known !== undefined) return known;
    const found = this.#find(time);
    if (this.#kept.size >= keptMax) this.#kept = new Map();
    if (kept === undefined) this.#kept.set(day, [found]);
    else kept.push(found);
    return found;
  }

  #find(time: number): Period {
    let day = this.#firstDay(Math.floor((time + this.#offset(time)) / dayMs));
    for (;;) {
      const next = this.#nextFirstDay(day);
      const end = this.#startOf(next);
      if (time < end) return { start: this.#startOf(day), end };
      day = next;
    }
  }

  /** The first day of a day's period. Days count from 1970-01-01. */
  #firstDay(day: number): number {
    const { unit, weekStartsOn } = this.#periods;
    if (unit === 'day') return day;
    if (unit === 'month') return day - dayOfMonth(day) + 1;
    const sinceMonday = day + 3 - weekdays.indexOf(weekStartsOn); // 1970-01-01 was a Thursday
    return day - (((sinceMonday % 7) + 7) % 7);
  }

  #nextFirstDay(first: number): number {
    const { unit } = this.#periods;
    if (unit === 'day') return first + 1;
    return unit === 'week' ? first + 7 : this.#firstDay(first + 31);
  }

  /** The first instant of a day. */
  #startOf(day: number): number {
    const midnight = day * dayMs;
    const before = this.#offset(midnight - dayMs);
    const after = this.#offset(midnight + dayMs);
    const candidates = [midnight - before, midnight - after];
    const [a, b] = candidates.filter((time) => time + this.#offset(time) === midnight);
    if (a !== undefined) return Math.min(a, b ?? a);
    return this.#changeBetween(midnight - after, midnight - before); // no clock shows midnight
  }

  /** The first instant after `from` with the offset of `to`. */
  #changeBetween(from: number, to: number): number {
    const offset = this.#offset(to);
    let [before, after] = [from, to];
    while (after - before > 1) {
      const middle = Math.floor((before + after) / 2);
      if (this.#offset(middle) === offset) after = middle;
      else before = middle;
    }
    return after;
  }

  /** What clocks of the zone are ahead of UTC, in ms. */
  #offset(time: number): number {
    const within = Math.min(Math.max(time, -timeMax), timeMax);
    const parts: Partial<Record<Intl.DateTimeFormatPartTypes, string>> = {};
    for (const { type, value } of this.#format.formatToParts(within)) parts[type] = value;
    const era = parts.era === 'BC' ? -1 : 1;
    const year = era === 1 ? Number(parts.year) : 1 - Number(parts.year);
    const days = dayNumber(year, Number(parts.month), Number(parts.day));
    const minutes = (days * 24 + Number(parts.hour)) * 60 + Number(parts.minute);
    const seconds = minutes * 60 + Number(parts.second);
    return (seconds - Math.floor(within / 1000)) * 1000;
  }
}

/**
 * Days since 1970-01-01 of a Gregorian date, also where a Date ends. After Hinnant,
 * "chrono-Compatible Low-Level Date Algorithms", 2013: years begin in March, eras have 400 of them.
 */
function dayNumber(year: number, month: number, day: number): number {
  const marchYear = month <= 2 ? year - 1 : year;
  const era = Math.floor(marchYear / 400);
  const yearOfEra = marchYear - era * 400;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  const leapDays = Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100);
  return era * 146_097 + yearOfEra * 365 + leapDays + dayOfYear - 719_468;
}

/** The day in its month, from 1, of a number of days since 1970-01-01; likewise. */
function dayOfMonth(days: number): number {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const leapDays =
    Math.floor(dayOfEra / 1460) - Math.floor(dayOfEra / 36_524) + Math.floor(dayOfEra / 146_096);
  const yearOfEra = Math.floor((dayOfEra - leapDays) / 365);
  const leapDaysBefore = Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100);
  const dayOfYear = dayOfEra - (365 * yearOfEra + leapDaysBefore);
  const marchMonth = Math.floor((5 * dayOfYear + 2) / 153);
  return dayOfYear - Math.floor((153 * marchMonth + 2) / 5) + 1;
}

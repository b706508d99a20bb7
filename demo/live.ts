/**
 * The last week, live: flights arrive as their delays become known, faster than life; a table shows
 * what the job says.
 */
import { setTimeout } from 'node:timers/promises';
import type { JobHandle, Log } from 'millrace';
import { delays, type Flight } from '../examples/flight-delays.ts';
import { knownAt } from './flights.ts';
import { append } from './load.ts';
import { Panel, type WorstRow, worstTable } from './screen.ts';

const tickMs = 50;
const hourMs = 3_600_000;
/** Airports with fewer flights in an hour are left out of the table. */
const flightsMin = 5;
const rowsMax = 10;

interface Hour {
  readonly start: number;
  readonly rows: WorstRow[];
}

export async function playLive(
  log: Log,
  handle: JobHandle,
  week: readonly Flight[],
  speedUp: number,
): Promise<void> {
  const following = new AbortController();
  const screen = new LiveScreen(handle);
  const watching = screen.follow(log, following.signal);
  await feed(log, week, speedUp, (now) => screen.show(now));
  following.abort();
  await watching;
}

async function feed(
  log: Log,
  week: readonly Flight[],
  speedUp: number,
  onTick: (now: number) => void,
): Promise<void> {
  const first = week[0] === undefined ? 0 : knownAt(week[0]);
  const began = performance.now();
  for (let sent = 0; sent < week.length; ) {
    const now = first + (performance.now() - began) * speedUp;
    let due = sent;
    while (due < week.length && knownAt(week[due] as Flight) <= now) due++;
    if (due > sent) await append(log, week.slice(sent, due));
    sent = due;
    onTick(now);
    await setTimeout(tickMs);
  }
}

class LiveScreen {
  readonly #handle: JobHandle;
  readonly #panel = new Panel();
  #latest: Hour = { start: 0, rows: [] };
  #closed = 0;
  #saidHour = 0;

  constructor(handle: JobHandle) {
    this.#handle = handle;
  }

  async follow(log: Log, signal: AbortSignal): Promise<void> {
    for await (const { key, value } of log.records(delays, {
      follow: true,
      from: 'latest',
      signal,
    })) {
      if (key === null || value === null) continue;
      this.#closed++;
      if (value.windowStart > this.#latest.start)
        this.#latest = { start: value.windowStart, rows: [] };
      if (value.windowStart === this.#latest.start)
        this.#latest.rows.push({ airport: key, ...value });
    }
  }

  show(now: number): void {
    const { start, rows } = this.#latest;
    if (start === 0) return;
    const worst = rows
      .filter(({ flights }) => flights >= flightsMin)
      .sort((a, b) => b.meanDelay - a.meanDelay)
      .slice(0, rowsMax);
    const { lateRecords } = this.#handle.metrics();
    const text = [
      `It is ${minuteOf(now)}. The latest hour that is closed began at ${minuteOf(start)}.`,
      `${this.#closed} windows closed live, ${lateRecords} flights too late for theirs so far.`,
      `The worst airports of that hour, of those with ${flightsMin} flights or more:`,
      worstTable(worst),
    ];
    this.#panel.show(text.join('\n'));
    const [first] = worst;
    if (first === undefined || start - this.#saidHour < 12 * hourMs) return;
    this.#saidHour = start;
    Panel.line(`${minuteOf(start)}: ${this.#closed} windows closed; worst: ${rowText(first)}`);
  }
}

function rowText({ airport, meanDelay, flights }: WorstRow): string {
  return `${airport}, ${meanDelay.toFixed(1)} min on average over ${flights} flights`;
}

function minuteOf(time: number): string {
  return new Date(time).toISOString().slice(0, 16).replace('T', ' ');
}

/** How late flights leave, by airport and hour; README.md walks through it. */
import { count, job, json, max, mean, share, string, topic, tumbling } from 'millrace';

export interface Flight {
  /** Scheduled departure, ms since the epoch. */
  readonly date: number;
  /** Minutes; negative when early. */
  readonly delay: number;
  /** Miles. */
  readonly distance: number;
  readonly origin: string;
  readonly destination: string;
}

export interface DelaysByHour {
  readonly flights: number;
  readonly meanDelay: number;
  readonly delayed: number;
  readonly worst: number;
  readonly windowStart: number;
  readonly windowEnd: number;
}

export const flights = topic('flights', { key: string(), value: json<Flight>() });
export const delays = topic('delays-by-hour', { key: string(), value: json<DelaysByHour>() });
export const late = topic('flights-late', { key: string(), value: json<Flight>() });

export default job('flight-delays', ({ from }) => {
  const byHour = from(flights, { eventTime: (f) => f.date, outOfOrderness: '3h' })
    .keyBy((f) => f.origin)
    .window(tumbling('1h'))
    .aggregate({
      flights: count(),
      meanDelay: mean((f) => f.delay),
      delayed: share((f) => f.delay > 15),
      worst: max((f) => f.delay),
    });
  byHour.to(delays);
  byHour.late.to(late);
});

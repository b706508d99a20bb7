/** What `to` takes. Nothing here runs: the compiler is the test. */
import { count, job, json, mean, number, string, topic, tumbling } from 'millrace';

interface Flight {
  readonly origin: string;
  readonly delay: number;
}

const key = string();
const flights = topic('flights', { key, value: json<Flight>() });
const counts = topic('counts', { key, value: json<{ n: number }>() });
const wider = topic('wider', { key, value: json<{ n: number; more: number }>() });
const optional = topic('optional', { key, value: json<{ n: number; more?: number }>() });
const otherType = topic('other-type', { key, value: json<{ n: string }>() });
const looser = topic('looser', { key, value: json<{ n: number | null }>() });
const numberKeys = topic('number-keys', { key: number(), value: json<{ n: number }>() });
const fewKeys = topic('few-keys', { key: json<'a' | 'b'>(), value: json<{ n: number }>() });
const anything = topic('anything', { key, value: json<unknown>() });
const windows = topic('windows', {
  key,
  value: json<{ n: number; delay: number; windowStart: number; windowEnd: number }>(),
});

export const values = job('values', ({ from }) => {
  const stream = from(flights)
    .keyBy(({ origin }) => origin)
    .aggregate({ n: count() });
  stream.to(counts);
  stream.to(looser);
  stream.to(anything);
  stream.to(optional);
  // @ts-expect-error the topic has a field that the stream lacks
  stream.to(wider);
  // @ts-expect-error a field is of another type
  stream.to(otherType);
  // @ts-expect-error records have other fields
  stream.to(flights);
  from(flights).to(flights);
  // @ts-expect-error an option that says nothing
  from(flights).to(flights, {});
});

export const keys = job('keys', ({ from }) => {
  const stream = from(flights)
    .keyBy(({ origin }) => origin)
    .aggregate({ n: count() });
  // @ts-expect-error keys are strings
  stream.to(numberKeys);
  // @ts-expect-error keys are any strings
  stream.to(fewKeys);
  stream.to(numberKeys, { key: ({ n }) => n });
  // @ts-expect-error the function gives strings
  stream.to(numberKeys, { key: ({ n }) => `${n}` });
});

export const results = job('results', ({ from }) => {
  const stream = from(flights)
    .keyBy(({ origin }) => origin)
    .window(tumbling('1h'))
    .aggregate({ n: count(), delay: mean(({ delay }) => delay) });
  stream.to(windows);
  // @ts-expect-error the topic lacks `delay` and the times of the window
  stream.to(counts);
  stream.map(({ n }) => ({ n })).to(counts);
  stream.late.to(flights);
  // @ts-expect-error late records are those that came in
  stream.late.to(windows);
});

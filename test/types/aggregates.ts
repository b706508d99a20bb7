/** What aggregates take and give. Nothing here runs: the compiler is the test. */
import {
  aggregate,
  aggregating,
  approximateCountDistinct,
  argMax,
  argMin,
  collect,
  count,
  countDistinct,
  earliest,
  type Histogram,
  histogram,
  job,
  json,
  latest,
  quantile,
  standardDeviation,
  string,
  sum,
  topic,
  topK,
  tumbling,
  variance,
} from 'millrace';

interface Flight {
  readonly origin: string;
  readonly delay: number;
}

type Is<A> = <T>() => T extends A ? true : false;

/** Compiles only where the two types are the same. */
function same<A, B>(..._proof: Is<A> extends Is<B> ? [] : [never]): void {}

const flights = topic('flights', { key: string(), value: json<Flight>() });

const geometric = (select: (flight: Flight) => number) =>
  aggregate({
    name: 'geometric-mean',
    create: () => ({ n: 0, logs: 0 }),
    add(state, flight: Flight) {
      state.n++;
      state.logs += Math.log(select(flight));
      return state;
    },
    merge: (a, b) => ({ n: a.n + b.n, logs: a.logs + b.logs }),
    result: ({ n, logs }) => Math.exp(logs / n),
  });

export const results = job('results', ({ from }) => {
  const keyed = from(flights).keyBy((f) => f.origin);
  keyed
    .window(tumbling('1h'))
    .aggregate({
      variance: variance((f) => f.delay),
      ofSample: variance((f) => f.delay, { sample: true }),
      deviation: standardDeviation((f) => f.delay, { sample: false }),
      median: quantile((f) => f.delay, 0.5),
      some: quantile((f) => f.delay, [0.5, 0.99], { error: 0.05 }),
      top: topK((f) => f.delay, 3),
      origins: topK(
        (f) => f.delay,
        3,
        (f) => f.origin,
      ),
      bars: histogram((f) => f.delay, [0, 15]),
      distinct: countDistinct((f) => f.origin),
      about: approximateCountDistinct((f) => ({ of: f.origin }), { error: 0.02 }),
      least: argMin((f) => f.delay),
      where: argMax(
        (f) => f.delay,
        (f) => [f.origin],
      ),
      opened: earliest(),
      closed: latest((f) => f.delay),
      all: collect(),
      few: collect((f) => f.delay, { max: 10, keep: 'latest' }),
      geometric: geometric((f) => f.delay),
    })
    .map((result) => {
      same<typeof result.variance, number>();
      same<typeof result.ofSample, number | null>();
      same<typeof result.deviation, number>();
      same<typeof result.median, number>();
      same<typeof result.some, readonly [number, number]>();
      same<typeof result.top, readonly Flight[]>();
      same<typeof result.origins, readonly string[]>();
      same<typeof result.bars, Histogram>();
      same<typeof result.distinct, number>();
      same<typeof result.about, number>();
      same<typeof result.least, Flight>();
      same<typeof result.where, string[]>();
      same<typeof result.opened, Flight>();
      same<typeof result.closed, number>();
      same<typeof result.all, readonly Flight[]>();
      same<typeof result.few, readonly number[]>();
      same<typeof result.geometric, number>();
      // @ts-expect-error a sample of one record has no variance
      const spread: number = result.ofSample;
      // @ts-expect-error results are not to be changed
      result.top.push({ origin: '', delay: spread });
      return result;
    });
});

export const running = job('running', ({ from }) => {
  const keyed = from(flights).keyBy((f) => f.origin);
  keyed.aggregate({ top: topK((f) => f.delay, 2), few: collect() }).map((result) => {
    same<typeof result, { readonly top: readonly Flight[]; readonly few: readonly Flight[] }>();
    // @ts-expect-error they are flights
    same<typeof result.top, readonly number[]>();
    // @ts-expect-error it is more than unknown
    same<typeof result.few, readonly unknown[]>();
    return result;
  });
  keyed.process({
    state: {
      one: aggregating(latest((f: Flight) => f.delay)),
      whole: aggregating(argMax((f: Flight) => f.delay)),
      several: aggregating({ n: count(), spread: variance((f: Flight) => f.delay) }),
    },
    onRecord(flight, { state }) {
      state.one.add(flight);
      state.whole.add(flight);
      state.several.add(flight);
      // @ts-expect-error what is added are flights
      state.several.add(flight.delay);
      same<ReturnType<typeof state.one.get>, number | undefined>();
      same<ReturnType<typeof state.whole.get>, Flight | undefined>();
      const spread: number | undefined = state.several.get()?.spread;
      return [spread];
    },
  });
});

export const mistakes = job('mistakes', ({ from }) => {
  const keyed = from(flights).keyBy((f) => f.origin);
  // @ts-expect-error ranks are numbers
  keyed.aggregate({ of: topK((f) => f.origin, 3) });
  // @ts-expect-error k is missing
  keyed.aggregate({ of: topK((f) => f.delay) });
  // @ts-expect-error quantiles are of numbers
  keyed.aggregate({ of: quantile((f) => f.origin, 0.5) });
  // @ts-expect-error which quantile?
  keyed.aggregate({ of: quantile((f) => f.delay) });
  // @ts-expect-error boundaries are numbers
  keyed.aggregate({ of: histogram((f) => f.delay, ['0', '15']) });
  // @ts-expect-error flights have no such field
  keyed.aggregate({ of: argMin((f) => f.price) });
  // @ts-expect-error nor has what is collected
  keyed.aggregate({ of: collect((f) => f.price) });
  // @ts-expect-error it takes earliest or latest
  keyed.aggregate({ of: collect((f) => f, { keep: 'first' }) });
  // @ts-expect-error how exact it is, not how many bits
  keyed.aggregate({ of: approximateCountDistinct((f) => f.origin, { bits: 14 }) });
  // @ts-expect-error the function that says of what is missing
  keyed.aggregate({ of: countDistinct() });
  // @ts-expect-error it is an aggregate of numbers
  keyed.aggregate({ of: sum((n: number) => n) });
  // @ts-expect-error flights lack the field that it needs
  keyed.aggregate({ of: sum((f: Flight & { price: number }) => f.price) });
  // @ts-expect-error merge is missing
  aggregate({ name: 'n', create: () => 0, add: (n: number) => n + 1, result: (n) => n });
  aggregate({
    name: 'n',
    create: () => 0,
    // @ts-expect-error add returns nothing
    add(n) {
      n + 1;
    },
    merge: (a, b) => a + b,
    result: (n) => n,
  });
});

export const written = job('written', ({ from }) => {
  const deviations = topic('deviations', { key: string(), value: json<{ of: number }>() });
  const keyed = from(flights).keyBy((f) => f.origin);
  keyed.aggregate({ of: standardDeviation((f) => f.delay) }).to(deviations);
  // @ts-expect-error of a sample there may be none
  keyed.aggregate({ of: standardDeviation((f) => f.delay, { sample: true }) }).to(deviations);
});

/**
 * A job in three versions: with each of them keys, items and values of all kinds of state have
 * another form. So a job of one version that goes on with the state of another one must write what
 * it would have written had it had the newest version from the start.
 */
import {
  count,
  first,
  hopping,
  job,
  list,
  map,
  reducing,
  session,
  topic,
  tumbling,
  value,
} from '../../../src/dsl/index.ts';
import {
  bytes,
  type Codec,
  json,
  string,
  structured,
  type Versioned,
  versions,
} from '../../../src/formats/index.ts';
import type { Job } from '../../../src/runtime/index.ts';

export interface Visit {
  readonly user: string;
  readonly page: string;
  readonly at: number;
}

export type JobVersion = 1 | 2 | 3;

/** A form in which something is kept. */
interface Form<Value> {
  /** Undefined: the default. */
  readonly codec: Codec<unknown> | undefined;
  make(value: Value): unknown;
  read(form: unknown): Value;
}

/** What each step of a migration makes of a value; by default the value. */
export type Spoil = (part: string, value: unknown) => unknown;

/** Something as a version keeps it. */
class Kept<Value> {
  readonly codec: Codec<unknown>;
  readonly #form: Form<Value>;

  constructor(part: string, version: JobVersion, forms: readonly Form<Value>[], spoil: Spoil) {
    const used = forms.slice(0, version);
    const [form1 = used[0]] = used;
    this.#form = used.at(-1) as Form<Value>; // there is a first one
    let codec: Versioned<unknown> = versions(form1?.codec);
    for (const [i, form] of used.slice(1).entries()) {
      const before = used[i] as Form<Value>; // it is the one before
      const options = form.codec === undefined ? {} : { codec: form.codec };
      codec = codec.to((old) => form.make(spoil(part, before.read(old)) as Value), options);
    }
    this.codec = codec;
  }

  make(value: Value): unknown {
    return this.#form.make(value);
  }

  read(form: unknown): Value {
    return this.#form.read(form);
  }
}

function form<Value, Made>(
  make: (value: Value) => Made,
  read: (made: Made) => Value,
  codec?: Codec<Made>,
): Form<Value> {
  const untyped = codec as Codec<unknown> | undefined; // forms differ
  return { codec: untyped, make, read: (made) => read(made as Made) }; // as made
}

const users: readonly Form<string>[] = [
  form(
    (user: string) => user,
    (user) => user,
  ),
  form(
    (id: string) => ({ id }),
    ({ id }) => id,
  ),
  form(
    (user: string) => new Uint8Array(Buffer.from(`#${user}`)),
    (made) => Buffer.from(made).toString().slice(1),
    bytes(),
  ),
];

const pages: readonly Form<string>[] = [
  form(
    (page: string) => page,
    (page) => page,
    string(),
  ),
  form(
    (page: string) => ({ path: `/${page}` }),
    ({ path }) => path.slice(1),
  ),
  form(
    (page: string) => [...page].reverse().join(''),
    (page) => [...page].reverse().join(''),
    string(),
  ),
];

const numbers: readonly Form<number>[] = [
  form(
    (n: number) => n,
    (n) => n,
  ),
  form(
    (n: number) => ({ n }),
    ({ n }) => n,
  ),
  form(
    (n: number) => new Map([['n', BigInt(n)]]),
    (made) => Number(made.get('n')),
    structured(),
  ),
];

export const visits = topic('visits', { key: string(), value: json<Visit>() });
export const told = topic('told', { key: string(), value: json<string>() });

/** A user who visits this page is told of. */
export const askingPage = 'tell';

/** From a visit on; longer than machines are off in these tests. */
export const processingTimerMs = 86_400_000;

const ttl = { after: '10s' } as const;

export function versionedJob(version: JobVersion, spoil: Spoil = (_, of) => of): Job {
  const user = new Kept('user', version, users, spoil);
  const page = new Kept('page', version, pages, spoil);
  const number = new Kept('number', version, numbers, spoil);
  return job('versioned', ({ from }) => {
    const byUser = from(visits, { eventTime: (visit) => visit.at, quietAfter: 'off' }).keyBy(
      (visit) => user.make(visit.user),
      { key: user.codec },
    );
    const counts = { who: first((visit: Visit) => visit.user), n: count() };
    byUser
      .window(tumbling('1000s'))
      .aggregate(counts)
      .map(({ who, n }) => `${who} window ${n}`)
      .to(told, { key: (text) => text });
    byUser
      .window(session('500s'))
      .aggregate(counts, { name: 'sessions' })
      .map(({ who, n }) => `${who} session ${n}`)
      .to(told, { key: (text) => text });
    byUser
      .window(hopping('200s', { every: '100s' }))
      .aggregate(counts, { name: 'hopping' })
      .map(({ who, n }) => `${who} hopping ${n}`)
      .to(told, { key: (text) => text });
    byUser
      .window(tumbling('1000s'))
      .allowedLateness('10s')
      .aggregate(counts, { name: 'panes' })
      .map(({ who, n }) => `${who} pane ${n}`)
      .to(told, { key: (text) => text });
    byUser
      .process({
        name: 'kept',
        state: {
          count: value({ codec: number.codec }),
          last: value({ codec: number.codec, ttl }),
          all: list({ codec: number.codec, ttl }),
          pages: map({ key: page.codec, value: number.codec, ttl }),
          most: reducing((a, b) => (number.read(a) > number.read(b) ? a : b), number.codec),
        },
        onRecord(visit, { state, timers, now }) {
          state.count.update((n) => number.make(n === undefined ? 1 : number.read(n) + 1));
          state.last.set(number.make(visit.at));
          state.all.add(number.make(visit.at));
          state.most.add(number.make(visit.at));
          if (visit.page !== askingPage) {
            state.pages.set(page.make(visit.page), number.make(visit.at), { ttl: '12s' });
            timers.event.set(visit.at + 5000);
            timers.processing.set(now + processingTimerMs);
            return [];
          }
          const [n, last, most] = [state.count, state.last, state.most].map((of) =>
            number.read(of.get()),
          );
          const all = [...state.all.values()].map((of) => number.read(of));
          const ofPages = [...state.pages.entries()]
            .map(([of, at]) => `${page.read(of)}=${number.read(at)}`)
            .sort();
          return [`${visit.user} ${n} times, last ${last}, most ${most}: ${all}; ${ofPages}`];
        },
        onTimer: ({ kind, time }, { key }) => [
          `${user.read(key)} ${kind} timer ${kind === 'event' ? time : ''}`,
        ],
        onExpire: (expired, { key, timestamp }) => [
          `${user.read(key)} lost ${expired.state} ` +
            `${expired.state === 'pages' ? page.read(expired.item) : ''} at ${timestamp}`,
        ],
      })
      .to(told, { key: (text) => text });
  });
}

/**
 * - An entry with a time-to-live is seen until that has passed since it was written (or read, where
 *   that counts), in event time or by the clock, and never afterwards.
 * - `onExpire` is called for it once, in the order of the ends, unless it was removed before.
 * - Values, elements of lists and of maps; late and early records; entries with a time-to-live of
 *   their own: in every mode, as in a model that keeps plain objects.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { job, list, map, topic, value } from '../../../src/dsl/index.ts';
import { json, keyJson } from '../../../src/formats/index.ts';
import type { Job, ListState, MapState, ValueState } from '../../../src/runtime/index.ts';
import { type ScriptStep, sameInEveryMode, valuesOf } from '../../support/operator-harness.ts';
import { compareKeys, historyOf } from '../../support/operator-harness-model.ts';
import {
  byReading,
  type Reading,
  readingScripts,
  readings,
  scriptsTried,
  someModes,
} from '../../support/operator-harness-scripts.ts';

const happened = topic('happened', {
  key: keyJson<string>(),
  value: json<string>(),
  partitions: 1,
});

type Kind = 'value' | 'list' | 'map';

interface Variant {
  readonly kind: Kind;
  readonly after: number;
  readonly refresh: 'write' | 'read and write';
}

/** What a reading does, with the state and with the model. */
interface Entries {
  put(item: string, n: number, own: number | undefined): void;
  remove(item: string): void;
  read(): string;
}

/** Most readings are written, some with a life of their own; some remove, some only read. */
function handle({ key, at, n }: Reading, entries: Entries): string {
  const item = 'abc'[Math.abs(n) % 3] ?? '';
  const what = Math.abs(n) % 5;
  if (what === 0) entries.remove(item);
  else if (what !== 1) entries.put(item, n, what === 2 ? 1 + Math.abs(n) * 3 : undefined);
  const seen = what === 3 ? 'unread' : entries.read();
  return `${key} at ${at}: ${seen}`;
}

const lost = (key: string, n: number, at: number) => `${key} lost ${n} at ${at}`;

function jobOf(variant: Variant, time: 'event' | 'processing'): Job {
  const factor = time === 'event' ? 1 : 1000;
  const { kind, after, refresh } = variant;
  const ttl = { after: after * factor, time, refresh };
  const state = {
    value: { kept: value<number>({ ttl }) },
    list: { kept: list<number>({ ttl }) },
    map: { kept: map<string, number>({ ttl }) },
  } as const;
  const ownOf: Own = (own) => (own === undefined ? [] : [{ ttl: own * factor }]);
  return job('ageing', ({ from }) => {
    from(readings, { ...byReading, outOfOrderness: 10 })
      .keyBy((r) => r.key)
      .process({
        state: state[kind],
        onRecord: (reading, context) => [handle(reading, entriesOf(context.state.kept, ownOf))],
        onExpire: ({ value: n }, { key, timestamp }) => [
          lost(key, n, time === 'event' ? timestamp : 0),
        ],
      })
      .to(happened);
  });
}

type Own = (own: number | undefined) => readonly [] | readonly [{ readonly ttl: number }];

function entriesOf(
  state: ValueState<number> | ListState<number> | MapState<string, number>,
  ownOf: Own,
): Entries {
  if ('add' in state) {
    return {
      put: (_item, n, own) => state.add(n, ...ownOf(own)),
      remove: () => state.clear(),
      read: () => [...state.values()].join(),
    };
  }
  if ('has' in state) {
    return {
      put: (item, n, own) => state.set(item, n, ...ownOf(own)),
      remove: (item) => state.delete(item),
      read: () => [...state.values()].join(),
    };
  }
  return {
    put: (_item, n, own) => state.set(n, ...ownOf(own)),
    remove: () => state.clear(),
    read: () => String(state.get() ?? ''),
  };
}

interface Entry {
  readonly key: string;
  readonly item: string;
  readonly n: number;
  at: number;
  readonly own: number | undefined;
}

/** Entries in a plain list. */
class Model {
  readonly happened: string[] = [];
  readonly #variant: Variant;
  readonly #tellsTime: boolean;
  #entries: Entry[] = [];
  #added = 0;

  constructor(variant: Variant, tellsTime: boolean) {
    this.#variant = variant;
    this.#tellsTime = tellsTime;
  }

  /** `written`: the time that is given to what is written now. */
  handle(reading: Reading, written: number): void {
    const { key } = reading;
    const { kind, refresh } = this.#variant;
    const placeOf = (item: string) =>
      kind === 'value' ? '' : kind === 'map' ? item : String(this.#added++).padStart(9, '0');
    const isOf = (item: string) => (entry: Entry) =>
      entry.key === key && (kind === 'list' || entry.item === (kind === 'map' ? item : ''));
    const seen = handle(reading, {
      put: (of, n, own) => {
        const item = placeOf(of);
        const before = this.#entries.find((e) => e.key === key && e.item === item);
        this.#entries = this.#entries.filter((entry) => entry !== before);
        this.#entries.push({ key, item, n, own, at: Math.max(before?.at ?? written, written) });
      },
      remove: (item) => {
        this.#entries = this.#entries.filter((entry) => !isOf(item)(entry));
      },
      read: () => {
        const found = this.#entries.filter((entry) => entry.key === key);
        if (refresh === 'read and write') {
          for (const entry of found) entry.at = Math.max(entry.at, written);
        }
        return found
          .toSorted((a, b) => (a.item < b.item ? -1 : 1))
          .map(({ n }) => n)
          .join();
      },
    });
    this.happened.push(seen);
  }

  expire(now: number): void {
    const isOver = (entry: Entry) => this.#endOf(entry) <= now;
    const over = this.#entries.filter(isOver).toSorted((a, b) => this.#compare(a, b));
    this.#entries = this.#entries.filter((entry) => !isOver(entry));
    for (const entry of over) {
      const at = this.#tellsTime ? this.#endOf(entry) : 0;
      this.happened.push(lost(entry.key, entry.n, at));
    }
  }

  #endOf({ at, own }: Entry): number {
    return at + (own ?? this.#variant.after);
  }

  /** By end; those without a life of their own first. */
  #compare(a: Entry, b: Entry): number {
    const isOwn = ({ own }: Entry) => (own === undefined ? 0 : 1);
    const byKey = compareKeys(a.key, b.key);
    return this.#endOf(a) - this.#endOf(b) || isOwn(a) - isOwn(b) || byKey || itemOrder(a, b);
  }
}

const itemOrder = (a: Entry, b: Entry) => (a.item < b.item ? -1 : 1);

function eventModel(script: readonly ScriptStep[], variant: Variant): string[] {
  const model = new Model(variant, true);
  const { met, watermark } = historyOf<Reading>(script, 10);
  for (const { value: reading, watermark: before } of met) {
    model.expire(before);
    model.handle(reading, Math.max(reading.at, before));
  }
  model.expire(watermark);
  return model.happened;
}

/** The clock counts seconds. */
function processingModel(script: readonly ScriptStep[], variant: Variant): string[] {
  const model = new Model(variant, false);
  let now = 0;
  for (const step of script) {
    if ('pauseMs' in step) now += step.pauseMs / 1000;
    if ('downtimeMs' in step) now += step.downtimeMs / 1000;
    model.expire(now);
    for (const { value: reading } of 'records' in step ? step.records : []) {
      model.handle(reading as Reading, now); // as the script was made
    }
  }
  return model.happened;
}

const variants: fc.Arbitrary<Variant> = fc.record({
  kind: fc.constantFrom('value', 'list', 'map'),
  after: fc.integer({ min: 1, max: 60 }),
  refresh: fc.constantFrom('write', 'read and write'),
});

test('what lives by event time ends as in the model', async () => {
  const scripts = readingScripts({ partitions: 2 });
  await fc.assert(
    fc.asyncProperty(scripts, someModes, variants, async (script, modes, variant) => {
      const options = { modes, partitions: 2 };
      const outputs = await sameInEveryMode(jobOf(variant, 'event'), script, options);
      expect(valuesOf(outputs, 'happened')).toEqual(eventModel(script, variant));
    }),
    { numRuns: scriptsTried(14) },
  );
});

test('what lives by the clock ends as in the model', async () => {
  const seconds = fc.integer({ min: 1, max: 40 }).map((count) => count * 1000);
  const waiting: fc.Arbitrary<ScriptStep> = fc.oneof(
    seconds.map((pauseMs) => ({ pauseMs })),
    seconds.map((downtimeMs) => ({ downtimeMs })),
  );
  const scripts = fc
    .array(fc.tuple(readingScripts({ recordsMax: 5 }), waiting), { minLength: 1, maxLength: 3 })
    .map((parts) => parts.flatMap(([records, wait]) => [...records, wait]));
  await fc.assert(
    fc.asyncProperty(scripts, someModes, variants, async (script, modes, variant) => {
      const outputs = await sameInEveryMode(jobOf(variant, 'processing'), script, { modes });
      expect(valuesOf(outputs, 'happened')).toEqual(processingModel(script, variant));
    }),
    { numRuns: scriptsTried(14) },
  );
});

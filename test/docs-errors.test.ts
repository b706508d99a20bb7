/**
 * docs/errors.md has a section for each error code, and its examples are what the code says when
 * such a thing happens.
 */
import { describe, expect, test } from 'vitest';
import { type EmbeddedBrokerOptions, openBroker } from '../src/broker/index.ts';
import {
  type Broker,
  count,
  type ErrorCode,
  type Job,
  job,
  json,
  MemoryBroker,
  MillraceError,
  number,
  query,
  RecordBatchBuilder,
  run,
  string,
  topic,
} from '../src/index.ts';
import { checkNodeVersion } from '../src/platform/index.ts';
import { fencedBlocks, page } from './support/pages.ts';
import { realClock } from './support/real-clock.ts';
import { SimulatedMachine } from './support/simulated-platform.ts';

const cups = topic('cups', { key: string(), value: json<{ price: number }>() });
const copies = topic('copies', { key: string(), value: json<{ price: number }>() });
const counts = topic('counts', { key: string(), value: json<Readonly<Record<string, number>>>() });
const euros = topic('euros', { key: string(), value: number() });
const partition = { topic: 'cups', partition: 0 };

/** A record of `cups` as an append. */
function oneCup(): Parameters<Broker['append']>[0] {
  const builder = new RecordBatchBuilder();
  builder.append(0, Buffer.from('ada'), Buffer.from('{"price":3}'));
  return [{ ...partition, batches: builder.build(), recordCount: 1, maxTimestamp: 0 }];
}

/** A broker in /data with a record in the topic `cups`, on a machine where things may fail. */
async function openData(
  machine = new SimulatedMachine(),
  options: EmbeddedBrokerOptions = {},
): Promise<{ readonly machine: SimulatedMachine; readonly broker: Broker }> {
  const { platform } = machine.process();
  const broker = await machine.until(openBroker(platform, '/data', options));
  if (broker.describeTopic('cups') === undefined) {
    await machine.until(broker.createTopic('cups'));
    await machine.until(broker.append(oneCup()));
  }
  return { machine, broker };
}

/** What a job meets that reads one record of `cups`. */
async function failureOf(broken: Job, broker = new MemoryBroker({ clock: realClock })) {
  if (broker.describeTopic('cups') === undefined) {
    await broker.createTopic('cups');
    await broker.append(oneCup());
  }
  const handle = await run(broken, { broker });
  return handle.stop({ drain: true });
}

const counting = (fields: Readonly<Record<string, ReturnType<typeof count>>>) =>
  job('count', ({ from }) => {
    from(cups)
      .keyBy((cup) => cup.price)
      .aggregate(fields)
      .to(counts, { key: () => 'all' });
  });

/** Runs a job in /data until all input is read and all state is folded. */
async function runOn(machine: SimulatedMachine, broker: Broker, of: Job, rebuildState = false) {
  const { platform } = machine.process();
  const options = { broker, platform, stateDirectory: '/data', foldIntervalMs: 1, rebuildState };
  const handle = await run(of, options);
  await machine.advance(10);
  await machine.until(handle.stop({ drain: true }));
  return platform;
}

/** How each of them comes about. */
const provoke: { readonly [Code in ErrorCode]: () => unknown } = {
  INVALID: () =>
    job('count', ({ from }) => {
      // @ts-expect-error: the option is misspelled
      from(cups, { outOfOrdernes: '3h' }).to(copies);
    }),
  ENCODE: () => json<unknown>().encode({ at: new Date(0) }),
  DECODE: () => number().decode(Buffer.from('3.5'), 0, 3),
  USER_FUNCTION: () =>
    failureOf(
      job('prices', ({ from }) => {
        const fail = (): number => {
          throw new Error('no such currency');
        };
        from(cups).map(fail, { name: 'to-euro' }).to(euros);
      }),
    ),
  STATE_MISMATCH: async () => {
    const broker = new MemoryBroker({ clock: realClock });
    await failureOf(counting({ seen: count() }), broker);
    await failureOf(counting({ seen: count(), read: count() }), broker);
  },
  TOPIC_MISSING: () => new MemoryBroker({ clock: realClock }).append(oneCup()),
  TOPIC_EXISTS: async () => {
    const { machine, broker } = await openData();
    return machine.until(broker.createTopic('cups'));
  },
  OFFSET_OUT_OF_RANGE: async () => (await openData()).broker.read(partition, 7, 1024),
  TIMEOUT: () => query('/data', 'SELECT 1', { timeoutMs: 1 }),
  CLOSED: async () => {
    const { machine, broker } = await openData();
    await machine.until(broker.close());
    return broker.append(oneCup());
  },
  TASK_HELD: async () => {
    const { machine, broker } = await openData();
    await machine.until(broker.claim('count-0'));
    const other = await openData(machine);
    return machine.until(other.broker.claim('count-0'));
  },
  FENCED: async () => {
    const { machine, broker } = await openData();
    const claim = await machine.until(broker.claim('count-0'));
    await machine.until(broker.claim('count-0', { takeOver: true }));
    const { task, incarnation } = claim;
    const commit = { task, incarnation, epoch: 1, clockMs: 0, positions: [], appends: [] };
    return machine.until(broker.commit(commit));
  },
  NOT_REPEATABLE: async () => {
    const { machine, broker } = await openData();
    const platform = await runOn(machine, broker, counting({ seen: count() }));
    platform.files.remove('/data/state/count/count-0.db');
    const renamed = job('count', ({ from }) => {
      const seen = from(cups)
        .keyBy((cup) => cup.price)
        .aggregate({ seen: count() });
      seen.to(counts, { key: () => 'every cup' });
    });
    await runOn(machine, broker, renamed, true);
  },
  DIRECTORY: () => openData(new SimulatedMachine(), { create: false }),
  DAMAGED: async () => {
    const { machine, broker } = await openData();
    await machine.until(broker.close());
    const journal = machine.process().platform.files.open('/data/journal/1.journal', 'write');
    journal.write(Uint8Array.of(0xff), 4096 + 50); // the first entry
    machine.process().platform.files.remove('/data/catalogue.db');
    return openData(machine);
  },
  FILE_MISMATCH: async () => {
    const { machine, broker } = await openData();
    await machine.until(broker.close());
    machine.process().platform.files.remove('/data/journal/1.journal');
    return openData(machine);
  },
  LOCK_TIMEOUT: async () => {
    const { machine, broker } = await openData();
    machine.process().platform.openLock('/data/lock.db').tryAcquire();
    return machine.until(broker.append(oneCup()), 5);
  },
  DISK_FULL: async () => {
    const { machine, broker } = await openData();
    machine.files.failNext('write', { error: 'DISK_FULL', path: isJournal });
    return machine.until(broker.append(oneCup()));
  },
  IO: async () => {
    const { machine, broker } = await openData();
    machine.files.failNext('write', { path: isJournal });
    return machine.until(broker.append(oneCup()));
  },
  OUTCOME_UNKNOWN: async () => {
    const { machine, broker } = await openData();
    machine.files.failNext('sync', { path: isJournal });
    return machine.until(broker.append(oneCup()));
  },
  NODE_VERSION: () => checkNodeVersion('20.11.0'),
};

function isJournal(path: string): boolean {
  return path.endsWith('.journal');
}

async function errorOf(run: () => unknown): Promise<MillraceError> {
  try {
    await run();
  } catch (error) {
    if (error instanceof MillraceError) return error;
    throw error;
  }
  throw new Error('nothing failed');
}

const text = page('docs/errors.md');

function sectionOf(code: string): string {
  const [, section = ''] = text.split(`\n### ${code}\n`);
  return section.split(/\n##+ /)[0] ?? '';
}

describe('the page of errors', () => {
  test('has a section for each code, and no other', () => {
    const sections = [...text.matchAll(/^### (.+)$/gm)].map(([, code]) => code);
    expect(sections.sort()).toEqual(Object.keys(provoke).sort());
  });

  test.each(Object.entries(provoke))('shows %s as it is', async (code, run) => {
    const error = await errorOf(run);
    const section = sectionOf(code);
    const shown = fencedBlocks(section).map((block) => block.code.replaceAll(/\s+/g, ' ').trim());
    expect(shown).toEqual([error.message]);
    expect(error.code).toBe(code);
    expect(/^Retryable: (yes|no)/m.exec(section)?.[1]).toBe(error.retryable ? 'yes' : 'no');
  });
});

import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  type Broker,
  type EmbeddedBrokerOptions,
  openBroker,
  openThreadBroker,
  type ServedThread,
  serveThread,
} from '../../src/broker/index.ts';
import {
  type MessagePort,
  nodePlatform,
  openChannel,
  type Port,
  portOf,
} from '../../src/platform/index.ts';
import { appendOf, brokerContract, codeOf, readAll } from '../contracts/broker.ts';
import type { LogHolderOrder } from '../support/log-holder.ts';

const t0 = { topic: 't', partition: 0 };

const small: EmbeddedBrokerOptions = { journalFileBytes: 64 * 1024, largeBytes: 16 * 1024 };

let holder: Worker;
beforeAll(() => {
  holder = new Worker(new URL('../support/log-holder.ts', import.meta.url));
});
afterAll(() => holder.terminate());

async function inHolder(order: LogHolderOrder, transfer: readonly MessagePort[]): Promise<void> {
  holder.postMessage(order, transfer);
  await once(holder, 'message');
}

// The log is in a worker, and what is tested in this thread: so it works although both must act.
for (const [name, options] of [
  ['ThreadBroker', { journalFileBytes: 1024 * 1024 }],
  ['ThreadBroker with small files', { ...small, recentBytesMax: 0 }],
] as const) {
  brokerContract(name, async () => {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-'));
    const platform = nodePlatform();
    const { port, other } = openChannel();
    const open = {
      directory,
      options: { durability: 'process' as const, ...options },
      port: other,
    };
    await inHolder({ open }, [other]);
    const broker = await openThreadBroker(platform, directory, port);
    return {
      broker,
      now: () => Date.now(),
      close: async () => {
        await broker.close();
        await inHolder({ close: directory }, []);
        await platform.background.close();
        rmSync(directory, { recursive: true });
      },
    };
  });
}

interface Opened {
  readonly directory: string;
  /** Of the main thread. */
  readonly main: Broker;
  /** Opens another thread's broker, in this thread. */
  thread(): Promise<{ readonly broker: Broker; readonly served: ServedThread }>;
}

async function withLog(
  run: (opened: Opened) => Promise<void>,
  options: EmbeddedBrokerOptions = {},
): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-'));
  const platform = nodePlatform();
  const main = await openBroker(platform, directory, { durability: 'process', ...options });
  const thread = async () => {
    const { port, other } = openChannel();
    const served = serveThread(main, portOf(other));
    return { broker: await openThreadBroker(platform, directory, port), served };
  };
  try {
    await run({ directory, main, thread });
  } finally {
    await main.close();
    await platform.background.close();
    rmSync(directory, { recursive: true });
  }
}

describe('a broker in a thread', () => {
  test('sees what is there already, also what no stored catalogue has', async () => {
    await withLog(async ({ main, thread }) => {
      await main.createTopic('t');
      await main.append([appendOf(t0, ['a', 'b'])]);
      const { broker } = await thread();
      expect(broker.id).toBe(main.id);
      expect(readAll(broker, t0)).toEqual(['a', 'b']);
      await broker.close();
    });
  });

  test('is woken by what the main thread and other threads append', async () => {
    await withLog(async ({ main, thread }) => {
      await main.createTopic('t');
      const [one, two] = [await thread(), await thread()];
      const heardOf = (count: number) =>
        new Promise<void>((resolve) => {
          const subscription = one.broker.subscribe(() => {
            if (one.broker.endOf(t0) < count) return;
            subscription.close();
            resolve();
          });
        });
      const first = heardOf(1);
      await main.append([appendOf(t0, ['from the main thread'])]);
      await first;
      const second = heardOf(2);
      await two.broker.append([appendOf(t0, ['from a thread'])]);
      await second;
      expect(readAll(one.broker, t0)).toEqual(['from the main thread', 'from a thread']);
      await one.broker.close();
      await two.broker.close();
    });
  });

  test('follows through many journal files while they are sorted and removed', async () => {
    await withLog(async ({ main, thread }) => {
      await main.createTopic('t');
      const { broker } = await thread();
      const values = Array.from({ length: 600 }, (_, i) => `${i} ${'x'.repeat((i * 37) % 1500)}`);
      for (const [i, value] of values.entries()) {
        await broker.append([appendOf(t0, [value])]);
        if (i % 50 === 0) expect(readAll(broker, t0)).toEqual(values.slice(0, i + 1));
      }
      expect(readAll(broker, t0)).toEqual(values);
      await broker.close();
    }, small);
  });

  test('that fell behind goes on from a later catalogue', async () => {
    await withLog(async ({ directory, main }) => {
      await main.createTopic('t');
      const { port, other } = openChannel();
      const held = heldBack(port);
      serveThread(main, portOf(other));
      const platform = nodePlatform();
      const broker = await openThreadBroker(platform, directory, held.port);
      held.hold();
      const values = Array.from({ length: 200 }, (_, i) => `${i} ${'x'.repeat(1500)}`);
      for (const value of values) await main.append([appendOf(t0, [value])]);
      await vi.waitUntil(() => !platform.files.exists(`${directory}/journal/1.journal`), 30_000);
      held.release();
      await vi.waitUntil(() => broker.endOf(t0) === values.length, 30_000);
      expect(readAll(broker, t0)).toEqual(values);
      await broker.close();
    }, small);
  });

  test('keeps the bytes that it was given, with their offsets', async () => {
    await withLog(async ({ main, thread }) => {
      await main.createTopic('t');
      await main.append([appendOf(t0, ['a'])]);
      const { broker } = await thread();
      const append = appendOf(t0, ['b', 'c']);
      const length = append.batches.length;
      await broker.append([append]);
      expect(append.batches.length).toBe(length);
      expect(new DataView(append.batches.buffer, append.batches.byteOffset).getBigInt64(0)).toBe(
        1n,
      );
      await broker.close();
    });
  });

  test('refuses calls under way and later ones with CLOSED when its port is closed', async () => {
    await withLog(async ({ main, thread }) => {
      await main.createTopic('t');
      const { broker, served } = await thread();
      const underWay = codeOf(broker.append([appendOf(t0, ['a'])]));
      await served.close();
      expect(await underWay).toBe('CLOSED');
      expect(await codeOf(broker.append([appendOf(t0, ['b'])]))).toBe('CLOSED');
      await broker.close();
    });
  });

  test('that goes leaves its tasks to others', async () => {
    await withLog(async ({ main, thread }) => {
      const { broker, served } = await thread();
      await broker.claim('kept');
      await broker.release(await broker.claim('released'));
      expect(await codeOf(main.claim('kept'))).toBe('TASK_HELD');
      await served.close();
      expect((await main.claim('kept')).incarnation).toBe(2);
      expect((await main.claim('released')).incarnation).toBe(2);
      await broker.close();
    });
  });

  test('that goes leaves also a task whose claim was under way', async () => {
    await withLog(async ({ directory, main }) => {
      const { port, other } = openChannel();
      let served: ServedThread | undefined;
      const closing = new Proxy(main, {
        get: (target, name) => {
          const member = Reflect.get(target, name);
          if (name !== 'claim') return typeof member === 'function' ? member.bind(target) : member;
          return (task: string) => {
            void served?.close();
            return target.claim(task);
          };
        },
      });
      served = serveThread(closing, portOf(other));
      const broker = await openThreadBroker(nodePlatform(), directory, port);
      expect(await codeOf(broker.claim('late'))).toBe('CLOSED');
      await served.closed;
      expect((await main.claim('late')).incarnation).toBe(2);
      await broker.close();
    });
  });

  test('can not be opened where the other end is closed', async () => {
    await withLog(async ({ directory }) => {
      const { port, other } = openChannel();
      other.close();
      expect(await codeOf(openThreadBroker(nodePlatform(), directory, port))).toBe('CLOSED');
    });
  });
});

/** A port whose messages can be kept from its listener for a while. */
function heldBack(port: Port): { readonly port: Port; hold(): void; release(): void } {
  let kept: unknown[] | undefined;
  let deliver = (_: unknown) => {};
  return {
    port: {
      ...port,
      listen: (onMessage, onClose) => {
        deliver = onMessage;
        port.listen((message) => {
          if (kept === undefined) onMessage(message);
          else kept.push(message);
        }, onClose);
      },
    },
    hold: () => {
      kept = [];
    },
    release: () => {
      const messages = kept ?? [];
      kept = undefined;
      for (const message of messages) deliver(message);
    },
  };
}

/** Damage in the records that a read gives is told with its place. */
import { expect, test } from 'vitest';
import {
  type Broker,
  openBroker,
  RecordBatchBuilder,
  RecordCursor,
} from '../../src/broker/index.ts';
import { SimulatedMachine } from '../support/simulated-platform.ts';

const partition = { topic: 'cups', partition: 0 };

function batchOf(value: string): Uint8Array {
  const builder = new RecordBatchBuilder();
  builder.append(0, null, Buffer.from(value));
  return builder.build();
}

async function open(machine: SimulatedMachine): Promise<Broker> {
  return machine.until(openBroker(machine.process().platform, '/data', { largeBytes: 4096 }));
}

/** Where the bytes of `value` stand in a file, which get damaged. */
function damage(machine: SimulatedMachine, path: string, value: string): number {
  const file = machine.process().platform.files.open(path, 'write');
  const bytes = Buffer.alloc(file.size());
  file.read(bytes, 0, bytes.length, 0);
  const at = bytes.indexOf(value);
  file.write(Buffer.from('!'), at);
  return at;
}

function readAll(broker: Broker): void {
  const cursor = new RecordCursor();
  let offset = 0;
  for (;;) {
    const batches = broker.read(partition, offset, 1024 * 1024);
    if (batches === undefined) return;
    cursor.reset(batches.bytes, batches.placeOf);
    while (cursor.next()) offset = cursor.offset + 1;
  }
}

test.each([
  ['in a journal file, behind other records', 'third', '/data/journal/1.journal', '1.journal'],
  ['in a segment', 'large', '/data/topics/1-cups/0/large-1.log', 'large-1.log'],
])(
  'a damaged batch %s is named by file, byte, topic and partition',
  async (_, value, path, name) => {
    const machine = new SimulatedMachine();
    const broker = await open(machine);
    await machine.until(broker.createTopic('cups'));
    for (const text of ['first', 'second', 'third', 'large'.repeat(1000)]) {
      const append = { ...partition, recordCount: 1, maxTimestamp: 0 };
      await machine.until(broker.append([{ ...append, batches: batchOf(text) }]));
    }
    await machine.until(broker.close());
    const at = damage(machine, path, value);
    const batch = at - (value === 'large' ? 69 : 67); // header, and the record up to its value
    const damaged = await open(machine);
    expect(() => readAll(damaged)).toThrow(
      `The record batch at byte ${batch} of ${name} (topic cups, partition 0) is damaged: its ` +
        'checksum is wrong. Restore the directory from a backup.',
    );
  },
);

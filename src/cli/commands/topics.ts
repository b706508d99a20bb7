import type { TopicDescription } from '../../broker/index.ts';
import { requireTopic } from '../format.ts';
import { type DataOptions, withLog } from '../open.ts';
import { type Terminal, write } from '../terminal.ts';

interface JsonOption extends DataOptions {
  readonly json?: boolean;
}

/** Lists topics: name, partitions, records, bytes. */
export function listTopics(options: JsonOption, { output, errors }: Terminal): Promise<void> {
  return withLog(options, false, async ({ broker }) => {
    const topics = broker.listTopics().map(summaryOf);
    if (topics.length === 0) await write(errors, 'There are no topics yet.\n');
    for (const topic of topics) {
      await write(output, `${options.json === true ? JSON.stringify(topic) : textOf(topic)}\n`);
    }
  });
}

/** Makes a topic, and shows it as `list` does. */
export function createTopic(
  name: string,
  options: DataOptions & { readonly partitions: number },
  { output }: Terminal,
): Promise<void> {
  return withLog(options, true, async ({ broker }) => {
    await broker.createTopic(name, { partitions: options.partitions });
    await write(output, `${textOf(summaryOf(requireTopic(broker, name)))}\n`);
  });
}

export function describeTopic(
  name: string,
  options: JsonOption,
  { output }: Terminal,
): Promise<void> {
  return withLog(options, false, async ({ broker }) => {
    const topic = requireTopic(broker, name);
    if (options.json === true) {
      await write(output, `${JSON.stringify(topic)}\n`);
      return;
    }
    await write(output, `${topic.name}${topic.internal ? ' (internal)' : ''}\n`);
    for (const { partition, start, end, bytes } of topic.partitions) {
      const range = `offsets ${start} to ${end}, ${bytes} bytes`;
      await write(output, `  partition ${partition}: ${range}\n`);
    }
  });
}

export function deleteTopic(name: string, options: DataOptions): Promise<void> {
  return withLog(options, false, async ({ broker }) => {
    requireTopic(broker, name);
    await broker.deleteTopic(name);
  });
}

interface Summary {
  readonly topic: string;
  readonly partitions: number;
  readonly records: number;
  readonly bytes: number;
}

function summaryOf({ name, partitions }: TopicDescription): Summary {
  return {
    topic: name,
    partitions: partitions.length,
    records: partitions.reduce((sum, { start, end }) => sum + end - start, 0),
    bytes: partitions.reduce((sum, partition) => sum + partition.bytes, 0),
  };
}

function textOf({ topic, partitions, records, bytes }: Summary): string {
  const parts = [counted(partitions, 'partition'), counted(records, 'record')];
  return `${topic}  ${parts.join(', ')}, ${counted(bytes, 'byte')}`;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

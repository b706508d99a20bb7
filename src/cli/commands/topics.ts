import { requireTopic } from '../format.ts';
import { type DataOptions, withLog } from '../open.ts';

interface JsonOption extends DataOptions {
  readonly json?: boolean;
}

/** Lists topics: name, partitions, records, bytes. */
export function listTopics(options: JsonOption): Promise<void> {
  return withLog(options, false, async ({ broker }) => {
    for (const { name, partitions } of broker.listTopics()) {
      const records = partitions.reduce((sum, { start, end }) => sum + end - start, 0);
      const bytes = partitions.reduce((sum, partition) => sum + partition.bytes, 0);
      const topic = { topic: name, partitions: partitions.length, records, bytes };
      print(
        options.json === true
          ? JSON.stringify(topic)
          : `${name}  ${partitions.length} partitions, ${records} records, ${bytes} bytes`,
      );
    }
  });
}

export function createTopic(
  name: string,
  options: DataOptions & { readonly partitions: number },
): Promise<void> {
  return withLog(options, true, async ({ broker }) => {
    await broker.createTopic(name, { partitions: options.partitions });
  });
}

export function describeTopic(name: string, options: JsonOption): Promise<void> {
  return withLog(options, false, async ({ broker }) => {
    const topic = requireTopic(broker, name);
    if (options.json === true) {
      print(JSON.stringify(topic));
      return;
    }
    print(`${topic.name}${topic.internal ? ' (internal)' : ''}`);
    for (const { partition, start, end, bytes } of topic.partitions) {
      print(`  partition ${partition}: offsets ${start} to ${end}, ${bytes} bytes`);
    }
  });
}

export function deleteTopic(name: string, options: DataOptions): Promise<void> {
  return withLog(options, false, ({ broker }) => broker.deleteTopic(name));
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/**
 * A job that is split at each keyBy into tasks, whose caller says which of them reads next. The
 * stages are those that the job really has, with their state; what lies between two tasks is a
 * channel that keeps its order and nothing else: none waits for another one. So records may
 * overtake each other in every way in which that can be.
 *
 *   channel   topic or exchange, and who sends and who receives. Of a topic, each key has its own
 */
import { partitionOf } from '../../src/broker/index.ts';
import type { Codec } from '../../src/formats/index.ts';
import { assert } from '../../src/platform/index.ts';
import type { SendNode } from '../../src/runtime/graph.ts';
import type { Graph, GraphNode, Job, StoredEntry } from '../../src/runtime/index.ts';
import { planStages, type Stage } from '../../src/runtime/stages/plan.ts';
import { type ReadRecord, type TestDriver, testDriver } from '../../src/testing/index.ts';
import type { OutputRecord, Outputs } from './operator-harness.ts';

export interface SplitInput {
  readonly topic: string;
  readonly key: unknown;
  /** null deletes. */
  readonly value: unknown;
  readonly timestamp?: number;
}

interface Message {
  readonly topic: string;
  readonly receiver: TestDriver;
  readonly record: ReadRecord;
}

export class SplitJob {
  readonly #job: Job;
  readonly #stages: readonly StageTasks[];
  /** In the order in which they were used first; none is empty. */
  readonly #channels = new Map<string, Message[]>();
  readonly #outputs: Record<string, OutputRecord[]> = {};

  constructor(job: Job, tasks: number) {
    this.#job = job;
    const { stages } = planStages({ ...job.graph, parallelism: 2 }); // it is split, however many
    this.#stages = stages.map((stage) => new StageTasks(job, stage, tasks));
  }

  /** Puts a record into its topic: nobody has read it yet. */
  append({ topic, key, value, timestamp = 0 }: SplitInput): void {
    const source = this.#job.graph.nodes.find(
      (node) => node.kind === 'source' && node.topic.name === topic,
    );
    assert(source?.kind === 'source', `the job reads ${topic}`);
    const [sources] = this.#stages;
    assert(sources !== undefined, 'there is a first stage');
    const receiver = sources.taskOf(source.topic.key, key);
    const record = { key, value, timestamp, partition: 0 };
    this.#put(`${topic} ${JSON.stringify(key)}`, { topic, receiver, record });
  }

  /** How many channels have something to read. */
  get open(): number {
    return this.#channels.size;
  }

  /** Lets the receiver of a channel, counted from 0, read the next record. */
  read(channel: number): void {
    const name = [...this.#channels.keys()][channel];
    const messages = this.#channels.get(name ?? '');
    const message = messages?.shift();
    assert(name !== undefined && message !== undefined, 'there is such a channel');
    if (messages?.length === 0) this.#channels.delete(name);
    const { topic, receiver, record } = message;
    receiver.feed(topic, record.value, record);
    for (const stage of this.#stages) this.#collect(stage, receiver);
  }

  /** Has all records read: `choices` say which channel is next, and then the first one is. */
  finish(choices: Iterable<number>): Outputs {
    for (const choice of choices) {
      if (this.open === 0) break;
      this.read(choice % this.open);
    }
    while (this.open > 0) this.read(0);
    return this.#outputs;
  }

  /** What all tasks of a step have in a piece of state, `step/name`. */
  state(name: string): readonly StoredEntry[] {
    return this.#stages.flatMap((stage) => stage.state(name));
  }

  #collect(stage: StageTasks, sender: TestDriver): void {
    const from = stage.tasks.indexOf(sender);
    if (from === -1) return;
    for (const { exchange } of stage.sends) {
      const to = this.#stages[exchange.to];
      for (const record of sender.read(exchange.topic)) {
        assert(to !== undefined && exchange.by === 'key', 'records go where their key is');
        const receiver = to.taskOf(exchange.key, record.key);
        const channel = `${exchange.topic} ${from} ${to.tasks.indexOf(receiver)}`;
        this.#put(channel, { topic: exchange.topic, receiver, record });
      }
    }
    for (const topic of stage.writes) {
      const written = this.#outputs[`${topic}/0`] ?? [];
      for (const { key, value, timestamp } of sender.read(topic)) {
        written.push({ key, value, timestamp, headers: [] });
      }
      this.#outputs[`${topic}/0`] = written;
    }
  }

  #put(channel: string, message: Message): void {
    this.#channels.set(channel, [...(this.#channels.get(channel) ?? []), message]);
  }
}

/** The tasks of a stage. */
class StageTasks {
  readonly tasks: readonly TestDriver[];
  readonly sends: readonly SendNode[];
  readonly writes: readonly string[];
  readonly #steps: readonly (string | undefined)[];

  constructor(job: Job, { index, graph }: Stage, tasks: number) {
    this.sends = graph.nodes.filter((node) => node.kind === 'send');
    const sinks = graph.nodes.filter((node) => node.kind === 'sink');
    this.writes = [...new Set(sinks.map(({ topic }) => topic.name))];
    this.#steps = graph.nodes.map((node) => (node.kind === 'process' ? node.name : undefined));
    this.tasks = Array.from({ length: tasks }, (_, task) => {
      const name = `${job.name}-${index}-${task}`;
      return testDriver({ ...job, name, graph: overTopics(name, graph) });
    });
  }

  /** Which of them has a key. */
  taskOf(codec: Codec<unknown>, key: unknown): TestDriver {
    const task = this.tasks[partitionOf(codec.encode(key), this.tasks.length)];
    assert(task !== undefined, 'each key has a task');
    return task;
  }

  state(name: string): StoredEntry[] {
    if (!this.#steps.some((step) => name.startsWith(`${step}/`))) return [];
    return this.tasks.flatMap((task) => task.state(name).entries());
  }
}

/** The graph of a stage, with plain topics in the place of exchanges. */
function overTopics(job: string, { nodes }: Graph): Graph {
  return { job, nodes: nodes.map(overTopic) };
}

function overTopic(node: GraphNode): GraphNode {
  if (node.kind === 'source') {
    const { exchange: _, ...source } = node;
    return source;
  }
  if (node.kind !== 'send') return node;
  const { topic: name, key, value } = node.exchange;
  const topic = { name, key, value, partitions: 1 };
  return { ...node, kind: 'sink', topic, key: undefined, writesTombstones: true };
}

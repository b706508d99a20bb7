/**
 * The topics that a replay writes in place of those that the job writes: `<topic>.replay-<name>`,
 * or what the user says. What an earlier replay of that name has left in its topics is deleted.
 */
import type { Append, Broker, TopicDescription } from '../../broker/index.ts';
import { MillraceError } from '../../platform/index.ts';
import { deadLettersOf, type Graph, type SourceNode } from '../graph.ts';

export interface ReplayTopicsOptions {
  readonly broker: Broker;
  readonly graph: Graph;
  readonly name: string;
  /** Given by the user: in place of topics of the job. */
  readonly given: Readonly<Record<string, string>>;
}

/** Results of windows that are closed at the end may lie far ahead: 100 years. */
const futureTimestampsMaxMs = 100 * 365 * 24 * 3_600_000;

export class ReplayTopics {
  readonly #options: ReplayTopicsOptions;
  /** By the topic of the job. */
  readonly #names: ReadonlyMap<string, string>;

  /** Fails with `INVALID`. */
  constructor(options: ReplayTopicsOptions) {
    this.#options = options;
    const { graph, name, given } = options;
    const written = topicsWritten(graph);
    this.#names = new Map(written.map((of) => [of, given[of] ?? `${of}.replay-${name}`]));
    for (const of of Object.keys(given)) {
      if (!written.includes(of)) {
        throw invalid(
          `Job "${graph.job}" does not write topic "${of}"; it writes ${written.join(', ')}`,
        );
      }
    }
    this.#requireOwn();
  }

  /** The replay's topics, by those of the job. */
  get names(): Readonly<Record<string, string>> {
    return Object.fromEntries(this.#names);
  }

  /** Of a topic that the job writes, the replay's; of another one itself. */
  describe(topic: string): TopicDescription | undefined {
    return this.#options.broker.describeTopic(this.#names.get(topic) ?? topic);
  }

  /** Of what the job writes, the same for the replay's topics; nothing of what it keeps itself. */
  renamed(appends: readonly Append[]): Append[] {
    return appends.flatMap((append) => {
      const topic = this.#names.get(append.topic);
      return topic === undefined ? [] : [{ ...append, topic }];
    });
  }

  /** Makes them. `hasWritten`: whether there was a replay of this name before. */
  async make(hasWritten: boolean): Promise<void> {
    const { broker, given } = this.#options;
    const old = [...this.#names].filter(([, name]) => broker.describeTopic(name) !== undefined);
    for (const [of, name] of old) {
      if (recordsIn(broker.describeTopic(name)) === 0) continue;
      if (hasWritten && given[of] === undefined) continue;
      throw invalid(
        `The replay can't write to topic "${name}": there are records in it. Delete it ` +
          `(millrace topics delete ${name}), or choose another one`,
      );
    }
    for (const [, name] of old) await broker.deleteTopic(name);
    for (const [of, name] of this.#names) {
      const partitions = this.#partitionsOf(of);
      await broker.createTopic(name, { partitions, futureTimestampsMaxMs });
    }
  }

  /** As many as the job's own topic has, or would have. */
  #partitionsOf(topic: string): number {
    const { broker, graph } = this.#options;
    const live = broker.describeTopic(topic);
    if (live !== undefined) return live.partitions.length;
    const partitionsOf = (name = '') => broker.describeTopic(name)?.partitions.length ?? 1;
    const sources = graph.nodes.filter((node) => node.kind === 'source');
    const failing = sources.filter((node) => deadLettersOf(node) === topic);
    if (failing.length > 0) return Math.max(...failing.map((of) => partitionsOf(of.topic.name)));
    const sink = graph.nodes.find((node) => node.kind === 'sink' && node.topic.name === topic);
    const declared = sink?.kind === 'sink' ? sink.topic.partitions : undefined;
    return declared ?? partitionsOf(sources[0]?.topic.name);
  }

  #requireOwn(): void {
    const { graph } = this.#options;
    const own = [...topicsWritten(graph), ...sourcesOf(graph).map(({ topic }) => topic.name)];
    const names = [...this.#names.values()];
    const taken = names.find((name) => own.includes(name));
    if (taken !== undefined) {
      throw invalid(
        `A replay can't write to topic "${taken}", which job "${graph.job}" uses itself`,
      );
    }
    const twice = names.find((name, i) => names.indexOf(name) < i);
    if (twice === undefined) return;
    throw invalid(`A replay can't write two topics of the job to one, "${twice}"`);
  }
}

function topicsWritten(graph: Graph): string[] {
  const sinks = graph.nodes.flatMap((node) => (node.kind === 'sink' ? [node.topic.name] : []));
  return [...new Set([...sinks, ...sourcesOf(graph).flatMap((node) => deadLettersOf(node) ?? [])])];
}

function sourcesOf({ nodes }: Graph): SourceNode[] {
  return nodes.filter((node) => node.kind === 'source');
}

function recordsIn(topic: TopicDescription | undefined): number {
  return (topic?.partitions ?? []).reduce((sum, { start, end }) => sum + end - start, 0);
}

function invalid(what: string): MillraceError {
  return new MillraceError('INVALID', `${what}.`);
}

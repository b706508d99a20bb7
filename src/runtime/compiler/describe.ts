/**
 * Prints a graph in a stable text form: a line for each step, indented below what it reads. Tests
 * compare it, and `millrace explain` shows it.
 */
import type { Codec } from '../../formats/index.ts';
import { unreachable } from '../../platform/index.ts';
import {
  type Edge,
  type Graph,
  type GraphNode,
  inputsOf,
  type MapAsyncNode,
  type ProcessDefinition,
  type StateSpec,
} from '../graph.ts';
import type { TimeToLive } from '../state.ts';
import {
  type PaneTrigger,
  shapeOfWindows,
  type WindowAssigner,
  type WindowFiring,
} from '../windows.ts';
import { nameSteps } from './names.ts';

/** The steps of a graph as text, a line each. Fails with `INVALID` for an ambiguous identity. */
export function describeGraph(graph: Graph): string {
  const names = nameSteps(graph);
  const lines = [`job ${graph.job}`];
  const walk = (node: GraphNode, port: Edge['port'], depth: number) => {
    const from = port === 'out' ? '' : `${port}: `;
    lines.push(`${'  '.repeat(depth)}${from}${describeNode(node, names.get(node.id))}`);
    for (const { child, input, isFirst } of readersOf(graph, node)) {
      if (isFirst) walk(child, input.port, depth + 1);
      else lines.push(`${'  '.repeat(depth + 1)}${into(child, input, names.get(child.id))}`);
    }
  };
  for (const node of graph.nodes) if (node.kind === 'source') walk(node, 'out', 1);
  return `${lines.join('\n')}\n`;
}

interface Reader {
  readonly child: GraphNode;
  readonly input: Edge;
  /** It is the child's first input. */
  readonly isFirst: boolean;
}

function readersOf(graph: Graph, { id }: GraphNode): Reader[] {
  return graph.nodes.flatMap((child) =>
    inputsOf(child).flatMap((input, i) =>
      input.node === id ? { child, input, isFirst: i === 0 } : [],
    ),
  );
}

/** A step stands below its first input; the others say that they go there. */
function into(node: GraphNode, { port }: Edge, identity: string | undefined): string {
  const from = port === 'out' ? '' : `${port}: `;
  return `${from}into ${node.kind === 'union' ? `union ${node.id}` : `[state ${identity}]`}`;
}

function describeNode(node: GraphNode, identity: string | undefined): string {
  const named = node.name === undefined ? '' : ` "${node.name}"`;
  switch (node.kind) {
    case 'source':
      if (node.exchange !== undefined) {
        return `receive from stage ${node.exchange.from} through ${node.topic.name}`;
      }
      return (
        `from ${node.topic.name} (key ${node.topic.key.name}, value ` +
        `${node.topic.value.name}) ${describeTime(node)}${describePolicy(node)}`
      );
    case 'map':
    case 'filter':
    case 'flatMap':
      return `${node.kind}${named}`;
    case 'union':
      return `union ${node.id} of ${node.inputs.length} streams`;
    case 'split':
      return `split${named} (${node.branches.map(({ name }) => name).join(', ')}, rest)`;
    case 'keyBy':
      return (
        `keyBy${named} ${node.key === undefined ? 'key of the record ' : ''}` +
        `(${versioned(node.codec)})`
      );
    case 'process':
      return `${node.label} [state ${identity}]${describeState(node.definition)}`;
    case 'broadcast':
      return `broadcast${named}${describeState(node)}`;
    case 'mapAsync':
      return `mapAsync ${node.order}${describeAsking(node)} [state ${identity}]`;
    case 'window':
      return (
        `window ${describeWindows(node.assigner)} ${node.aggregate.name} [state ${identity}]` +
        describeFiring(node.firing)
      );
    case 'sink':
      return (
        `to ${node.topic.name} (key ${node.topic.key.name}, value ${node.topic.value.name})` +
        (node.writesTombstones === true ? ', null deletes' : '')
      );
    case 'send':
      return `send to stage ${node.exchange.to} through ${node.exchange.topic}`;
    default:
      return unreachable(node);
  }
}

function describeWindows(assigner: WindowAssigner): string {
  switch (assigner.kind) {
    case 'tumbling':
      return `tumbling ${formatMs(assigner.sizeMs)}${describeOffset(assigner.offsetMs)}`;
    case 'hopping':
    case 'cumulating': {
      const { kind, sizeMs, everyMs, offsetMs } = assigner;
      return `${kind} ${formatMs(sizeMs)} every ${formatMs(everyMs)}${describeOffset(offsetMs)}`;
    }
    case 'calendar':
    case 'custom':
    case 'global':
      return shapeOfWindows(assigner);
    case 'session': {
      const { gapMs } = assigner;
      return typeof gapMs === 'number'
        ? `session gap ${formatMs(gapMs)}`
        : 'session gap of a record';
    }
    default:
      return unreachable(assigner);
  }
}

function describeFiring(firing: WindowFiring | undefined): string {
  if (firing === undefined) return '';
  const { trigger, latenessMs, mode } = firing;
  const lateness = latenessMs === 0 ? '' : `, lateness ${formatMs(latenessMs)}`;
  if (trigger.kind === 'repeatedly') {
    return ` fires repeatedly ${describeTrigger(trigger.trigger)}, ${mode}${lateness}`;
  }
  const { early, late } = trigger;
  const before = early === undefined ? '' : `, early ${describeTrigger(early)}`;
  const after = latenessMs === 0 ? '' : `, late ${describeTrigger(late)}`;
  return ` fires after the watermark${before}${after}, ${mode}${lateness}`;
}

function describeTrigger(trigger: PaneTrigger): string {
  return trigger.kind === 'afterCount'
    ? `after ${trigger.count} records`
    : `after ${formatMs(trigger.delayMs)} of processing time`;
}

function describeOffset(offsetMs: number): string {
  return offsetMs === 0 ? '' : ` offset ${formatMs(offsetMs)}`;
}

function describeTime(node: GraphNode & { kind: 'source' }): string {
  const start = typeof node.start === 'object' ? `timestamp ${node.start.timestamp}` : node.start;
  return [
    node.eventTime === undefined ? 'time of the record' : 'event time',
    `out of order ${formatMs(node.outOfOrdernessMs)}`,
    `idle after ${formatMs(node.idleAfterMs)}`,
    `quiet after ${formatMs(node.quietAfterMs)}`,
    `starts at ${start}`,
  ].join(', ');
}

function describePolicy({ onError }: GraphNode & { kind: 'source' }): string {
  if (onError === undefined) return '';
  const { retry, otherwise } = onError;
  const again =
    retry === undefined ? '' : `${retry.times} more tries from ${formatMs(retry.backOffMs)} on, `;
  const last =
    typeof otherwise === 'object' ? `dead letters to ${otherwise.deadLetters}` : otherwise;
  return `, on error: ${again}${last}`;
}

function describeAsking({ capacity, timeoutMs, retry, memo }: MapAsyncNode): string {
  const limit = timeoutMs === Number.POSITIVE_INFINITY ? '' : `, ${formatMs(timeoutMs)} each`;
  const again =
    retry === undefined ? '' : `, ${retry.times} more tries from ${formatMs(retry.backOffMs)} on`;
  const kept = memo === undefined ? '' : `, memo${describeTtl(memo.ttl)}`;
  return `, ${capacity} at once${limit}${again}${kept}`;
}

function describeState({ state }: Pick<ProcessDefinition, 'state'>): string {
  const pieces = Object.entries(state).map(
    ([name, spec]) => `${name}: ${describeSpec(spec)}${describeTtl(spec.ttl)}`,
  );
  return pieces.length === 0 ? '' : ` (${pieces.join('; ')})`;
}

function describeSpec(spec: StateSpec): string {
  switch (spec.kind) {
    case 'value':
      return `value ${spec.shape ?? versioned(spec.codec)}`;
    case 'list':
    case 'reducing':
      return `${spec.kind} ${versioned(spec.codec)}`;
    case 'map':
      return `map ${versioned(spec.item)} to ${versioned(spec.codec)}`;
    case 'aggregating':
      return `aggregating ${spec.aggregate.name}`;
    default:
      return unreachable(spec);
  }
}

/** The name of a codec, and which version it is where that is not the first one. */
function versioned({ name, versions = [] }: Pick<Codec<unknown>, 'name' | 'versions'>): string {
  return versions.length > 1 ? `${name} v${versions.length}` : name;
}

function describeTtl(ttl: TimeToLive | undefined): string {
  if (ttl === undefined) return '';
  const since = ttl.refresh === 'write' ? 'written' : 'written or read';
  return `, ttl ${formatMs(ttl.afterMs)} of ${ttl.time} time since ${since}`;
}

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
] as const;

/** `5400000` as `1h30m`. */
export function formatMs(ms: number): string {
  if (ms === Number.POSITIVE_INFINITY) return 'never';
  let rest = ms;
  let text = '';
  for (const [unit, size] of units) {
    const count = Math.floor(rest / size);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * size;
  }
  return text === '' ? '0s' : text;
}

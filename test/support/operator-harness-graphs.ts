/**
 * Graphs whose functions get and give other objects than the live ones: copies, so that nothing is
 * shared between steps; or frozen ones, so that changing what was handed out throws. Neither may
 * change a result.
 */
import { unreachable } from '../../src/platform/index.ts';
import type {
  Graph,
  GraphNode,
  ProcessContext,
  ProcessDefinition,
  State,
} from '../../src/runtime/index.ts';

interface Handing {
  /** What is handed over in place of a value. */
  pass<Value>(value: Value): Value;
  /** Whether this holds for the state of a step too. */
  state(label: string): boolean;
}

/** Every value is a copy, and what is kept in state too. */
export function withCopies(graph: Graph): Graph {
  return handing(graph, { pass: (value) => structuredClone(value), state: () => true });
}

/** Every value is frozen, all the way down. The accumulators of aggregates belong to them. */
export function withFrozen(graph: Graph): Graph {
  return handing(graph, { pass: deepFreeze, state: (label) => label !== 'aggregate' });
}

function handing(graph: Graph, how: Handing): Graph {
  return { ...graph, nodes: graph.nodes.map((node) => handingNode(node, how)) };
}

function handingNode(node: GraphNode, how: Handing): GraphNode {
  const { pass } = how;
  switch (node.kind) {
    case 'source': {
      const { eventTime } = node;
      return eventTime === undefined ? node : { ...node, eventTime: (v) => eventTime(pass(v)) };
    }
    case 'map':
      return { ...node, map: (value: unknown) => pass(node.map(pass(value))) };
    case 'filter':
      return { ...node, keep: (value) => node.keep(pass(value)) };
    case 'flatMap':
      return {
        ...node,
        expand: (value, key) => passEach(node.expand(pass(value), pass(key)), pass),
      };
    case 'union':
      return node;
    case 'split': {
      const branches = node.branches.map(({ name, takes }) => {
        return { name, takes: (value: unknown) => takes(pass(value)) };
      });
      return { ...node, branches };
    }
    case 'keyBy': {
      const { key } = node;
      return key === undefined ? node : { ...node, key: (value) => pass(key(pass(value))) };
    }
    case 'process':
      return { ...node, definition: handingProcess(node.definition, how, how.state(node.label)) };
    case 'broadcast': {
      const { onBroadcast } = node;
      return { ...node, onBroadcast: (value, context) => onBroadcast(pass(value), context) };
    }
    case 'mapAsync': {
      const { map, memo } = node;
      return {
        ...node,
        map: async (value, context) => pass(await map(pass(value), context)),
        memo: memo && { ...memo, key: (value) => pass(memo.key(pass(value))) },
      };
    }
    case 'window': {
      const { aggregate, result } = node;
      const add: typeof aggregate.add = (accumulator, value, timestamp) =>
        aggregate.add(accumulator, pass(value), timestamp);
      return {
        ...node,
        aggregate: { ...aggregate, add },
        result: (value, window, pane) => pass(result(pass(value), window, pane)),
      };
    }
    case 'send':
      return node;
    case 'sink': {
      const { key } = node;
      return key === undefined ? node : { ...node, key: (value) => key(pass(value)) };
    }
    default:
      return unreachable(node);
  }
}

function handingProcess(
  definition: ProcessDefinition,
  { pass }: Handing,
  state: boolean,
): ProcessDefinition {
  const { onRecord, onTimer, onExpire, onSlice, onKey } = definition;
  const contextOf = (context: ProcessContext) => (state ? handingContext(context, pass) : context);
  return {
    ...definition,
    onRecord: (value, context) => passEach(onRecord(pass(value), contextOf(context)), pass),
    onTimer:
      onTimer === undefined
        ? undefined
        : (timer, context) => passEach(onTimer(timer, contextOf(context)), pass),
    onExpire:
      onExpire === undefined
        ? undefined
        : (expired, context) => passEach(onExpire(pass(expired), contextOf(context)), pass),
    onSlice:
      onSlice === undefined ? undefined : (context) => passEach(onSlice(contextOf(context)), pass),
    onKey: onKey && ((context) => passEach(onKey(contextOf(context)), pass)),
  };
}

/** The getters of the context stay as they are: they speak of the record in work. */
function handingContext(context: ProcessContext, pass: Handing['pass']): ProcessContext {
  const states = Object.entries(context.state).map(([name, of]) => [name, handingState(of, pass)]);
  return Object.create(context, { state: { value: Object.fromEntries(states) } });
}

/** Whatever its methods take and give is passed on. */
function handingState(state: State, pass: Handing['pass']): State {
  const methods = Object.entries(state).map(([name, of]) => [name, handingMethod(of, pass)]);
  return Object.fromEntries(methods);
}

type Method = (...args: unknown[]) => unknown;

function handingMethod(method: Method, pass: Handing['pass']): Method {
  return (...args) => {
    const passed = args.map((arg) =>
      typeof arg === 'function' ? (value: unknown) => pass(arg(pass(value))) : pass(arg),
    );
    const result = method(...passed);
    return isIterator(result) ? passEach(result, pass) : pass(result);
  };
}

function isIterator(of: unknown): of is Iterable<unknown> {
  return typeof of === 'object' && of !== null && 'next' in of && Symbol.iterator in of;
}

function passEach(results: Iterable<unknown>, pass: Handing['pass']): Iterable<unknown>;
function passEach(
  results: Iterable<unknown> | undefined,
  pass: Handing['pass'],
): Iterable<unknown> | undefined;
function passEach(
  results: Iterable<unknown> | undefined,
  pass: Handing['pass'],
): Iterable<unknown> | undefined {
  return results === undefined ? undefined : passLazily(results, pass);
}

function* passLazily(results: Iterable<unknown>, pass: Handing['pass']): Iterable<unknown> {
  for (const result of results) yield pass(result);
}

function deepFreeze<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  if (ArrayBuffer.isView(value)) return value; // bytes can't be frozen
  Object.freeze(value);
  for (const member of Object.values(value)) deepFreeze(member);
  return value;
}

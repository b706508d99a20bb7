/**
 * Runs a window over a script of what one to three senders do, by records or by partials. What a
 * sender passes on comes at once, and in order; how far time has come for the window is what all
 * senders have reached that are not idle.
 */
import { keyJson } from '../../src/formats/index.ts';
import { buildWindow } from '../../src/runtime/build-window.ts';
import type { Aggregation, WindowNode } from '../../src/runtime/graph.ts';
import { KeyFactory } from '../../src/runtime/keys.ts';
import type {
  Key,
  OperatorContext,
  PartialReceiver,
  TimedOperator,
} from '../../src/runtime/operator.ts';
import { PartialWindowOperator } from '../../src/runtime/operators/partial-window.ts';
import { firstPlace } from '../../src/runtime/stages/place.ts';
import type { WindowAssigner } from '../../src/runtime/windows.ts';
import { TaskState } from '../../src/state/index.ts';
import { Changelog } from '../state/changelog.ts';

export interface SentRecord {
  readonly key: string;
  readonly at: number;
  readonly n: number;
}

export type Event =
  /** One record comes to these; it may fail then. */
  | {
      readonly kind: 'records';
      readonly sender: number;
      readonly records: readonly SentRecord[];
      readonly fate: 'plain' | 'kept' | 'undone';
    }
  | { readonly kind: 'time'; readonly sender: number; readonly by: number }
  | { readonly kind: 'epoch' | 'idle'; readonly sender: number };

export interface PartialScript {
  readonly events: readonly Event[];
  readonly senders: number;
  readonly heldMax: number;
  readonly recordsWorthPartial: number;
  readonly assigner: WindowAssigner;
  readonly stepMs: number;
  readonly aggregate: Aggregation;
  readonly by: 'record' | 'partial';
}

export interface Outcome {
  readonly results: readonly unknown[];
  readonly late: readonly unknown[];
  readonly lateCount: number;
  /** Before what waits fires at the end: key and value of each entry, in hexadecimal. */
  readonly state: readonly string[];
}

export function outcomeOf(script: PartialScript): Outcome {
  const run = new Run(script);
  for (const event of script.events) run.step({ ...event, sender: event.sender % script.senders });
  for (let sender = 0; sender < script.senders; sender++) run.step({ kind: 'epoch', sender });
  const state = run.takeState();
  run.drain();
  return { results: run.results, late: run.late, lateCount: run.context.late, state };
}

type Message = (to: PartialReceiver) => void;

class Sender {
  /** What it has sent and nobody has received. */
  readonly sent: Message[] = [];
  readonly operator: PartialWindowOperator;
  watermark = 0;
  isIdle = false;

  constructor(context: OperatorContext, node: WindowNode, script: PartialScript) {
    const { codec } = node.aggregate;
    const next: PartialReceiver = {
      receive: (...record) => this.sent.push((to) => to.receive(...record)),
      receivePartial: (slice, accumulator, key) => {
        const bytes = codec.encode(accumulator);
        const decoded = () => codec.decode(bytes, 0, bytes.length);
        this.sent.push((to) => to.receivePartial(slice, decoded(), key));
      },
    };
    const step = { name: 'sender', kind: 'window' };
    const { heldMax, recordsWorthPartial } = script;
    const limits = { heldMax, recordsWorthPartial };
    this.operator = new PartialWindowOperator({ context, step, node, next, ...limits });
    this.operator.watermark = 0;
  }
}

class Run {
  readonly results: unknown[] = [];
  readonly late: unknown[] = [];
  readonly context: OperatorContext = {
    step: { name: '', kind: '' },
    now: 0,
    sourcePartition: 0,
    origin: undefined,
    place: { ...firstPlace, sent: 0 },
    settled: Number.NEGATIVE_INFINITY,
    settledBeforeDrain: undefined,
    key: null,
    late: 0,
    written: 0,
  };
  readonly #script: PartialScript;
  readonly #keys = new KeyFactory(keyJson());
  readonly #state: TaskState;
  readonly #window: PartialReceiver & TimedOperator;
  readonly #senders: readonly Sender[];

  constructor(script: PartialScript) {
    this.#script = script;
    const { aggregate, assigner, senders } = script;
    const node: WindowNode = {
      ...{ kind: 'window', id: 1, name: undefined, input: { node: 0, port: 'out' } },
      ...{ aggregate, assigner, result: (result, window) => ({ result, window }) },
    };
    const noLimit = { memoryBytesMax: Number.POSITIVE_INFINITY };
    const changelog = new Changelog().reader();
    const state = new TaskState({ file: undefined, filePath: '', changelog, ...noLimit });
    const list = (of: unknown[]) => ({
      receive: (value: unknown, timestamp: number, key: Key | null) =>
        of.push({ value, timestamp, key: key?.value }),
    });
    this.#window = buildWindow({
      ...{ context: this.context, stores: state, step: { name: 'window', kind: 'window' }, node },
      ...{ keys: this.#keys, next: list(this.results), late: list(this.late) },
    }) as PartialReceiver & TimedOperator; // all windows that have slices
    state.finishDeclaring('test');
    this.#state = state;
    this.#window.watermark = 0;
    this.#senders = Array.from({ length: senders }, () => new Sender(this.context, node, script));
  }

  step(event: Event): void {
    const sender = this.#senders[event.sender] as Sender; // there is one
    if (event.kind === 'records') {
      this.#wake(sender);
      this.#handle(sender, event);
    } else if (event.kind === 'time') {
      this.#wake(sender);
      this.#advance(sender, sender.watermark + event.by * this.#script.stepMs);
    } else {
      sender.operator.flush();
      if (sender.operator.nextEventTime() !== Number.POSITIVE_INFINITY) throw new Error('held');
      this.#deliver(sender);
      sender.isIdle ||= event.kind === 'idle';
      this.#fire();
    }
  }

  takeState(): string[] {
    const entries: string[] = [];
    this.#state.takeChanges((key, value) => {
      if (value !== null) entries.push(`${hex(key)} ${hex(value)}`);
    });
    return entries.sort();
  }

  drain(): void {
    for (const sender of this.#senders) {
      sender.isIdle = false;
      this.#advance(sender, 1000 * this.#script.stepMs);
    }
  }

  /** Time may have gone on without it. */
  #wake(sender: Sender): void {
    if (sender.isIdle) sender.operator.receiversAt = this.#window.watermark;
    sender.isIdle = false;
  }

  #handle(sender: Sender, { records, fate }: Extract<Event, { kind: 'records' }>): void {
    const { operator, sent } = sender;
    const isByRecord = this.#script.by === 'record';
    if (isByRecord && fate === 'undone') return;
    const isAttempt = !isByRecord && fate !== 'plain';
    if (isAttempt) operator.begin();
    for (const { key, at, n } of records) {
      const to = isByRecord ? this.#window : operator;
      to.receive({ n }, at * this.#script.stepMs, this.#keys.of(key));
    }
    if (isAttempt && fate === 'undone') {
      sent.length = 0; // as a topic takes back what was written to it
      operator.undo();
    } else if (isAttempt) {
      operator.keep();
    }
    this.#deliver(sender);
  }

  #advance(sender: Sender, watermark: number): void {
    const { operator } = sender;
    sender.watermark = watermark;
    operator.watermark = watermark;
    while (operator.nextEventTime() <= watermark) operator.fireEvent();
    this.#deliver(sender);
    this.#fire();
  }

  #deliver({ sent }: Sender): void {
    for (const message of sent) message(this.#window);
    sent.length = 0;
  }

  #fire(): void {
    const active = this.#senders.filter(({ isIdle }) => !isIdle);
    if (active.length === 0) return;
    const reached = Math.min(...active.map(({ watermark }) => watermark));
    this.#window.watermark = Math.max(this.#window.watermark, reached);
    while (this.#window.nextEventTime() <= this.#window.watermark) this.#window.fireEvent();
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/**
 * The steps that keep nothing: map, filter, flatMap, split, keyBy; and one stream that goes to
 * several.
 */
import { MillraceError } from '../../platform/index.ts';
import type { FlatMapNode } from '../graph.ts';
import type { KeyFactory } from '../keys.ts';
import type { Key, OperatorContext, PartialReceiver, Receiver, Step } from '../operator.ts';

export class MapOperator implements Receiver {
  readonly #context: OperatorContext;
  readonly #step: Step;
  readonly #map: (value: unknown) => unknown;
  readonly #next: Receiver;

  constructor(
    context: OperatorContext,
    step: Step,
    map: (value: unknown) => unknown,
    next: Receiver,
  ) {
    this.#context = context;
    this.#step = step;
    this.#map = map;
    this.#next = next;
  }

  receive(value: unknown, timestamp: number, key: Key | null): void {
    this.#context.step = this.#step;
    const map = this.#map;
    this.#next.receive(map(value), timestamp, key);
  }
}

export class FilterOperator implements Receiver {
  readonly #context: OperatorContext;
  readonly #step: Step;
  readonly #keep: (value: unknown) => boolean;
  readonly #next: Receiver;

  constructor(
    context: OperatorContext,
    step: Step,
    keep: (value: unknown) => boolean,
    next: Receiver,
  ) {
    this.#context = context;
    this.#step = step;
    this.#keep = keep;
    this.#next = next;
  }

  receive(value: unknown, timestamp: number, key: Key | null): void {
    this.#context.step = this.#step;
    const keep = this.#keep;
    if (keep(value)) this.#next.receive(value, timestamp, key);
  }
}

export class FlatMapOperator implements Receiver {
  readonly #context: OperatorContext;
  readonly #step: Step;
  readonly #expand: FlatMapNode['expand'];
  readonly #withKey: boolean;
  readonly #next: Receiver;

  constructor(
    context: OperatorContext,
    step: Step,
    { expand, withKey = false }: Pick<FlatMapNode, 'expand' | 'withKey'>,
    next: Receiver,
  ) {
    this.#context = context;
    this.#step = step;
    this.#expand = expand;
    this.#withKey = withKey;
    this.#next = next;
  }

  receive(value: unknown, timestamp: number, key: Key | null): void {
    this.#context.step = this.#step;
    const expand = this.#expand;
    for (const part of this.#withKey ? expand(value, key?.value) : expand(value)) {
      this.#next.receive(part, timestamp, key);
      this.#context.step = this.#step; // a generator runs on
    }
  }
}

/** A branch of a split, and where its records go. */
export interface SplitBranch {
  readonly takes: (value: unknown) => boolean;
  readonly next: Receiver;
}

export class SplitOperator implements Receiver {
  readonly #context: OperatorContext;
  readonly #step: Step;
  readonly #branches: readonly SplitBranch[];
  readonly #rest: Receiver;

  constructor(
    context: OperatorContext,
    step: Step,
    branches: readonly SplitBranch[],
    rest: Receiver,
  ) {
    this.#context = context;
    this.#step = step;
    this.#branches = branches;
    this.#rest = rest;
  }

  receive(value: unknown, timestamp: number, key: Key | null): void {
    this.#context.step = this.#step;
    const branch = this.#branches.find(({ takes }) => takes(value));
    (branch?.next ?? this.#rest).receive(value, timestamp, key);
  }
}

export class KeyByOperator implements Receiver {
  readonly #context: OperatorContext;
  readonly #step: Step;
  readonly #keyOf: ((value: unknown) => unknown) | undefined;
  readonly #keys: KeyFactory;
  readonly #next: Receiver;

  constructor(
    context: OperatorContext,
    step: Step,
    keyOf: ((value: unknown) => unknown) | undefined,
    keys: KeyFactory,
    next: Receiver,
  ) {
    this.#context = context;
    this.#step = step;
    this.#keyOf = keyOf;
    this.#keys = keys;
    this.#next = next;
  }

  receive(value: unknown, timestamp: number, own: Key | null): void {
    this.#context.step = this.#step;
    const keyOf = this.#keyOf;
    const key = this.#keys.of(keyOf === undefined ? keyOfRecord(own) : keyOf(value));
    this.#context.key = key;
    this.#next.receive(value, timestamp, key);
  }
}

/** In front of a window that takes partials of records: gives them their keys. */
export class KeyPartials {
  readonly #keys: KeyFactory;
  readonly #next: PartialReceiver;

  constructor(keys: KeyFactory, next: PartialReceiver) {
    this.#keys = keys;
    this.#next = next;
  }

  receivePartial(slice: number, accumulator: unknown, own: Key | null): void {
    this.#next.receivePartial(slice, accumulator, this.#keys.of(keyOfRecord(own)));
  }
}

function keyOfRecord(key: Key | null): unknown {
  if (key !== null) return key.value;
  throw new MillraceError(
    'USER_FUNCTION',
    'the record has no key, so it is the row of none. Write the topic with keys, or say with ' +
      'onError what becomes of such records',
  );
}

/** Hands each record to several receivers, in order. */
export class FanOut implements Receiver {
  readonly #receivers: readonly Receiver[];

  constructor(receivers: readonly Receiver[]) {
    this.#receivers = receivers;
  }

  receive(value: unknown, timestamp: number, key: Key | null): void {
    for (const receiver of this.#receivers) receiver.receive(value, timestamp, key);
  }
}

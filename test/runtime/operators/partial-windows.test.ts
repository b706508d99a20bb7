/** The sending half of a window behind an exchange: what it holds, and when it lets go of it. */
import { beforeEach, describe, expect, test } from 'vitest';
import { composite } from '../../../src/dsl/aggregates/composite.ts';
import {
  afterWatermark,
  calendar,
  count,
  cumulating,
  first,
  hopping,
  session,
  sum,
  tumbling,
} from '../../../src/dsl/index.ts';
import { keyJson } from '../../../src/formats/index.ts';
import type { Aggregation, WindowNode } from '../../../src/runtime/graph.ts';
import { KeyFactory } from '../../../src/runtime/keys.ts';
import type { OperatorContext } from '../../../src/runtime/operator.ts';
import { partialSlicesOf } from '../../../src/runtime/operators/partial-slices.ts';
import { PartialWindowOperator } from '../../../src/runtime/operators/partial-window.ts';
import { firstPlace } from '../../../src/runtime/stages/place.ts';
import type { WindowAssigner, WindowFiring } from '../../../src/runtime/windows.ts';

const counting = composite({ n: count(), sum: sum((value: number) => value) }, 'a test', []);

function nodeOf(
  assigner: WindowAssigner,
  aggregate: Aggregation = counting,
  firing?: WindowFiring,
): WindowNode {
  const base = { id: 1, name: undefined, input: { node: 0, port: 'out' } } as const;
  const result = (of: unknown) => of;
  return { ...base, kind: 'window', assigner, aggregate, result, ...(firing && { firing }) };
}

const keys = new KeyFactory(keyJson());
const step = { name: 'totals', kind: 'window' };
let sent: string[];
let context: OperatorContext;

beforeEach(() => {
  sent = [];
  context = {
    ...{
      step: { name: '', kind: '' },
      now: 0,
      sourcePartition: 0,
      origin: undefined,
      place: { ...firstPlace, sent: 0 },
      settled: Number.NEGATIVE_INFINITY,
      settledBeforeDrain: undefined,
      key: null,
    },
    ...{ late: 0, written: 0 },
  };
});

function operatorOf(assigner: WindowAssigner, heldMax?: number): PartialWindowOperator {
  const next = {
    receive: (value: unknown, timestamp: number) => sent.push(`${value} at ${timestamp}`),
    receivePartial(slice: number, accumulator: unknown, key: { readonly value: unknown }) {
      const { n } = accumulator as { readonly n: number }; // of counting
      sent.push(`${n} of ${key.value} in ${slice}`);
    },
  };
  const node = nodeOf(assigner);
  return new PartialWindowOperator({ context, step, node, next, ...(heldMax && { heldMax }) });
}

describe('a window of partials', () => {
  test('holds what an epoch has of a key and slice, and passes it on at its end', () => {
    const operator = operatorOf(tumbling(10));
    for (const at of [12, 3, 15]) operator.receive(1, at, keys.of('a'));
    operator.receive(1, 4, keys.of('b'));
    expect(sent).toEqual([]);
    expect([operator.nextEventTime(), operator.lastEventTime()]).toEqual([9, 19]);
    operator.flush();
    expect(sent).toEqual(['1 of a in 9', '1 of b in 9', '2 of a in 19']);
    expect(operator.nextEventTime()).toBe(Number.POSITIVE_INFINITY);
    expect(operator.lastEventTime()).toBe(Number.NEGATIVE_INFINITY);
  });

  test('is due at the end of a slice, one partial at a time', () => {
    const operator = operatorOf(hopping(10, { every: 5 }));
    for (const at of [7, 2, 3]) operator.receive(1, at, keys.of('a'));
    operator.receive(1, 1, keys.of('b'));
    operator.watermark = 5;
    operator.fireEvent();
    expect(sent).toEqual(['2 of a in 4']);
    expect(operator.nextEventTime()).toBe(4);
    operator.fireEvent();
    expect(sent).toEqual(['2 of a in 4', '1 of b in 4']);
    expect(operator.nextEventTime()).toBe(9);
  });

  test('passes on what may be late as it is, and does not count it', () => {
    const operator = operatorOf(cumulating(20, { every: 5 }));
    operator.watermark = 9;
    for (const at of [9, 10]) operator.receive(7, at, keys.of('a'));
    expect(sent).toEqual(['7 at 9']);
    operator.receiversAt = 14;
    for (const at of [10, 15]) operator.receive(7, at, keys.of('a'));
    expect(sent).toEqual(['7 at 9', '7 at 10']);
    expect(context.late).toBe(0);
  });

  test('holds no more than so many partials: the earliest go', () => {
    const operator = operatorOf(tumbling(10), 2);
    for (const at of [25, 15, 5, 16]) operator.receive(1, at, keys.of('a'));
    expect(sent).toEqual(['1 of a in 9']);
    operator.receive(1, 35, keys.of('a'));
    expect(sent).toEqual(['1 of a in 9', '2 of a in 19']);
  });

  test('passes on records as they are while keys come seldom, and tries again', () => {
    const operator = operatorOf(tumbling(10));
    const rounds = (each: string) => {
      for (const key of each) operator.receive(1, 1, keys.of(key));
      operator.flush();
      return sent.splice(0).map((text) => (text.includes(' of ') ? text : 'record'));
    };
    expect(rounds('aab')).toEqual(['2 of a in 9', '1 of b in 9']);
    expect(rounds('a'.repeat(45))).toEqual(Array(45).fill('record'));
    expect(rounds('aabb')).toEqual(['2 of a in 9', '2 of b in 9']);
    expect(rounds('aabb')).toEqual(['2 of a in 9', '2 of b in 9']);
  });

  test('takes back what a record has added that fails half-way', () => {
    const operator = operatorOf(tumbling(10));
    operator.receive(1, 1, keys.of('a'));
    operator.begin();
    operator.receive(1, 2, keys.of('a'));
    expect(() => operator.receive('x', 3, keys.of('a'))).toThrow('must return a finite number');
    expect(context.step).toBe(step);
    operator.undo();
    operator.begin();
    operator.receive(1, 3, keys.of('a'));
    operator.receive(1, 13, keys.of('a'));
    operator.keep();
    operator.flush();
    expect(sent).toEqual(['2 of a in 9', '1 of a in 19']);
  });
});

describe('windows that take partials', () => {
  const day = calendar('day', { timeZone: 'Europe/Berlin' });

  test('are those with slices that fire once, of aggregates that are free of order', () => {
    for (const assigner of [
      tumbling(10),
      hopping(10, { every: 5 }),
      cumulating(10, { every: 5 }),
    ]) {
      expect(partialSlicesOf(nodeOf(assigner))?.(3), assigner.kind).toBeGreaterThanOrEqual(4);
    }
    expect(partialSlicesOf(nodeOf(day))?.(0)).toBe(82_799_999);
    expect(partialSlicesOf(nodeOf(session(10)))).toBeUndefined();
    expect(
      partialSlicesOf(
        nodeOf(
          day,
          first((of) => of),
        ),
      ),
    ).toBeUndefined();
    const firing = { trigger: afterWatermark(), latenessMs: 0, mode: 'accumulating' } as const;
    expect(partialSlicesOf(nodeOf(day, counting, firing as WindowFiring))).toBeUndefined();
  });
});

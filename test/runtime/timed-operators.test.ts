/** In which order operators fire, and where each stands meanwhile. */
import { describe, expect, test } from 'vitest';
import type { TimedOperator } from '../../src/runtime/operator.ts';
import { TimedOperators } from '../../src/runtime/timed-operators.ts';

/** Fires at its times; `onFire` may give work to others meanwhile. */
class Due implements TimedOperator {
  readonly step: { readonly name: string; readonly kind: string };
  watermark = 0;
  readonly times: number[];
  onFire: (time: number) => void = () => {};
  asked = 0;

  constructor(name: string, times: readonly number[]) {
    this.step = { name, kind: 'test' };
    this.times = [...times];
  }

  nextEventTime(): number {
    this.asked++;
    return Math.min(...this.times);
  }

  nextProcessingTime(): number {
    return Number.POSITIVE_INFINITY;
  }

  lastEventTime(): number {
    return Math.max(...this.times);
  }

  fireEvent(): void {
    const time = Math.min(...this.times);
    this.times.splice(this.times.indexOf(time), 1);
    this.onFire(time);
  }

  fireProcessing(): void {}
}

const always = Number.NEGATIVE_INFINITY;

/** Operators one behind the other, and what they have done: who fired, and where each stood. */
function chainOf(...operators: readonly Due[]) {
  const done: string[] = [];
  const timed = new TimedOperators(
    operators.map((operator) => {
      return { operator, heldBy: [], goesFirst: operator.step.name === 'visits' };
    }),
  );
  const stand = () => operators.map(({ watermark }) => watermark);
  const fire = (operator: TimedOperator, goesOn = true) => {
    done.push(`${operator.step.name} ${operator.nextEventTime()} | ${stand().join(' ')}`);
    operator.fireEvent();
    return goesOn;
  };
  return { timed, done, stand, fire };
}

describe('what is due by event time', () => {
  test('fires in the order of time over all operators, at one time upstream ones first', () => {
    const chain = chainOf(new Due('a', [20, 30]), new Due('b', [20, 25]));
    expect(chain.timed.advance(40, chain.fire)).toBe(true);
    expect(chain.done).toEqual(['a 20 | 20 19', 'b 20 | 20 20', 'b 25 | 25 25', 'a 30 | 30 29']);
    expect(chain.stand()).toEqual([40, 40]);
  });

  test('waits where it is behind the watermark', () => {
    const chain = chainOf(new Due('a', [41]), new Due('b', [20]));
    chain.timed.advance(40, chain.fire);
    expect(chain.done).toEqual(['b 20 | 20 20']);
    expect(chain.timed.nextEventTime(40)).toBe(41);
  });

  test('fires before time goes on where its time has passed, and takes nobody back', () => {
    const [a, b] = [new Due('a', [20, 20, 30]), new Due('b', [])];
    a.onFire = (time) => {
      if (time === 20) b.times.push(12);
    };
    const chain = chainOf(a, b);
    chain.timed.advance(40, chain.fire);
    const [first, passed] = ['a 20 | 20 19', 'b 12 | 20 19'];
    expect(chain.done).toEqual([first, passed, first, passed, 'a 30 | 30 29']);
  });

  test('leaves the order of time to a visit, which may begin anywhere', () => {
    const [a, visits, b] = [new Due('a', [20, 20]), new Due('visits', []), new Due('b', [always])];
    a.onFire = () => visits.times.push(always);
    visits.times.push(always);
    const chain = chainOf(a, visits, b);
    chain.timed.advance(40, chain.fire);
    expect(chain.done.map((line) => line.split(' |')[0])).toEqual([
      ...['visits -Infinity', 'b -Infinity'],
      ...['a 20', 'visits -Infinity', 'a 20', 'visits -Infinity'],
    ]);
    expect(chain.done.at(-1)).toBe('visits -Infinity | 20 19 19');
  });

  test('goes on after a stop as if there had been none, from where each stood', () => {
    const [a, b] = [new Due('a', [20]), new Due('b', [20])];
    a.onFire = () => b.times.push(12);
    const before = chainOf(a, b);
    expect(before.timed.advance(40, (operator) => before.fire(operator, false))).toBe(false);
    const snapshot = before.timed.snapshot(0);
    expect(snapshot).toEqual({ a: 20, b: 19 });

    const after = chainOf(new Due('a', a.times), new Due('b', b.times));
    after.timed.restore(0, snapshot);
    expect(after.timed.advance(40, after.fire)).toBe(true);
    expect(after.done).toEqual(['b 12 | 20 19', 'b 20 | 20 20']);
    expect(after.timed.snapshot(40)).toBeUndefined();
  });

  test('asks upstream operators no more often where many entries have one time', () => {
    const many = Array.from({ length: 1000 }, () => 20);
    const [a, b] = [new Due('a', []), new Due('b', many)];
    const chain = chainOf(a, b);
    chain.timed.advance(40, chain.fire);
    expect(chain.done).toHaveLength(1000);
    expect(a.asked).toBeLessThan(5);
  });
});

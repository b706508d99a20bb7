import { describe, expect, it } from 'vitest';
import {
  count,
  type JobContext,
  job,
  sum,
  topic,
  tumbling,
  value,
} from '../../../src/dsl/index.ts';
import { json, keyJson, string } from '../../../src/formats/index.ts';
import { planStages } from '../../../src/runtime/stages/plan.ts';

interface Order {
  readonly id: string;
  readonly customer: string;
  readonly price: number;
}

const orders = topic('orders', { key: string(), value: json<Order>() });
const returns = topic('returns', { key: string(), value: json<Order>() });
const customers = topic('customers', { key: string(), value: json<{ readonly name: string }>() });
const raw = topic('raw', { key: string(), value: json<Order>() });
const out = topic('out', { key: keyJson<string>(), value: json<unknown>() });

/** By stage: the steps that it runs; and what is sent, as `from>to topic`. */
function planOf(build: (context: JobContext) => void, parallelism = 3) {
  const { stages } = planStages(job('j', build, { parallelism }).graph);
  return {
    stages: stages.map(({ graph }) => graph.nodes.map(({ kind }) => kind).join(' ')),
    sends: stages.flatMap(({ sends }) =>
      sends.map(({ from, to, topic: of }) => `${from}>${to} ${of}`),
    ),
    tasks: stages.map((stage) => stage.parallelism),
  };
}

describe('the stages of a job', () => {
  it('one stage, the whole job, where nothing asks for more than one task', () => {
    const plan = planOf(({ from }) => {
      from(orders)
        .keyBy((o) => o.customer)
        .aggregate({ n: count() })
        .to(out);
    }, 1);
    expect(plan).toEqual({ stages: ['source keyBy process sink'], sends: [], tasks: [1] });
  });

  it('what is stateless before a keyed step runs with the sender', () => {
    const plan = planOf(({ from }) => {
      from(orders)
        .filter((o) => o.price > 0)
        .keyBy((o) => o.customer)
        .map((o) => o.price)
        .aggregate({ n: count() })
        .to(out);
    });
    expect(plan.stages).toEqual(['source filter keyBy map send', 'source keyBy process sink']);
    expect(plan.sends).toEqual(['0>1 __j-1.0-aggregate-of-orders-keyed-1']);
  });

  it('keyed steps behind one another need no exchange while the key stays', () => {
    const plan = planOf(({ from }) => {
      from(orders)
        .keyBy((o) => o.customer)
        .window(tumbling('1h'))
        .aggregate({ total: sum((o) => o.price) })
        .map(({ total }) => total)
        .aggregate({ n: count() })
        .to(out);
    });
    expect(plan.stages).toHaveLength(2);
  });

  it('a new key takes the next stage', () => {
    const plan = planOf(({ from }) => {
      from(orders)
        .keyBy((o) => o.customer)
        .aggregate({ n: count() })
        .keyBy(({ n }) => String(n))
        .aggregate({ customers: count() })
        .to(out);
    });
    expect(plan.stages).toHaveLength(3);
  });

  it('steps that read the same keyed stream share an exchange', () => {
    const plan = planOf(({ from }) => {
      const keyed = from(orders).keyBy((o) => o.customer);
      keyed.aggregate({ n: count() }).to(out);
      keyed.process({ state: { n: value<number>() }, onRecord: () => [] }).to(out);
    });
    expect(plan.sends).toHaveLength(1);
  });

  it('a step behind a union runs in the stages of its inputs, and its topic is written by one', () => {
    const plan = planOf(({ from }) => {
      const counted = from(orders)
        .keyBy((o) => o.customer)
        .aggregate({ n: count() })
        .map(({ n }): number => n);
      from(returns)
        .keyBy((o) => o.customer)
        .map((o) => o.price)
        .union(counted)
        .to(out);
    });
    expect(plan.stages).toEqual([
      'source keyBy send source keyBy map union send',
      'source keyBy process map union send',
      'source source union sink',
    ]);
    expect(plan.sends).toEqual([
      '0>1 __j-1.0-aggregate-of-orders-keyed-1',
      '0>2 __j-1.0-to-out-0',
      '1>2 __j-1.1-to-out-0',
    ]);
  });

  it('records that keep the keys and partitions of their topic are written where they are read', () => {
    const plan = planOf(({ from }) => {
      from(orders)
        .filter((o) => o.price > 0)
        .to(raw);
    });
    expect(plan.sends).toEqual([]);
  });

  it('records with keys of another kind go to the task that owns the key before they are written', () => {
    const plan = planOf(({ from }) => {
      from(orders).to(out, { key: (o) => o.customer });
    });
    expect(plan.stages).toEqual(['source send', 'source sink']);
  });

  it('ids that are looked for by any key are shared out by id, and again by key behind that', () => {
    const plan = planOf(({ from }) => {
      from(orders)
        .keyBy((o) => o.customer)
        .deduplicate({ by: (o) => o.id, within: '1h' })
        .aggregate({ n: count() })
        .to(out);
    });
    expect(plan.stages).toHaveLength(3);
  });

  it('tables that are joined by their keys stand in one stage', () => {
    const plan = planOf(({ from, table }) => {
      from(orders)
        .keyBy((o) => o.customer, { key: string() })
        .connect(table(customers))
        .asOfNow()
        .join((order, { name }) => ({ ...order, name }))
        .to(out);
    });
    expect(plan.stages).toHaveLength(2);
  });

  it('a keyBy may ask for tasks of its own', () => {
    const { stages } = planStages(
      job('j', ({ from }) => {
        from(orders)
          .keyBy((o) => o.customer, { parallelism: 4 })
          .aggregate({ n: count() })
          .to(out);
      }).graph,
    );
    expect(stages.map(({ parallelism }) => parallelism)).toEqual([1, 4]);
  });

  it.each([0, 1.5, 129, Number.NaN])('parallelism %s is refused', (parallelism) => {
    expect(() => job('j', ({ from }) => void from(orders).to(raw), { parallelism })).toThrow(
      /parallelism of job\("j"\) can't be .*: give a whole number from 1 to 128/,
    );
  });
});

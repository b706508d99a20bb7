/** Tables and joins, of all kinds. */
import { type Change, count, job, sum, type Table, topic, tumbling } from '../../src/dsl/index.ts';
import { json, keyJson } from '../../src/formats/index.ts';
import type { Job } from '../../src/runtime/index.ts';
import { readings } from './pipeline.ts';

const ofTables = ['by-level', 'top', 'named', 'together', 'once'];
const ofJoins = ['near', 'in-window', 'too-late', 'now', 'then'];
export const topics: readonly string[] = [...ofTables, ...ofJoins];

export const tables: Job = job('tables', ({ from }) => {
  const write = <Row extends NonNullable<unknown>>(name: string, table: Table<Row, string>) => {
    const value = json<Change<Row>>();
    table.toStream().to(topic(name, { key: keyJson<string>(), value, partitions: 2 }));
  };
  const all = from(readings, { eventTime: (r) => r.at, outOfOrderness: '5s', quietAfter: 'off' });
  const levelOf = (r: { readonly value: number }) => `level ${r.value % 3}`;
  const sensors = all.keyBy((r) => r.sensor).toTable({ deleteWhen: (r) => r.value < 20 });
  const levels = all.keyBy(levelOf).latest({ by: (r) => r.value });
  const grouped = sensors.groupBy(levelOf);
  write('by-level', grouped.aggregate({ n: count(), total: sum((r) => r.value / 10) }));
  write('top', grouped.topN({ n: 2, by: (r) => r.value }));
  const highest = (r: { readonly value: number }, of?: { readonly value: number }) => [
    r.value,
    of?.value ?? 0,
  ];
  write('named', sensors.leftJoin(levels, highest, { foreignKey: levelOf, name: 'named' }));
  write(
    'together',
    sensors.join(
      sensors.filter((r) => r.value > 60),
      highest,
    ),
  );
  const once = all.deduplicate({ by: levelOf, within: '20s' });
  once.to(topic('once', { key: readings.key, value: readings.value }));
});

export const joins: Job = job('joins', ({ from }) => {
  const all = from(readings, { eventTime: (r) => r.at, outOfOrderness: '2s', quietAfter: 'off' });
  const low = all.filter((r) => r.value < 50).keyBy((r) => r.value % 3);
  const high = all.filter((r) => r.value >= 50).keyBy((r) => r.value % 3);
  const both = low.connect(high);
  const key = keyJson<number>();
  const pairs = json<(number | null)[]>();
  const values = (l?: { readonly value: number }, h?: { readonly value: number }) => [
    l?.value ?? null,
    h?.value ?? null,
  ];
  const near = both.within({ before: '4s', after: '7s' }).outerJoin(values);
  near.to(topic('near', { key, value: pairs, partitions: 2 }));
  const late = near.late.map(({ side, value }) => `${side} ${value.value}`);
  late.to(topic('too-late', { key, value: json<string>(), partitions: 2 }));
  const rows = low.connect(high.toTable({ deleteWhen: (r) => r.value % 10 === 0 }));
  rows
    .asOfNow()
    .leftJoin(values)
    .to(topic('now', { key, value: pairs, partitions: 2 }));
  const then = rows.asOfEventTime({ grace: '5s' }).leftJoin(values);
  then.to(topic('then', { key, value: pairs, partitions: 2 }));
  const inWindow = both.window(tumbling('10s')).leftJoin(values);
  inWindow.to(topic('in-window', { key, value: pairs, partitions: 2 }));
});

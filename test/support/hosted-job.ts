/** A job for hosts of tasks: counts by key and hour, passes all on, and fails where it is told. */
import { count, job, topic, tumbling } from '../../src/dsl/index.ts';
import { json, string } from '../../src/formats/index.ts';

export interface Visit {
  readonly at: number;
  readonly user: string;
  readonly deed?: 'fail' | 'exit' | 'hang';
}

export const visits = topic('visits', { key: string(), value: json<Visit>() });
export const seen = topic('seen', { key: string(), value: json<string>() });
export const counts = topic('counts', {
  key: string(),
  value: json<{ n: number; windowStart: number; windowEnd: number }>(),
});

export const hosted = job('hosted', ({ from }) => {
  const of = from(visits, { eventTime: (visit) => visit.at });
  of.map(
    ({ user, deed }) => {
      if (deed === 'fail') throw new Error('as it was told');
      if (deed === 'exit') process.exit(3);
      while (deed === 'hang');
      return user;
    },
    { name: 'obey' },
  ).to(seen);
  of.keyBy((visit) => visit.user)
    .window(tumbling('1h'))
    .aggregate({ n: count() })
    .to(counts);
});

export default hosted;

/** What bench/workers.ts runs: each job with one task, and shared by several. */
import { type Job, job, json, keyJson, topic } from 'millrace';
import flightDelays from '../examples/flight-delays.ts';
import { nexmark } from './nexmark/events.ts';
import { queries } from './nexmark/queries.ts';

const nothing = topic('nothing', { key: keyJson<unknown>(), value: json<unknown>() });

export const parallelism = 2;

/** The results are computed, and not written. */
const q5 = job('q5', ({ from }) => {
  queries
    .q5(from(nexmark, { outOfOrderness: '4s', quietAfter: 'off' }))
    .filter(() => false)
    .to(nothing);
});

export default [flightDelays, q5].flatMap((of) => [of, shared(of)]);

/** The same job, under a name of its own, with parallelism. */
function shared(of: Job): Job {
  const name = sharedNameOf(of.name);
  return { ...of, name, graph: { ...of.graph, job: name, parallelism } };
}

export function sharedNameOf(name: string): string {
  return `${name}-shared`;
}

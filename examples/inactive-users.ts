/** Tells of users who did nothing for half an hour: a step with state and timers for each key. */
import { job, json, openLog, run, string, topic, value } from 'millrace';

interface Click {
  readonly user: string;
  readonly at: number;
}

interface Inactive {
  readonly user: string;
  readonly clicks: number;
}

const clicks = topic('clicks', { key: string(), value: json<Click>() });
const inactive = topic('inactive-users', { key: string(), value: json<Inactive>() });

const halfHour = 30 * 60_000;

const inactiveUsers = job('inactive-users', ({ from }) => {
  from(clicks, { eventTime: (click) => click.at })
    .keyBy((click) => click.user)
    .process({
      state: { clicks: value<number>(), timer: value<number>() },
      onRecord(click, { state, timers }) {
        const before = state.timer.get();
        if (before !== undefined) timers.event.delete(before);
        timers.event.set(click.at + halfHour);
        state.timer.set(click.at + halfHour);
        state.clicks.update((n = 0) => n + 1);
      },
      onTimer(_timer, { key, state }) {
        const result = { user: key, clicks: state.clicks.get() ?? 0 };
        state.clicks.clear();
        state.timer.clear();
        return [result];
      },
    })
    .to(inactive);
});

export default inactiveUsers;

/**
 * Ada clicks twice and leaves, Bob comes an hour later; event time then runs on until all timers
 * have fired.
 */
export async function main(data: string): Promise<void> {
  const log = await openLog(data);
  await log.createTopic(clicks);
  const noon = Date.UTC(2026, 0, 1, 12);
  const visits = [
    { user: 'ada', at: noon },
    { user: 'ada', at: noon + 10 * 60_000 },
    { user: 'bob', at: noon + 60 * 60_000 },
  ];
  await Promise.all(visits.map((click) => log.send(clicks, { key: click.user, value: click })));

  const handle = await run(inactiveUsers, { data: log });
  await handle.stop({ drain: true });

  for await (const { value: left, timestamp } of log.records(inactive)) {
    const time = new Date(timestamp).toISOString().slice(11, 16);
    process.stdout.write(`${left?.user} left after ${left?.clicks} clicks, said at ${time}\n`);
  }
  await log.close();
}

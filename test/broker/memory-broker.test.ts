import { MemoryBroker } from '../../src/broker/index.ts';
import { brokerContract } from '../contracts/broker.ts';

const start = Date.UTC(2026, 0, 1);

brokerContract('MemoryBroker', async () => {
  const clock = {
    now: () => start,
    monotonicMs: () => 0,
    after: () => ({ cancel: () => {} }),
    soon: (run: () => void) => void setImmediate(run),
  };
  const broker = new MemoryBroker({ clock });
  return { broker, now: clock.now, close: () => broker.close() };
});

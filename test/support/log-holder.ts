/** A thread that opens logs and serves the other ends of ports; it answers when it is done. */
import { parentPort } from 'node:worker_threads';
import { type EmbeddedBrokerOptions, openBroker, serveThread } from '../../src/broker/index.ts';
import { type MessagePort, nodePlatform, portOf } from '../../src/platform/index.ts';

export type LogHolderOrder =
  | {
      readonly open: {
        readonly directory: string;
        readonly options: EmbeddedBrokerOptions;
        readonly port: MessagePort;
      };
    }
  /** The directory whose log is to be closed. */
  | { readonly close: string };

const platform = nodePlatform();
const closeOf = new Map<string, () => Promise<void>>();

parentPort?.on('message', async (order: LogHolderOrder) => {
  if ('open' in order) {
    const { directory, options, port } = order.open;
    const broker = await openBroker(platform, directory, options);
    const served = serveThread(broker, portOf(port));
    closeOf.set(directory, async () => {
      await served.close();
      await broker.close();
    });
  } else {
    await closeOf.get(order.close)?.();
  }
  parentPort?.postMessage('done');
});

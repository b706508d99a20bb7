/** What `ingest` and `deliver` have in common: where the log is, and what names may be. */
import { type Broker, checkTopicName } from '../broker/index.ts';
import { MillraceError, type Platform } from '../platform/index.ts';
import { Log, openLog } from '../runtime/index.ts';

export interface ConnectorSettings {
  /**
   * The data directory, made where there is none; or a log that is open already, which stays open
   * at the end.
   */
  readonly data: string | Log;
  /**
   * What is known of it in the log stands under this name. Default: the name of the topic. Two that
   * have to do with the same topic need names of their own.
   */
  readonly name?: string;
  /** Files, time, randomness; default: those of Node.js. */
  readonly platform?: Platform;
}

export interface OpenedLog {
  readonly log: Log;
  readonly broker: Broker;
  readonly platform: Platform;
  close(): Promise<void>;
}

/** Fails with `INVALID` for a name that can't be part of a topic's. */
export function nameOf(call: string, topic: string, { name = topic }: ConnectorSettings): string {
  try {
    checkTopicName(`__${call}-${name}-positions`);
  } catch (cause) {
    throw new MillraceError(
      'INVALID',
      `${call}(): ${JSON.stringify(name)} can't be its name: use letters, digits, dots, ` +
        'underscores or hyphens.',
      { cause },
    );
  }
  return name;
}

/** Fails with `INVALID` where no log is named, else as `openLog` does. */
export async function openData(call: string, settings: ConnectorSettings): Promise<OpenedLog> {
  const { data, platform } = settings;
  if (data instanceof Log) {
    const { broker, platform: own } = data;
    return { log: data, broker, platform: platform ?? own, close: async () => {} };
  }
  if (typeof data !== 'string') {
    throw new MillraceError('INVALID', `${call}() needs { data: './data' }: where the topics are.`);
  }
  const log = await openLog(data, platform === undefined ? {} : { platform });
  return { log, broker: log.broker, platform: log.platform, close: () => log.close() };
}

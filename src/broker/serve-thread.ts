/**
 * The main thread's side of a `ThreadBroker`: does what the thread asks for with this broker, and
 * tells the thread of every entry.
 *
 * The claims of the thread are this process's. So those that it has not released when its port
 * closes, for instance because the thread died, are released here: nobody else could.
 */
import { copyError, type Port, unreachable } from '../platform/index.ts';
import type { Broker, Claim } from './broker.ts';
import { waitAtGate } from './gate.ts';
import type { BrokerCall, BrokerReply, BrokerRequest, Membership } from './thread-messages.ts';

/** How long the main thread stands still at most while a thread does something under the lock. */
const gateLimitMs = 30_000;

export interface ServedThread {
  /** Ends the service: what the thread has under way fails with `CLOSED`. */
  close(): Promise<void>;
  /** Resolves when the port is closed, by whomever, and the thread's claims are released. */
  readonly closed: Promise<void>;
}

/**
 * Serves the `ThreadBroker` at the other end of `port`: of the directory that `broker` has open.
 */
export function serveThread(broker: Broker, port: Port): ServedThread {
  const server = new ThreadServer(broker, port);
  return {
    closed: server.closed,
    close: () => {
      port.close();
      return server.closed;
    },
  };
}

class ThreadServer {
  readonly closed: Promise<void>;
  readonly #broker: Broker;
  readonly #port: Port;
  /** By task; those that the thread has not released. */
  readonly #claims = new Map<string, Membership>();
  readonly #underWay = new Set<Promise<void>>();

  constructor(broker: Broker, port: Port) {
    this.#broker = broker;
    this.#port = port;
    const subscription = broker.subscribe(() => this.#tell());
    this.closed = new Promise((resolve) => {
      port.listen(
        (message) => this.#receive(message as BrokerRequest), // as the thread sends it
        () => {
          subscription.close();
          resolve(this.#releaseAll());
        },
      );
    });
    this.#tell();
  }

  #tell(): void {
    this.#post({ kind: 'applied', sequence: this.#sequence });
  }

  #receive({ id, call }: BrokerRequest): void {
    const answering = this.#do(id, call).then(
      (answer) => this.#post({ kind: 'done', id, answer, sequence: this.#sequence }),
      (error: unknown) =>
        this.#post({ kind: 'failed', id, error: copyError(error), sequence: this.#sequence }),
    );
    this.#underWay.add(answering);
    void answering.then(() => this.#underWay.delete(answering));
  }

  async #do(id: number, call: BrokerCall): Promise<unknown> {
    const broker = this.#broker;
    switch (call.kind) {
      case 'append':
        return broker.append(call.appends, call.producer);
      case 'commit':
        return broker.commit(call.commit);
      case 'claim':
        return this.#keep(await broker.claim(call.task, call.options));
      case 'release':
        return broker.release(call.claim).finally(() => this.#forget(call.claim));
      case 'whileNewest':
        return broker.whileNewest(call.claim, () => {
          this.#post({ kind: 'begin', id });
          waitAtGate(call.gate, gateLimitMs);
        });
      case 'createTopic':
        return broker.createTopic(call.name, call.options);
      case 'deleteTopic':
        return broker.deleteTopic(call.name);
      case 'deleteRecordsBefore':
        return broker.deleteRecordsBefore(call.position, call.claim);
      default:
        return unreachable(call);
    }
  }

  #keep(claim: Claim): Claim {
    this.#claims.set(claim.task, claim);
    return claim;
  }

  #forget({ task, incarnation }: Membership): void {
    if (this.#claims.get(task)?.incarnation === incarnation) this.#claims.delete(task);
  }

  /** Also those that were asked for and are not answered yet. */
  async #releaseAll(): Promise<void> {
    await Promise.all(this.#underWay);
    for (const { task, incarnation } of this.#claims.values()) {
      await this.#broker.release({ task, incarnation }).catch(() => {}); // a successor has it
    }
    this.#claims.clear();
  }

  get #sequence(): number {
    return this.#broker.status().sequence;
  }

  #post(reply: BrokerReply): void {
    this.#port.post(reply);
  }
}

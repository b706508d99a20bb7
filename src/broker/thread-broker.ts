/**
 * The broker in a worker thread of a process whose main thread has the directory open.
 *
 *   worker thread                               main thread
 *   -------------                               -----------
 *   read, endOf, ...   own view of the log
 *   append, commit     request ───────────────> its broker: one entry with what all threads want
 *   follow the journal <──────── applied: 4711
 *   resolve            <──────── done
 *
 * Reading is local: the thread follows the journal by itself, as far as it is told that it is
 * durable. It takes no lock, watches no file and has no heartbeat; the claims are the process's.
 * When an answer is known the view has the entry that it speaks of.
 */
import {
  type Clock,
  errorFrom,
  MillraceError,
  type Platform,
  type Port,
} from '../platform/index.ts';
import type {
  Append,
  Appended,
  Broker,
  BrokerStatus,
  Claim,
  ClaimOptions,
  Commit,
  Position,
  ProducerSequence,
  TaskDescription,
  TopicOptions,
} from './broker.ts';
import { closedError } from './committer.ts';
import { copyAppends } from './copy-appends.ts';
import { describeTask } from './descriptions.ts';
import { brokerDefaults } from './embedded-broker.ts';
import { makeGate, passGate } from './gate.ts';
import { isHolderLive } from './heartbeat.ts';
import { LogFollower } from './log-follower.ts';
import { ToldMark } from './mark.ts';
import { type OpenedStore, openFollowingStore } from './open-store.ts';
import type { Holder } from './operation.ts';
import { assignOffsets } from './record-batch.ts';
import { noStall, type Stall } from './stall.ts';
import type { BrokerCall, BrokerReply, Membership } from './thread-messages.ts';

/** Batches just written that a thread keeps in memory for its readers, in bytes. */
const recentBytesMax = 1024 * 1024;

interface PendingCall {
  readonly since: number;
  /** Runs when the main thread holds the lock for it. */
  readonly begin: (() => void) | undefined;
  resolve(answer: unknown): void;
  reject(error: unknown): void;
}

/**
 * Opens the broker of a thread: `directory` is what the main thread has open, and serves with
 * `serveThread` at the other end of `port`. Fails as `openBroker` does, or with `CLOSED` where the
 * other end is closed.
 */
export async function openThreadBroker(
  platform: Platform,
  directory: string,
  port: Port,
): Promise<Broker> {
  const mark = new ToldMark();
  let broker: ThreadBroker | undefined;
  await new Promise<void>((resolve, reject) => {
    port.listen(
      (message) => {
        const reply = message as BrokerReply; // as the main thread sends it
        if ('sequence' in reply) mark.write(reply.sequence);
        broker?.receive(reply);
        resolve();
      },
      () => {
        broker?.lose();
        reject(closedError());
      },
    );
  });
  try {
    const opened = openFollowingStore(platform, directory, mark, {
      ...brokerDefaults,
      recentBytesMax,
    });
    const isLive = (holder: Holder) => isHolderLive(platform, directory, holder);
    broker = new ThreadBroker(opened, platform, port, isLive);
    return broker;
  } catch (error) {
    port.close();
    throw error;
  }
}

class ThreadBroker extends LogFollower implements Broker {
  readonly #clock: Clock;
  readonly #port: Port;
  readonly #pending = new Map<number, PendingCall>();
  #nextId = 1;
  #isClosed = false;
  #closing: Promise<void> | undefined;
  #whenIdle: (() => void) | undefined;
  #commits = 0;
  #bytesAppended = 0;
  #worstStall: Stall = noStall;

  readonly #isLive: (holder: Holder) => boolean;
  readonly #process: Platform['process'];

  constructor(
    { id, store }: OpenedStore,
    { clock, process }: Pick<Platform, 'clock' | 'process'>,
    port: Port,
    isLive: (holder: Holder) => boolean,
  ) {
    super(id, store);
    this.#clock = clock;
    this.#process = process;
    this.#port = port;
    this.#isLive = isLive;
    this.follow();
    this.requireView();
  }

  async createTopic(
    name: string,
    options: TopicOptions & { readonly internal?: boolean } = {},
  ): Promise<void> {
    await this.#call({ kind: 'createTopic', name, options });
  }

  async deleteTopic(name: string): Promise<void> {
    await this.#call({ kind: 'deleteTopic', name });
  }

  append(appends: readonly Append[], producer?: ProducerSequence): Promise<readonly Appended[]> {
    return this.#write(appends, (copied) => ({ kind: 'append', appends: copied, producer }));
  }

  async commit(commit: Commit): Promise<readonly Appended[]> {
    const answer = await this.#write(commit.appends, (appends) => ({
      kind: 'commit',
      commit: { ...commit, appends },
    }));
    this.#commits++;
    return answer;
  }

  claim(task: string, options: ClaimOptions = {}): Promise<Claim> {
    return this.#call<Claim>({ kind: 'claim', task, options });
  }

  /** What the main thread has claimed is claimed by this one. */
  describeTask(task: string): TaskDescription | undefined {
    const { pid, host } = this.#process;
    return describeTask(this.catalogue, task, (holder) => ({
      ...holder,
      isLive: this.#isLive(holder),
      isThis: holder.pid === pid && holder.host === host,
    }));
  }

  async release({ task, incarnation }: Membership): Promise<void> {
    await this.#call({ kind: 'release', claim: { task, incarnation } });
  }

  /** The main thread stands still while `run` runs in this one. */
  async whileNewest<Result>({ task, incarnation }: Membership, run: () => Result): Promise<Result> {
    const gate = makeGate();
    let outcome: { readonly result: Result } | { readonly error: unknown } | undefined;
    const begin = () => {
      passGate(gate, () => {
        outcome = outcomeOf(run);
      });
    };
    await this.#call({ kind: 'whileNewest', claim: { task, incarnation }, gate }, { begin });
    if (outcome === undefined) throw closedError();
    if ('error' in outcome) throw outcome.error;
    return outcome.result;
  }

  async deleteRecordsBefore(position: Position, claim?: Membership): Promise<void> {
    const { topic, partition, offset } = position;
    await this.#call({
      kind: 'deleteRecordsBefore',
      position: { topic, partition, offset },
      claim: claim && { task: claim.task, incarnation: claim.incarnation },
    });
  }

  /** Of what this thread has seen and asked for. */
  status(): BrokerStatus {
    return {
      sequence: this.catalogue.applied,
      commits: this.#commits,
      bytesAppended: this.#bytesAppended,
      worstStall: this.#worstStall,
    };
  }

  close(): Promise<void> {
    this.#closing ??= this.#closeOnce();
    return this.#closing;
  }

  async #closeOnce(): Promise<void> {
    this.#isClosed = true;
    if (this.#pending.size > 0) {
      await new Promise<void>((resolve) => {
        this.#whenIdle = resolve;
      });
    }
    this.#port.close();
    this.closeView();
  }

  receive(reply: BrokerReply): void {
    if (reply.kind === 'begin') {
      this.#pending.get(reply.id)?.begin?.();
      return;
    }
    this.follow();
    if (reply.kind !== 'applied') this.#answer(reply);
  }

  /** The other end is closed, or its thread is gone. */
  lose(): void {
    this.#isClosed = true;
    for (const { reject } of this.#pending.values()) reject(lostError());
    this.#pending.clear();
    this.#whenIdle?.();
  }

  #answer(reply: Extract<BrokerReply, { kind: 'done' | 'failed' }>): void {
    const call = this.#pending.get(reply.id);
    if (call === undefined) return;
    this.#pending.delete(reply.id);
    this.#noteStall(call.since);
    if (reply.kind === 'failed') call.reject(errorFrom(reply.error));
    else call.resolve(reply.answer);
    if (this.#pending.size === 0) this.#whenIdle?.();
  }

  /** The caller keeps its bytes: they are written again after a refusal, or folded. */
  async #write(
    appends: readonly Append[],
    callOf: (appends: readonly Append[]) => BrokerCall,
  ): Promise<readonly Appended[]> {
    const { copied, buffer } = copyAppends(appends);
    const transfer = buffer.byteLength === 0 ? [] : [buffer];
    const answer = await this.#call<readonly Appended[]>(callOf(copied), { transfer });
    for (const [i, { batches }] of appends.entries()) {
      assignOffsets(batches, answer[i]?.baseOffset ?? 0);
      this.#bytesAppended += batches.length;
    }
    return answer;
  }

  async #call<Answer>(
    call: BrokerCall,
    of: { readonly transfer?: readonly ArrayBuffer[]; readonly begin?: () => void } = {},
  ): Promise<Answer> {
    if (this.#isClosed) throw closedError();
    const id = this.#nextId++;
    const answer = await new Promise<unknown>((resolve, reject) => {
      const since = this.#clock.monotonicMs();
      this.#port.post({ id, call }, of.transfer); // throws for what can't be copied
      this.#pending.set(id, { since, begin: of.begin, resolve, reject });
    });
    this.requireView();
    return answer as Answer; // the same method of the main thread's broker gave it
  }

  #noteStall(since: number): void {
    const ms = this.#clock.monotonicMs() - since;
    if (ms > this.#worstStall.ms) this.#worstStall = { ms, cause: 'the answer of the main thread' };
  }
}

function outcomeOf<Result>(
  run: () => Result,
): { readonly result: Result } | { readonly error: unknown } {
  try {
    return { result: run() };
  } catch (error) {
    return { error };
  }
}

function lostError(): MillraceError {
  return new MillraceError(
    'CLOSED',
    'The main thread has closed the broker of this thread. What was asked for may have been ' +
      'committed; the log knows.',
  );
}

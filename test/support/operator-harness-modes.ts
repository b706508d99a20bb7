/** The ways in which the operator harness runs a script; all of them give the same results. */
import type { EpochBudget, Graph } from '../../src/runtime/index.ts';
import type { CommitFate } from './operator-harness-broker.ts';
import { withCopies, withFrozen } from './operator-harness-graphs.ts';

export interface Mode {
  readonly name: string;
  /** Records in each batch of the input. */
  readonly batchRecords: number;
  readonly epoch: Partial<EpochBudget>;
  /**
   * Where state comes back from: the changelog alone; the state file, into which every commit is
   * folded at once; or a part of each.
   */
  readonly state: 'changelog' | 'state file' | 'both';
  /** Where little is kept in memory: what is folded is read from the state file again. */
  readonly stateMemoryMax?: number;
  readonly readBytesMax?: number;
  /** Turns of the event loop that pass before a commit is made. */
  readonly commitTurns?: number;
  /** Whether the clock that ends turns goes on by `lookMs` at each look. */
  readonly shortTurns?: boolean;
  /** What happens at the n-th commit, counted from 1 over all runs. */
  readonly atCommit?: (n: number) => CommitFate;
  /** After each step: stop and start, or let another run take over from the live one. */
  readonly afterStep?: 'restart' | 'take over';
  readonly graph?: (graph: Graph) => Graph;
}

/** How far the clock of short turns goes on at each look, in ms. */
export const lookMs = 1e-6;

const together = { batchRecords: 1000, epoch: {}, state: 'changelog' } as const;

/** A commit after each record, and after each firing that wrote something. */
const apart = { epochRecords: 1, epochBytes: 1 } as const;

/** What the others are compared with. */
export const plainMode: Mode = { ...together, name: 'everything in one batch and one epoch' };

export const otherModes: readonly Mode[] = [
  { ...together, name: 'one record at a time', batchRecords: 1, epoch: apart },
  { ...together, name: 'odd sizes', batchRecords: 3, epoch: { epochRecords: 7 } },
  {
    ...together,
    name: 'small reads and slow commits',
    batchRecords: 2,
    epoch: { epochBytes: 100 },
    readBytesMax: 1,
    commitTurns: 9,
  },
  {
    ...together,
    name: 'short turns',
    epoch: { turnMs: 3 * lookMs, epochMs: 16 * lookMs },
    shortTurns: true,
  },
  { ...together, name: 'restored after each step, from the changelog', afterStep: 'restart' },
  {
    ...together,
    name: 'restored after each step, from the state file',
    state: 'state file',
    afterStep: 'restart',
  },
  {
    ...together,
    name: 'stopped at each commit, restored from the state file',
    batchRecords: 4,
    epoch: { epochRecords: 5 },
    state: 'state file',
    atCommit: () => 'stop',
  },
  {
    ...together,
    name: 'crashed at each commit, restored from the changelog',
    epoch: apart,
    atCommit: (n) => (n % 2 === 0 ? 'crash after' : 'crash before'),
  },
  {
    ...together,
    name: 'crashed at every third commit, restored from both',
    batchRecords: 5,
    epoch: { epochRecords: 3 },
    state: 'both',
    atCommit: (n) => (n % 3 !== 2 ? 'keep' : n % 2 === 0 ? 'crash after' : 'crash before'),
  },
  {
    ...together,
    name: 'next to no memory',
    batchRecords: 4,
    epoch: { epochRecords: 2 },
    state: 'state file',
    stateMemoryMax: 1,
    atCommit: (n) => (n % 5 === 2 ? 'crash after' : 'keep'),
  },
  {
    ...together,
    name: 'taken over after each step',
    epoch: { epochRecords: 8 },
    state: 'both',
    afterStep: 'take over',
  },
  { ...together, name: 'copies instead of live objects', epoch: apart, graph: withCopies },
  { ...together, name: 'frozen objects', graph: withFrozen },
];

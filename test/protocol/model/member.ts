/**
 * What a process does with its store: produces, runs a task, folds the task's changelog
 * (src/runtime/{open-task,folding}.ts, src/state/state-file.ts), reads, keeps house. Each is one
 * activity, which the schedule steps through.
 */
import { type Catalogue, partitionKey } from '../../../src/broker/catalogue.ts';
import { Overlay, type Plan, type SharedRequest } from '../../../src/broker/requests.ts';
import type { Clock } from '../../../src/platform/index.ts';
import { isMillraceError } from '../../../src/platform/index.ts';
import { housekeep, prepareNext, save } from './housekeeping.ts';
import { batchOf, largeBytes, type Planned, type Store } from './store.ts';
import { type Ids, promise } from './truth.ts';
import { isRefused, type Steps, type World } from './world.ts';

const task = 'task';
const changelog = 'changelog';

/** The state file: a fold that depends on the order, namely the list of all that was folded. */
interface StateFile {
  readonly incarnation: number;
  readonly ids: Ids;
}

interface HeldTask {
  readonly incarnation: number;
  epoch: number;
  position: number;
  /** Up to where this member has folded, and what comes behind. */
  folded: number;
  unfolded: number[];
}

const clock = { now: () => 0 } as Clock; // all that `Overlay` asks of it

export class Member {
  readonly #store: Store;
  readonly #world: World;
  readonly #slot: number;
  #held: HeldTask | undefined;
  #isFolding = false;

  constructor(store: Store, slot: number) {
    this.#store = store;
    this.#world = store.world;
    this.#slot = slot;
  }

  /** Something that a process may do next. */
  activity(): Steps {
    const activities: readonly (() => Steps)[] = [
      () => this.#append(),
      () => this.#append(),
      () => this.#produce(),
      () => this.#commit(),
      () => this.#commit(),
      () => this.#commit(),
      () => this.#claim(),
      () => this.#fold(),
      () => this.#fold(),
      () => this.#read(),
      () => this.#read(),
      () => this.#moveLogStart(),
      () => this.#replaceTopic(),
      () => this.#seal(),
      () => housekeep(this.#store),
      () => housekeep(this.#store),
      () => prepareNext(this.#store),
      () => this.#saveAtClose(),
    ];
    const chosen = activities[this.#world.choose(activities.length)];
    promise(chosen !== undefined, 'there is something to do');
    return ignoringRefusals(chosen());
  }

  /** The topics that every schedule begins with. */
  *prepare(): Steps {
    for (const name of ['in', 'out', changelog]) yield* this.#createTopic(name);
    yield* this.#claim();
  }

  *#append(): Steps {
    yield* this.#shared([this.#appendRequest()]);
  }

  /** Repeats what was not acknowledged, until it is: also after a crash. */
  *#produce(): Steps {
    const { producers } = this.#world;
    const known = producers.get(this.#slot) ?? { sequence: 1, ids: this.#world.newIds(1) };
    producers.set(this.#slot, known);
    const { sequence, ids } = known;
    yield* this.#shared([
      {
        kind: 'append',
        appends: [appendOf('in', ids)],
        producer: { id: `producer ${this.#slot}`, sequence },
      },
    ]);
    producers.set(this.#slot, { sequence: sequence + 1, ids: this.#world.newIds(1) });
  }

  *#claim(): Steps {
    const incarnation = yield* this.#store.submit((catalogue): Planned<number> => {
      const next = (catalogue.tasks.get(task)?.incarnation ?? 0) + 1;
      const holder = { instance: '', pid: this.#slot, host: '' };
      return {
        operations: [{ kind: 'claim', task, incarnation: next, holder }],
        answer: next,
      };
    });
    const { topics, topicIds, tasks } = this.#store.catalogue;
    const state = tasks.get(task);
    if (state?.incarnation !== incarnation) return;
    const { epoch } = state;
    const id = topicIds.get(changelog) ?? 0;
    const { start, end } = topics.get(id)?.partitions[0] ?? { start: 0, end: 0 };
    yield;
    const file = this.#stateFile();
    if (file.incarnation > incarnation) return; // fenced
    this.#world.disk.databases.set('state', { ...file, incarnation });
    const folded = file.ids.length;
    promise(folded >= start, 'there is no gap between the state file and the changelog');
    promise(folded <= end, 'a state file is not ahead of the log');
    const unfolded = this.#world.truth.recordsOf(id).slice(folded, end);
    const input = topicIds.get('in') ?? 0;
    const position = state.positions.get(partitionKey(input, 0))?.offset ?? 0;
    this.#held = { incarnation, epoch, position, folded, unfolded: [...unfolded] };
  }

  *#commit(): Steps {
    const held = this.#held;
    if (held === undefined) return yield* this.#claim();
    const [change, output] = [this.#world.newIds(1), this.#world.newIds(1)];
    const isEarly = this.#world.breaks('folds what is not committed');
    if (isEarly) held.unfolded.push(...change);
    const commit: SharedRequest = {
      kind: 'commit',
      commit: {
        task,
        incarnation: held.incarnation,
        epoch: held.epoch + 1,
        clockMs: 0,
        positions: [{ topic: 'in', partition: 0, offset: held.position }],
        appends: [appendOf('out', output), appendOf(changelog, change)],
      },
    };
    const shared = this.#world.oneIn(4) ? [commit, this.#appendRequest()] : [commit];
    try {
      yield* this.#shared(shared);
    } catch (error) {
      this.#held = undefined; // the task ends, and asks the log
      throw error;
    }
    held.epoch++;
    if (!isEarly) held.unfolded.push(...change);
  }

  *#fold(): Steps {
    const held = this.#held;
    if (held === undefined || held.unfolded.length === 0 || this.#isFolding) return;
    this.#isFolding = true;
    const changes = held.unfolded;
    const [from, through] = [held.folded, held.folded + changes.length];
    held.unfolded = [];
    yield;
    if (this.#world.breaks('moves the log start before the fold'))
      yield* this.#recordFold(held, through);
    yield;
    const file = this.#stateFile();
    const isFenced = file.incarnation > held.incarnation;
    if (!isFenced || this.#world.breaks('lets any incarnation fold')) {
      promise(!isFenced, 'only the newest incarnation writes the state file');
      promise(file.ids.length === from, 'a fold begins where the last one ended');
      this.#world.disk.databases.set('state', { ...file, ids: [...file.ids, ...changes] });
      yield;
      held.folded = through;
      yield* this.#recordFold(held, through);
    }
    this.#isFolding = false;
  }

  *#recordFold(held: HeldTask, offset: number): Steps {
    yield* this.#store.submit((catalogue) => {
      const topic = catalogue.topicIds.get(changelog) ?? 0;
      const isNewest = catalogue.tasks.get(task)?.incarnation === held.incarnation;
      const operation = { kind: 'logStart', topic, partition: 0, offset } as const;
      return { operations: isNewest ? [operation] : [], answer: undefined };
    });
  }

  *#read(): Steps {
    yield* this.#store.follow();
    yield* this.#store.readAll();
  }

  *#moveLogStart(): Steps {
    yield* this.#store.submit((catalogue) => {
      const topic = catalogue.topicIds.get('out') ?? 0;
      const { start, end } = catalogue.topics.get(topic)?.partitions[0] ?? { start: 0, end: 0 };
      const offset = start + this.#world.choose(end - start + 1);
      const operation = { kind: 'logStart', topic, partition: 0, offset } as const;
      return { operations: offset > start ? [operation] : [], answer: undefined };
    });
  }

  *#replaceTopic(): Steps {
    const topic = this.#store.catalogue.topicIds.get('out');
    if (this.#world.oneIn(3) && topic !== undefined) {
      yield* this.#store.submit(() => ({
        operations: [{ kind: 'deleteTopic', topic }],
        answer: undefined,
      }));
    }
    yield* this.#createTopic('out');
  }

  *#createTopic(name: string): Steps {
    yield* this.#store.submit((catalogue) => {
      const topic = catalogue.nextTopic;
      const settings = { name, partitions: 1, internal: false, futureTimestampsMaxMs: 1 };
      const isNew = !catalogue.topicIds.has(name);
      const operation = { kind: 'createTopic', topic, ...settings } as const;
      return { operations: isNew ? [operation] : [], answer: undefined };
    });
  }

  *#seal(): Steps {
    yield* this.#store.submit(() => ({ operations: [{ kind: 'seal' }], answer: undefined }));
  }

  *#saveAtClose(): Steps {
    if (!this.#world.tryLock('housekeeping', this.#store.owner)) return;
    yield* save(this.#store);
    this.#world.unlock('housekeeping');
  }

  /** Requests that share an entry; refused ones are left out, and the first one's refusal told. */
  *#shared(requests: readonly SharedRequest[]): Steps {
    const refusal = yield* this.#store.submit((catalogue): Planned<unknown> => {
      const overlay = new Overlay(catalogue, clock);
      let first: unknown;
      const plans = requests.flatMap((request, index): Plan[] => {
        try {
          return [this.#plan(overlay, catalogue, request)];
        } catch (error) {
          if (index === 0) first = error;
          return [];
        }
      });
      const operations = plans.flatMap(({ before, appends }) => [...before, ...appends]);
      return { operations, answer: first };
    });
    if (refusal !== undefined) throw refusal;
  }

  #plan(overlay: Overlay, catalogue: Catalogue, request: SharedRequest): Plan {
    if (request.kind === 'append') return overlay.plan(request);
    const fits = request.commit.epoch === (catalogue.tasks.get(task)?.epoch ?? 0) + 1;
    if (fits || !this.#world.breaks('lets any incarnation commit')) return overlay.plan(request);
    const { appends } = request.commit;
    const plan = overlay.plan({ kind: 'append', appends, producer: undefined });
    return { ...plan, before: [{ kind: 'commit', ...request.commit, positions: [] }] };
  }

  #appendRequest(): SharedRequest {
    const count = this.#world.oneIn(4) ? largeBytes / 4 : 1 + this.#world.choose(2);
    const topic = this.#world.oneIn(2) ? 'in' : 'out';
    const appends = [appendOf(topic, this.#world.newIds(count))];
    return { kind: 'append', appends, producer: undefined };
  }

  #stateFile(): StateFile {
    const none: StateFile = { incarnation: 0, ids: [] };
    return (this.#world.disk.databases.get('state') as StateFile | undefined) ?? none; // as set
  }
}

/** The state file is what the changelog amounts to, up to where it says that it is folded. */
export function checkStateFile(world: World, catalogue: Catalogue): void {
  const file = world.disk.databases.get('state') as StateFile | undefined; // as set
  if (file === undefined) return;
  const topic = catalogue.topicIds.get(changelog) ?? 0;
  const { start, end } = catalogue.topics.get(topic)?.partitions[0] ?? { start: 0, end: 0 };
  const folded = file.ids.length;
  promise(start <= folded, 'there is no gap between the state file and the changelog');
  promise(folded <= end, 'a state file is not ahead of the log');
  const changes = world.truth.recordsOf(topic).slice(0, folded);
  promise(file.ids.join() === changes.join(), 'a state file is the fold of its changelog');
}

function appendOf(topic: string, ids: Ids) {
  const batches = batchOf(ids);
  return { topic, partition: 0, batches, recordCount: ids.length, maxTimestamp: 0 };
}

/** A full disk and a refused request are answers; everything else is a broken promise. */
function* ignoringRefusals(steps: Steps): Steps {
  try {
    yield* steps;
  } catch (error) {
    if (!isRefused(error, 'DISK_FULL') && !isMillraceError(error)) throw error;
  }
}

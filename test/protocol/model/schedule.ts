/**
 * A schedule: which process takes its next step, who is killed or stopped, when the power fails;
 * all from one seed. In the end every process is gone, and one that opens the directory must find
 * all that was ever shown, or report the damage that was done to it.
 */
import { entryHeaderBytes } from '../../../src/broker/entry-codec.ts';
import type { JournalTail } from '../../../src/broker/journal.ts';
import { loadCatalogue } from './catalogue-database.ts';
import { Journal, journalPath, prepareFile } from './journal.ts';
import { checkStateFile, Member } from './member.ts';
import { Store } from './store.ts';
import { promise } from './truth.ts';
import { isRefused, type Mutation, type Steps, synced, World, waiting } from './world.ts';

/** What a schedule did. */
export interface Counts {
  steps: number;
  entries: number;
  kills: number;
  stops: number;
  powerCuts: number;
  damages: number;
}

const processCount = 3;
/** Activities of one process at a time: its main thread's, and its background's. */
const activitiesMax = 3;
const stoppedStepsMax = 100;
/** How often a process dies right behind a sync. */
const killSyncedOneIn = 20;
/** Steps between two processes' turns, on average. */
const switchOneIn = 12;
/** Steps between two power cuts, on average: calm schedules come far, others crash a lot. */
const calmStepsMin = 100;
const calmStepsMax = 2000;

/** Throws a `Violation`, or whatever a bug throws. */
export function runSchedule(seed: number, steps: number, broken: readonly Mutation[]): Counts {
  return new Schedule(seed, broken).run(steps);
}

class ModelProcess {
  readonly #world: World;
  readonly #slot: number;
  #member: Member | undefined;
  #activities: Steps[] = [];
  /** Often goes on: so most schedules get somewhere. */
  #latest: Steps | undefined;
  stoppedFor = 0;

  constructor(world: World, slot: number) {
    this.#world = world;
    this.#slot = slot;
  }

  step(): typeof waiting | typeof synced | undefined {
    const activity = this.#choose();
    const { done, value } = activity.next();
    if (done === true) this.#activities = this.#activities.filter((other) => other !== activity);
    this.#latest = done === true || value === waiting ? undefined : activity;
    return done === true ? undefined : value;
  }

  /** kill -9. */
  kill(): void {
    this.#world.unlockAll(this);
    this.#activities = [];
    this.#latest = undefined;
    this.#member = undefined;
    this.stoppedFor = 0;
  }

  #choose(): Steps {
    if (this.#latest !== undefined && !this.#world.oneIn(8)) return this.#latest;
    const { length } = this.#activities;
    const isRoom = length < (this.#member === undefined ? 1 : activitiesMax);
    return this.#activities[this.#world.choose(isRoom ? length + 1 : length)] ?? this.#start();
  }

  #start(): Steps {
    const activity = this.#member?.activity() ?? this.#open();
    this.#activities.push(activity);
    return activity;
  }

  *#open(): Steps {
    this.#member = new Member(yield* Store.open(this.#world, this), this.#slot);
  }
}

class Schedule {
  readonly #world: World;
  readonly #processes: readonly ModelProcess[];
  readonly #calmSteps: number;
  readonly #counts: Counts = { steps: 0, entries: 0, kills: 0, stops: 0, powerCuts: 0, damages: 0 };

  constructor(seed: number, broken: readonly Mutation[]) {
    const world = new World(seed, broken);
    this.#world = world;
    this.#calmSteps = calmStepsMin + world.choose(calmStepsMax - calmStepsMin);
    this.#processes = Array.from({ length: processCount }, (_, i) => new ModelProcess(world, i));
    makeDirectory(world);
  }

  run(steps: number): Counts {
    this.#world.failsWrites = true;
    let current = this.#next();
    while (this.#counts.steps < steps) {
      this.#disturb();
      this.#counts.steps++;
      const isStopped = current.stoppedFor > 0;
      if (isStopped) current.stoppedFor--;
      const step = isStopped ? waiting : current.step();
      if (step === synced && this.#world.oneIn(killSyncedOneIn)) this.#kill(current);
      if (step === waiting || this.#world.oneIn(switchOneIn)) current = this.#next();
    }
    this.#world.failsWrites = false;
    this.#end();
    this.#counts.entries = this.#world.truth.applied;
    return this.#counts;
  }

  #next(): ModelProcess {
    const process = this.#processes[this.#world.choose(processCount)];
    promise(process !== undefined, 'there are processes');
    return process;
  }

  #disturb(): void {
    const disturbance = this.#world.choose(this.#calmSteps);
    if (disturbance === 0) this.#powerCut();
    else if (disturbance <= 3) this.#kill(this.#next());
    else if (disturbance <= 6) this.#stop();
  }

  #kill(process: ModelProcess): void {
    this.#counts.kills++;
    process.kill();
  }

  #stop(): void {
    this.#counts.stops++;
    this.#next().stoppedFor = this.#world.choose(stoppedStepsMax);
  }

  #powerCut(): void {
    this.#counts.powerCuts++;
    for (const process of this.#processes) process.kill();
    this.#world.disk.powerCut(this.#world.choose);
  }

  #end(): void {
    const world = this.#world;
    if (world.oneIn(2)) this.#powerCut();
    else for (const process of this.#processes) process.kill();
    if (!world.breaks('spares the disk') && world.oneIn(4) && damageOneEntry(world)) {
      this.#counts.damages++;
      promise(isFoundDamaged(world), 'damage to what was acknowledged is found');
      return;
    }
    const store = finish(Store.open(world, {}));
    promise(store.catalogue.applied >= world.truth.applied, 'what was shown is there');
    world.truth.check(store.catalogue);
    finish(store.readAll());
    checkStateFile(world, store.catalogue);
  }
}

function makeDirectory(world: World): void {
  const { disk } = world;
  for (const name of ['journal', 'topics']) disk.makeDirectory(name);
  disk.create('journal/mark');
  finish(prepareFile(world, journalPath(1), 1));
  for (const name of ['', 'journal']) disk.syncDirectory(name);
  finish(new Member(finish(Store.open(world, {})), 0).prepare());
}

/**
 * Flips a bit of an entry that opening will read, and that something vouches for: an entry behind
 * it, or the mark. False where there is none.
 */
function damageOneEntry(world: World): boolean {
  const { catalogue, tail } = loadCatalogue(world.disk);
  const tails: JournalTail[] = [];
  const journal = new Journal(world, tail);
  let before = tail;
  const reading = journal.follow('sync', () => {
    tails.push(before);
    before = journal.tail;
  });
  finish(reading);
  const mark = world.disk.open('journal/mark')?.bytes ?? new Uint8Array(4);
  const marked = mark.length < 4 ? 0 : new DataView(mark.buffer).getUint32(0);
  const vouched = tails.filter(({ sequence }, i) => i + 1 < tails.length || sequence + 1 <= marked);
  const chosen = vouched[world.choose(vouched.length)];
  if (chosen === undefined || catalogue.applied > chosen.sequence) return false;
  const file = world.disk.open(journalPath(chosen.journal));
  const at = chosen.position + world.choose(entryHeaderBytes);
  const byte = file?.bytes[at];
  if (file === undefined || byte === undefined) return false;
  file.writePage(at, Uint8Array.of(byte ^ (1 << world.choose(8))));
  return true;
}

function isFoundDamaged(world: World): boolean {
  try {
    finish(Store.open(world, {}));
    return false;
  } catch (error) {
    return isRefused(error, 'DAMAGED');
  }
}

function finish<Result>(steps: Steps<Result>): Result {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

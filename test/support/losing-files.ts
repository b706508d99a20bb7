/**
 * A file system in memory that forgets in a power cut what was not synced, and fails on demand.
 *
 * It is one machine's. Each simulated process sees it through `process()`, which is a `FileSystem`;
 * they see one another's writes at once. A killed process loses nothing that it wrote, but its
 * handles are dead. `powerCut` gives the machine as it starts again (losing-nodes.ts says what may
 * survive); the old one stays as it was, so that one state can be cut in many ways.
 *
 * Directories count: a new file, a rename or a removal is durable once its directory was synced, a
 * new directory once its parent was. Stricter than ext4, where a sync of one thing often makes
 * others durable too.
 */
import type { FileSystemKind } from '../../src/platform/index.ts';
import type { Choose } from './choices.ts';
import { LosingDirectory, type LosingNode } from './losing-nodes.ts';
import { failure, faultOf, namesOf } from './losing-paths.ts';
import { LosingProcess } from './losing-process.ts';

/** Everything that a process does to files, as far as it can fail. */
export type FileOperation =
  | 'open'
  | 'read'
  | 'write'
  | 'sync'
  | 'truncate'
  | 'makeDirectory'
  | 'rename'
  | 'remove'
  | 'syncDirectory';

export interface Fault {
  /** How many calls of this kind still succeed. Default 0. */
  readonly after?: number;
  /** Default `IO`. */
  readonly error?: 'DISK_FULL' | 'IO';
  /** How much of a failing write is written all the same, in bytes. Default 0. */
  readonly shortWriteBytes?: number;
  /** Which files it may hit. Default all. */
  readonly path?: (path: string) => boolean;
}

interface Watch {
  readonly path: string;
  readonly process: LosingProcess;
  readonly onChange: () => void;
}

/** The fault that an operation must fail with. */
export interface DueFault {
  readonly error: Error;
  readonly shortWriteBytes: number;
}

interface PlannedFault extends Fault {
  readonly operation: FileOperation;
  left: number;
}

const systemErrors = { IO: 'EIO', DISK_FULL: 'ENOSPC' } as const;

export class LosingFileSystem {
  /** Mutation: a sync of this file or directory does nothing, and says that it has succeeded. */
  ignoreSync: (path: string, kind: 'file' | 'directory') => boolean = () => false;
  /** Called before each operation of any process; may kill the process and throw. */
  beforeOperation: (operation: FileOperation, path: string) => void = () => {};
  /** What `kindOf` says of every directory. */
  kind: FileSystemKind = 'local';
  /** Wall clock for `modifiedAt`, in ms. */
  now: () => number = () => 0;
  readonly watches: Set<Watch> = new Set();
  readonly #root: LosingDirectory;
  readonly #faults: PlannedFault[] = [];

  constructor(root: LosingDirectory = new LosingDirectory()) {
    this.#root = root;
  }

  /**
   * The file system as one process sees it. `schedule` runs what `watch` reports. Default
   * setImmediate.
   */
  process(schedule: (run: () => void) => void = setImmediate): LosingProcess {
    return new LosingProcess(this, schedule);
  }

  /** The next operation of this kind fails, once. */
  failNext(operation: FileOperation, fault: Fault = {}): void {
    this.#faults.push({ ...fault, operation, left: fault.after ?? 0 });
  }

  /** What is left after a power cut. `onSurvivor` is told which node became which. */
  powerCut(
    choose: Choose,
    onSurvivor: (before: LosingNode, after: LosingNode) => void = () => {},
  ): LosingFileSystem {
    const survivors = new Map<LosingNode, LosingNode>(); // a file may have survived under two names
    const survivorOf = (node: LosingNode): LosingNode => {
      const known = survivors.get(node);
      if (known !== undefined) return known;
      const survivor = node.survivor(choose, survivorOf);
      survivors.set(node, survivor);
      onSurvivor(node, survivor);
      return survivor;
    };
    const after = new LosingFileSystem(this.#root.survivor(choose, survivorOf));
    after.ignoreSync = this.ignoreSync;
    after.kind = this.kind;
    after.now = this.now;
    return after;
  }

  /** The files and directories with changes that a power cut may lose. */
  unsynced(): string[] {
    const paths: string[] = [];
    const visit = (directory: LosingDirectory, path: string): void => {
      if (directory.hasUnsynced) paths.push(`${path}/`);
      for (const name of directory.names.sort()) {
        const node = directory.get(name);
        if (node?.kind === 'directory') visit(node, `${path}/${name}`);
        else if (node?.hasUnsynced === true) paths.push(`${path}/${name}`);
      }
    };
    visit(this.#root, '');
    return paths;
  }

  /** Makes one name durable, and nothing else in its directory. */
  syncName(path: string): void {
    const names = namesOf(path);
    const name = names.pop() ?? '';
    this.directory(names.join('/'), 'sync the directory').syncName(name);
  }

  find(path: string): LosingNode | undefined {
    let node: LosingNode | undefined = this.#root;
    for (const name of namesOf(path)) {
      if (node?.kind !== 'directory') return undefined;
      node = node.get(name);
    }
    return node;
  }

  /** Fails with `IO` where it is missing, or is a file. */
  directory(path: string, action: string): LosingDirectory {
    const node = this.find(path);
    if (node?.kind === 'directory') return node;
    throw failure(action, path, node === undefined ? 'ENOENT' : 'ENOTDIR');
  }

  /** Announces an operation; returns the fault that was planned for it. */
  enter(operation: FileOperation, path: string): DueFault | undefined {
    this.beforeOperation(operation, path);
    for (const [i, fault] of this.#faults.entries()) {
      if (fault.operation !== operation || fault.path?.(path) === false) continue;
      if (fault.left-- > 0) continue;
      this.#faults.splice(i, 1);
      const error = faultOf(operation, path, systemErrors[fault.error ?? 'IO']);
      return { error, shortWriteBytes: fault.shortWriteBytes ?? 0 };
    }
    return undefined;
  }

  changed(path: string): void {
    const names = namesOf(path);
    const [file, directory] = [names.join('/'), names.slice(0, -1).join('/')];
    for (const watch of this.watches) {
      const watched = namesOf(watch.path).join('/');
      if (watched !== file && watched !== directory) continue;
      watch.process.schedule(() => {
        if (this.watches.has(watch)) watch.onChange();
      });
    }
  }
}

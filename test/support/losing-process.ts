/** One simulated process's view of a losing file system, and its handles. */
import type { File, FileSystem, FileSystemKind, OpenMode } from '../../src/platform/index.ts';
import type { DueFault, FileOperation, LosingFileSystem } from './losing-files.ts';
import { LosingDirectory, LosingFile, type LosingNode } from './losing-nodes.ts';
import { failure, namesOf } from './losing-paths.ts';

/** What ends the code of a killed process: thrown by whatever it touches next. */
export class Crash extends Error {
  override readonly name = 'Crash';
}

/** One process's view. */
export class LosingProcess implements FileSystem {
  readonly schedule: (run: () => void) => void;
  readonly #machine: LosingFileSystem;
  #killed = false;

  constructor(machine: LosingFileSystem, schedule: (run: () => void) => void) {
    this.#machine = machine;
    this.schedule = schedule;
  }

  /** From here on whatever the process does throws `Crash`. What it wrote stays. */
  kill(): void {
    this.#killed = true;
    for (const watch of this.#machine.watches) {
      if (watch.process === this) this.#machine.watches.delete(watch);
    }
  }

  open(path: string, mode: OpenMode): File {
    this.#enter('open', path);
    const { parent, name } = this.#place('open', path);
    const node = parent.get(name);
    if (node?.kind === 'directory') throw failure('open', path, 'EISDIR');
    if (mode !== 'create') {
      if (node === undefined) throw failure('open', path, 'ENOENT');
      return new LosingHandle(this.#machine, this, node, path, mode);
    }
    if (node !== undefined) throw failure('open', path, 'EEXIST');
    const file = new LosingFile(this.#machine.now());
    parent.link(name, file);
    this.#machine.changed(path);
    return new LosingHandle(this.#machine, this, file, path, mode);
  }

  exists(path: string): boolean {
    return this.#find(path) !== undefined;
  }

  sizeOf(path: string): number | undefined {
    const node = this.#find(path);
    return node?.kind === 'file' ? node.size : undefined;
  }

  list(path: string): string[] {
    const node = this.#find(path);
    if (node?.kind === 'file') throw failure('list', path, 'ENOTDIR');
    return node?.names.sort() ?? [];
  }

  makeDirectory(path: string): void {
    this.#enter('makeDirectory', path);
    const names = namesOf(path);
    for (let depth = 1; depth <= names.length; depth++) {
      const node = this.#machine.find(names.slice(0, depth).join('/'));
      if (node?.kind === 'directory') continue;
      if (node !== undefined) throw failure('make the directory', path, 'ENOTDIR');
      const parent = names.slice(0, depth - 1).join('/');
      const name = names[depth - 1] ?? '';
      this.#machine.directory(parent, 'make the directory').link(name, new LosingDirectory());
      this.#machine.changed(`${parent}/${name}`);
    }
  }

  rename(from: string, to: string): void {
    this.#enter('rename', from);
    const source = this.#place('rename', from);
    const target = this.#place('rename', to);
    const node = source.parent.get(source.name);
    if (node === undefined) throw failure(`rename to ${to}`, from, 'ENOENT');
    if (source.parent === target.parent) {
      source.parent.rename(source.name, target.name, node);
    } else {
      target.parent.link(target.name, node);
      source.parent.unlink(source.name);
    }
    this.#machine.changed(from);
    this.#machine.changed(to);
  }

  remove(path: string): void {
    this.#enter('remove', path);
    const node = this.#machine.find(path);
    if (node === undefined) return;
    if (node.kind === 'directory') for (const name of node.names) this.remove(`${path}/${name}`);
    const { parent, name } = this.#place('remove', path);
    parent.unlink(name);
    this.#machine.changed(path);
  }

  syncDirectory(path: string): void {
    const fault = this.announce('syncDirectory', path);
    const directory = this.#machine.directory(path, 'sync the directory');
    if (fault !== undefined) {
      directory.forgetUnsynced();
      throw fault.error;
    }
    if (!this.#machine.ignoreSync(path, 'directory')) directory.sync();
  }

  modifiedAt(path: string): number | undefined {
    const node = this.#find(path);
    return node?.kind === 'file' ? node.modifiedAt : undefined;
  }

  kindOf(path: string): FileSystemKind {
    this.#machine.directory(path, 'look at the file system of');
    return this.#machine.kind;
  }

  watch(path: string, onChange: () => void): { close(): void } {
    const watch = { path, process: this, onChange };
    if (this.exists(path)) this.#machine.watches.add(watch);
    return { close: () => void this.#machine.watches.delete(watch) };
  }

  /** Throws where the process is dead; returns the fault that was planned for the operation. */
  announce(operation: FileOperation, path: string): DueFault | undefined {
    this.requireAlive();
    const fault = this.#machine.enter(operation, path);
    this.requireAlive();
    return fault;
  }

  requireAlive(): void {
    if (this.#killed) throw new Crash('the process was killed');
  }

  #enter(operation: FileOperation, path: string): void {
    const fault = this.announce(operation, path);
    if (fault !== undefined) throw fault.error;
  }

  #find(path: string): LosingNode | undefined {
    this.requireAlive();
    return this.#machine.find(path);
  }

  #place(action: string, path: string): { parent: LosingDirectory; name: string } {
    const names = namesOf(path);
    const name = names.pop();
    if (name === undefined) throw failure(action, path, 'EPERM');
    return { parent: this.#machine.directory(`/${names.join('/')}`, action), name };
  }
}

class LosingHandle implements File {
  readonly #machine: LosingFileSystem;
  readonly #process: LosingProcess;
  readonly #node: LosingFile;
  readonly #path: string;
  readonly #mode: OpenMode;
  #closed = false;

  constructor(
    machine: LosingFileSystem,
    process: LosingProcess,
    node: LosingFile,
    path: string,
    mode: OpenMode,
  ) {
    this.#machine = machine;
    this.#process = process;
    this.#node = node;
    this.#path = path;
    this.#mode = mode;
  }

  read(target: Uint8Array, targetOffset: number, length: number, position: number): number {
    this.#requireOpen('read');
    this.#enter('read');
    return this.#node.read(target, targetOffset, length, position);
  }

  write(bytes: Uint8Array, position: number): void {
    this.#requireWritable('write to');
    const fault = this.#process.announce('write', this.#path);
    const part = fault === undefined ? bytes : bytes.subarray(0, fault.shortWriteBytes);
    this.#node.write(part, position);
    this.#touch();
    if (fault !== undefined) throw fault.error;
  }

  sync(): void {
    this.#requireOpen('sync');
    const fault = this.#process.announce('sync', this.#path);
    if (fault !== undefined) {
      this.#node.forgetUnsynced();
      throw fault.error;
    }
    if (!this.#machine.ignoreSync(this.#path, 'file')) this.#node.sync();
  }

  size(): number {
    this.#requireOpen('look at');
    return this.#node.size;
  }

  truncate(size: number): void {
    this.#requireWritable('truncate');
    this.#enter('truncate');
    this.#node.truncate(size);
    this.#touch();
  }

  close(): void {
    this.#closed = true;
  }

  #touch(): void {
    this.#node.modifiedAt = this.#machine.now();
    this.#machine.changed(this.#path);
  }

  #enter(operation: 'read' | 'truncate'): void {
    const fault = this.#process.announce(operation, this.#path);
    if (fault !== undefined) throw fault.error;
  }

  #requireWritable(action: string): void {
    this.#requireOpen(action);
    if (this.#mode === 'read') throw failure(action, this.#path, 'EBADF');
  }

  #requireOpen(action: string): void {
    this.#process.requireAlive();
    if (this.#closed) throw failure(action, this.#path, 'EBADF');
  }
}

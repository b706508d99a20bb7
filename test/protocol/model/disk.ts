/**
 * The disk of the model: what was written can be read by every process at once and survives a
 * killed one; what was synced survives a power cut as well. Of the rest each page, and each name in
 * a directory, survives or not independently of all others, in any of the versions that it had
 * since its last sync.
 *
 * SQLite is taken at its word: `databases` holds values, and setting one is a durable transaction.
 */
import type { Choose } from '../../support/choices.ts';

/** What is written or lost as one, in bytes. */
export const pageBytes = 128;

export class Inode {
  bytes: Uint8Array = new Uint8Array(0);
  /** Earlier versions of the pages that were written since the last sync; the durable one first. */
  #earlier = new Map<number, Uint8Array[]>();

  /** `bytes` lie in one page. */
  writePage(position: number, bytes: Uint8Array): void {
    const page = Math.floor(position / pageBytes);
    const start = page * pageBytes;
    if (this.bytes.length < start + pageBytes) {
      const longer = new Uint8Array(start + pageBytes);
      longer.set(this.bytes);
      this.bytes = longer;
    }
    const earlier = this.#earlier.get(page) ?? [];
    earlier.push(this.bytes.slice(start, start + pageBytes));
    this.#earlier.set(page, earlier);
    this.bytes.set(bytes, position);
  }

  sync(): void {
    this.#earlier.clear();
  }

  powerCut(choose: Choose): void {
    for (const [page, earlier] of this.#earlier) {
      const kept = earlier[choose(earlier.length + 1)];
      if (kept !== undefined) this.bytes.set(kept, page * pageBytes);
    }
    this.#earlier.clear();
  }
}

type Node = Inode | 'directory' | undefined;

interface Name {
  now: Node;
  /** What the name stood for since its directory was last synced; the durable one first. */
  earlier: Node[];
}

export class Disk {
  readonly databases = new Map<string, unknown>();
  readonly #names = new Map<string, Name>();

  exists(path: string): boolean {
    return this.#names.get(path)?.now !== undefined;
  }

  open(path: string): Inode | undefined {
    const node = this.#names.get(path)?.now;
    return node instanceof Inode ? node : undefined;
  }

  create(path: string): Inode {
    const inode = new Inode();
    this.#set(path, inode);
    return inode;
  }

  makeDirectory(path: string): void {
    const parent = parentOf(path);
    if (parent !== '') this.makeDirectory(parent);
    if (!this.exists(path)) this.#set(path, 'directory');
  }

  remove(path: string): void {
    if (this.exists(path)) this.#set(path, undefined);
  }

  rename(from: string, to: string): void {
    this.#set(to, this.#names.get(from)?.now);
    this.#set(from, undefined);
  }

  /** Files below a directory. */
  list(directory: string): string[] {
    return [...this.#names].flatMap(([path, { now }]) =>
      now instanceof Inode && path.startsWith(`${directory}/`) ? [path] : [],
    );
  }

  syncDirectory(directory: string): void {
    for (const [path, name] of this.#names) if (parentOf(path) === directory) name.earlier = [];
  }

  powerCut(choose: Choose): void {
    for (const name of this.#names.values()) {
      const kept = choose(name.earlier.length + 1);
      if (kept < name.earlier.length) name.now = name.earlier[kept];
      name.earlier = [];
    }
    for (const [path, name] of this.#names) {
      const parent = parentOf(path);
      if (parent !== '' && !this.exists(parent)) name.now = undefined;
      if (name.now instanceof Inode) name.now.powerCut(choose);
    }
  }

  #set(path: string, node: Node): void {
    const name = this.#names.get(path) ?? { now: undefined, earlier: [] };
    name.earlier.push(name.now);
    name.now = node;
    this.#names.set(path, name);
  }
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

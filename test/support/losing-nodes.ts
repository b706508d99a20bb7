/**
 * Files and directories that know what of them is durable.
 *
 * Each has two sides: the cache, which every process sees, and the disk, which is what a sync has
 * reached. Between them lie the pending changes. A power cut keeps some of those, in any
 * combination that hardware can leave:
 *
 *   file        the disk, with any of the pending writes, each whole or torn between sectors,
 *               cut or grown to one of the sizes that it went through
 *   directory   the disk, with any of the pending links and removals;
 *               a rename within a directory is one change
 *
 * A sector is atomic, and is written as the cache holds it: a later write to it never survives
 * without the earlier ones. Where the size survived and the bytes did not, there are zeros.
 */
import type { Choose } from './choices.ts';

const sectorBytes = 512;

export type LosingNode = LosingFile | LosingDirectory;

interface PendingWrite {
  readonly position: number;
  readonly bytes: Uint8Array;
  readonly sizeAfter: number;
}

export class LosingFile {
  readonly kind = 'file';
  modifiedAt: number;
  readonly #cache: Bytes;
  readonly #disk: Bytes;
  #pending: PendingWrite[] = [];

  constructor(modifiedAt: number, disk: Bytes = new Bytes()) {
    this.modifiedAt = modifiedAt;
    this.#disk = disk;
    this.#cache = disk.copy();
  }

  get size(): number {
    return this.#cache.length;
  }

  get hasUnsynced(): boolean {
    return this.#pending.length > 0;
  }

  read(target: Uint8Array, targetOffset: number, length: number, position: number): number {
    const bytes = this.#cache.view(position, position + length);
    target.set(bytes, targetOffset);
    return bytes.length;
  }

  write(bytes: Uint8Array, position: number): void {
    if (bytes.length === 0) return;
    this.#change(position, bytes.slice(), Math.max(this.size, position + bytes.length));
  }

  truncate(size: number): void {
    this.#change(size, new Uint8Array(Math.max(0, this.size - size)), size);
  }

  sync(): void {
    for (const change of this.#pending) apply(this.#disk, change);
    this.#pending = [];
  }

  /**
   * After a failed sync the pages count as clean: the cache still shows them, and no later sync
   * writes them.
   */
  forgetUnsynced(): void {
    this.#pending = [];
  }

  /** The file after a power cut. */
  survivor(choose: Choose): LosingFile {
    const disk = this.#disk.copy();
    const keptThrough = chooseSectors(this.#pending, choose);
    for (const [i, { position, bytes }] of this.#pending.entries()) {
      for (const [sector, from, to] of sectorsOf(position, bytes.length)) {
        if ((keptThrough.get(sector) ?? -1) < i) continue;
        disk.write(bytes.subarray(from - position, to - position), from);
      }
    }
    const sizes = [...new Set([this.#disk.length, ...this.#pending.map((p) => p.sizeAfter)])];
    disk.setLength(sizes[sizes.length === 1 ? 0 : choose(sizes.length)] ?? 0);
    return new LosingFile(this.modifiedAt, disk);
  }

  #change(position: number, bytes: Uint8Array, sizeAfter: number): void {
    const change = { position, bytes, sizeAfter };
    apply(this.#cache, change);
    this.#pending.push(change);
  }
}

interface PendingNames {
  readonly removed: readonly string[];
  readonly linked: readonly (readonly [name: string, node: LosingNode])[];
}

export class LosingDirectory {
  readonly kind = 'directory';
  readonly #cache: Map<string, LosingNode>;
  readonly #disk: Map<string, LosingNode>;
  #pending: PendingNames[] = [];

  constructor(disk: Map<string, LosingNode> = new Map()) {
    this.#disk = disk;
    this.#cache = new Map(disk);
  }

  get hasUnsynced(): boolean {
    return this.#pending.length > 0;
  }

  get names(): string[] {
    return [...this.#cache.keys()];
  }

  get(name: string): LosingNode | undefined {
    return this.#cache.get(name);
  }

  link(name: string, node: LosingNode): void {
    this.#change({ removed: [], linked: [[name, node]] });
  }

  unlink(name: string): void {
    this.#change({ removed: [name], linked: [] });
  }

  rename(from: string, to: string, node: LosingNode): void {
    this.#change({ removed: [from], linked: [[to, node]] });
  }

  sync(): void {
    for (const change of this.#pending) applyNames(this.#disk, change);
    this.#pending = [];
  }

  /**
   * Makes one name durable, as SQLite does for its own files, and nothing else in the directory.
   */
  syncName(name: string): void {
    const node = this.#cache.get(name);
    if (node !== undefined) this.#disk.set(name, node);
  }

  forgetUnsynced(): void {
    this.#pending = [];
  }

  /** The directory after a power cut; `survivorOf` gives what is left of the nodes in it. */
  survivor(choose: Choose, survivorOf: (node: LosingNode) => LosingNode): LosingDirectory {
    const disk = new Map(this.#disk);
    for (const change of this.#pending) if (choose(2) === 1) applyNames(disk, change);
    return new LosingDirectory(new Map([...disk].map(([name, node]) => [name, survivorOf(node)])));
  }

  #change(change: PendingNames): void {
    applyNames(this.#cache, change);
    this.#pending.push(change);
  }
}

/** Bytes that grow. */
class Bytes {
  #buffer: Uint8Array;
  #length = 0;

  constructor(bytes: Uint8Array = new Uint8Array(0)) {
    this.#buffer = bytes;
    this.#length = bytes.length;
  }

  get length(): number {
    return this.#length;
  }

  view(from: number, to: number): Uint8Array {
    return this.#buffer.subarray(Math.min(from, this.#length), Math.min(to, this.#length));
  }

  copy(): Bytes {
    return new Bytes(this.#buffer.slice(0, this.#length));
  }

  write(bytes: Uint8Array, position: number): void {
    const end = position + bytes.length;
    if (end > this.#length) this.setLength(end);
    this.#buffer.set(bytes, position);
  }

  /** What is new is zeros, also where there were bytes before the file was cut. */
  setLength(length: number): void {
    if (length > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(length, this.#buffer.length * 2));
      larger.set(this.#buffer);
      this.#buffer = larger;
    }
    if (length < this.#length) this.#buffer.fill(0, length, this.#length);
    this.#length = length;
  }
}

function apply(target: Bytes, { position, bytes, sizeAfter }: PendingWrite): void {
  target.write(bytes, position);
  target.setLength(sizeAfter);
}

function applyNames(target: Map<string, LosingNode>, { removed, linked }: PendingNames): void {
  for (const name of removed) target.delete(name);
  for (const [name, node] of linked) target.set(name, node);
}

/** For each sector the last write that survives in it. */
function chooseSectors(pending: readonly PendingWrite[], choose: Choose): Map<number, number> {
  const keptThrough = new Map<number, number>();
  for (const [i, { position, bytes }] of pending.entries()) {
    const first = Math.floor(position / sectorBytes);
    const count = Math.ceil((position + bytes.length) / sectorBytes) - first;
    const [from, to] = bytes.length === 0 ? [0, 0] : chooseTear(count, choose);
    for (let sector = first + from; sector < first + to; sector++) keptThrough.set(sector, i);
  }
  return keptThrough;
}

/** Which of `count` sectors survive: none, the first ones, the last ones, or all. */
function chooseTear(count: number, choose: Choose): [from: number, to: number] {
  switch (choose(4)) {
    case 0:
      return [0, 0];
    case 1:
      return [0, choose(count)];
    case 2:
      return [count - choose(count), count];
    default:
      return [0, count];
  }
}

/** The parts of a range that lie in one sector each. */
function* sectorsOf(position: number, length: number): Generator<[number, number, number]> {
  const end = position + length;
  for (let from = position; from < end; ) {
    const sector = Math.floor(from / sectorBytes);
    const to = Math.min(end, (sector + 1) * sectorBytes);
    yield [sector, from, to];
    from = to;
  }
}

/**
 * Where the records of one partition lie: ranges in offset order, each a run of whole batches in
 * one file.
 *
 *   offsets   0        40       55                  9000      9100
 *             |--------|--------|-------------------|---------|--> end
 *   file      journal 7 journal 7  segment (large)    journal 8
 *
 * The list is also the sparse index: a range is one append, or what the sorter made of several (64
 * KiB and more), so finding an offset is a binary search and then a walk over the batch headers of
 * one range.
 *
 * Columns instead of objects: a busy journal file has hundreds of thousands of ranges.
 */
import { assert } from '../platform/index.ts';
import type { FileRef } from './file-ref.ts';

export interface Range {
  readonly base: number;
  /** The offset after the last record. */
  readonly end: number;
  readonly maxTimestamp: number;
  readonly file: FileRef;
  /** Byte position in the file. */
  readonly position: number;
  /** Bytes. */
  readonly length: number;
}

/** Numbers that one range takes in `pack`. */
export const rangeColumns = 6;

export class RangeList {
  #base: number[] = [];
  #end: number[] = [];
  #maxTimestamp: number[] = [];
  #file: number[] = [];
  #position: number[] = [];
  #length: number[] = [];
  #bytes = 0;

  get count(): number {
    return this.#base.length;
  }

  at(index: number): Range {
    const base = this.#base[index];
    assert(base !== undefined, 'a range is asked for by an index that exists');
    return {
      base,
      end: this.#end[index] as number, // the columns have one length
      maxTimestamp: this.#maxTimestamp[index] as number,
      file: this.#file[index] as number,
      position: this.#position[index] as number,
      length: this.#length[index] as number,
    };
  }

  push(range: Range): void {
    this.#base.push(range.base);
    this.#end.push(range.end);
    this.#maxTimestamp.push(range.maxTimestamp);
    this.#file.push(range.file);
    this.#position.push(range.position);
    this.#length.push(range.length);
    this.#bytes += range.length;
  }

  /** The index of the first range that ends after `offset`; `count` where there is none. */
  find(offset: number): number {
    let low = 0;
    let high = this.#end.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#end[middle] as number) <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /**
   * The index of the first range with a record at `timestamp` or later; `count` where there is
   * none.
   */
  findTimestamp(timestamp: number): number {
    const index = this.#maxTimestamp.findIndex((max) => max >= timestamp);
    return index === -1 ? this.count : index;
  }

  /**
   * Puts `ranges` (in offset order) in the place of all that lie in `file`; returns the first index
   * that changed. The columns are cut and joined as wholes: a busy journal file has too many ranges
   * to walk over them as objects.
   */
  replaceFile(file: FileRef, ranges: readonly Range[]): number {
    const first = this.#file.indexOf(file);
    if (first === -1) return this.count;
    const last = this.#file.lastIndexOf(file);
    const between: Range[] = [];
    for (let i = first; i <= last; i++) if (this.#file[i] !== file) between.push(this.at(i));
    const middle = new RangeList();
    for (const range of mergeByBase(between, ranges)) middle.push(range);
    const cut = (column: number[], insert: readonly number[]) =>
      column.slice(0, first).concat(insert, column.slice(last + 1));
    this.#base = cut(this.#base, middle.#base);
    this.#end = cut(this.#end, middle.#end);
    this.#maxTimestamp = cut(this.#maxTimestamp, middle.#maxTimestamp);
    this.#file = cut(this.#file, middle.#file);
    this.#position = cut(this.#position, middle.#position);
    for (let i = first; i <= last; i++) this.#bytes -= this.#length[i] ?? 0;
    this.#bytes += middle.#bytes;
    this.#length = cut(this.#length, middle.#length);
    return first;
  }

  /** Whether a range lies in `file`; quick where a late one does. */
  hasFile(file: FileRef): boolean {
    return this.#file.lastIndexOf(file) !== -1;
  }

  /** The files in which ranges lie, each with the byte behind its last one. */
  extents(): Map<FileRef, number> {
    const extents = new Map<FileRef, number>();
    for (const [i, file] of this.#file.entries()) {
      const end = (this.#position[i] ?? 0) + (this.#length[i] ?? 0);
      if (end > (extents.get(file) ?? 0)) extents.set(file, end);
    }
    return extents;
  }

  /** Forgets the ranges that end at or before `start`; returns how many. */
  dropBefore(start: number): number {
    const count = this.find(start);
    for (let i = 0; i < count; i++) this.#bytes -= this.#length[i] ?? 0;
    for (const column of this.#columns()) column.splice(0, count);
    return count;
  }

  /** Bytes of all ranges. */
  get bytes(): number {
    return this.#bytes;
  }

  toArray(): Range[] {
    return this.#base.map((_, index) => this.at(index));
  }

  /** The ranges `[from, to)` as numbers, six each, for storage. */
  pack(from: number, to: number): Float64Array {
    const packed = new Float64Array((to - from) * rangeColumns);
    for (let i = from, at = 0; i < to; i++, at += rangeColumns) this.#packOne(i, packed, at);
    return packed;
  }

  /** The ranges that lie in `file`, as `pack` gives them. */
  packFile(file: FileRef): Float64Array<ArrayBuffer> {
    const first = this.#file.indexOf(file);
    const last = this.#file.lastIndexOf(file);
    if (first === -1) return new Float64Array(0);
    const packed = new Float64Array((last + 1 - first) * rangeColumns);
    let at = 0;
    for (let i = first; i <= last; i++) {
      if (this.#file[i] !== file) continue;
      this.#packOne(i, packed, at);
      at += rangeColumns;
    }
    return packed.subarray(0, at);
  }

  /** Appends what `pack` made. */
  unpack(packed: Float64Array): void {
    for (let i = 0; i + rangeColumns <= packed.length; i += rangeColumns) {
      const [base, end, maxTimestamp, file, position, length] = packed.subarray(
        i,
        i + rangeColumns,
      );
      this.push({ base, end, maxTimestamp, file, position, length } as Range); // six numbers each
    }
  }

  #packOne(index: number, into: Float64Array, at: number): void {
    into[at] = this.#base[index] as number; // the columns have one length
    into[at + 1] = this.#end[index] as number;
    into[at + 2] = this.#maxTimestamp[index] as number;
    into[at + 3] = this.#file[index] as number;
    into[at + 4] = this.#position[index] as number;
    into[at + 5] = this.#length[index] as number;
  }

  #columns(): number[][] {
    return [this.#base, this.#end, this.#maxTimestamp, this.#file, this.#position, this.#length];
  }
}

function mergeByBase(left: readonly Range[], right: readonly Range[]): Range[] {
  const merged: Range[] = [];
  let l = 0;
  let r = 0;
  while (l < left.length || r < right.length) {
    const a = left[l];
    const b = right[r];
    if (b === undefined || (a !== undefined && a.base < b.base)) {
      merged.push(a as Range); // one of the two is there
      l++;
    } else {
      merged.push(b);
      r++;
    }
  }
  return merged;
}

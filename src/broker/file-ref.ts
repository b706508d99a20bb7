/**
 * Which file holds a range of a partition, as one number: its kind in the two low bits, its own
 * number above.
 *
 *   journal(n)  journal/<n>.journal
 *   sorted(n)   topics/<topic>/<partition>/sorted-<n>.log   what the sorter made of journal file n
 *   large(n)    topics/<topic>/<partition>/large-<n>.log    large appends; n counts such files
 *
 * A segment's name says where it came from and is used once, so a reader never finds another
 * content under it.
 */
export type FileRef = number;

export type FileKind = 'journal' | 'sorted' | 'large';

const kinds: readonly FileKind[] = ['journal', 'sorted', 'large'];

export function fileRef(kind: FileKind, number: number): FileRef {
  return number * 4 + kinds.indexOf(kind);
}

export function kindOf(file: FileRef): FileKind {
  return kinds[file % 4] ?? 'journal';
}

export function numberOf(file: FileRef): number {
  return Math.floor(file / 4);
}

/** The name of the file in its directory. */
export function fileNameOf(file: FileRef): string {
  const number = numberOf(file);
  return kindOf(file) === 'journal' ? `${number}.journal` : `${kindOf(file)}-${number}.log`;
}

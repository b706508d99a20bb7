/**
 * Checks of options objects: a misspelled name is refused, with the one that was probably meant.
 */
import { MillraceError } from './errors.ts';

/** Fails with `INVALID` for a name that `known` does not have; `where` names the call. */
export function checkOptions(where: string, options: object, known: readonly string[]): void {
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    const likely = nearest(name, known);
    const hint =
      likely === undefined ? `it takes ${known.join(', ')}` : `did you mean "${likely}"?`;
    throw new MillraceError('INVALID', `${where} has no option "${name}": ${hint}`);
  }
}

/** Fails with `INVALID` where one of these is given and not a number from 0 on. */
export function checkNumbers(where: string, options: object, names: readonly string[]): void {
  for (const [name, value] of Object.entries(options)) {
    if (!names.includes(name) || (typeof value === 'number' && value >= 0)) continue;
    throw new MillraceError(
      'INVALID',
      `${where}: ${name} can't be ${String(value)}: it takes a number, 0 or more.`,
    );
  }
}

/** Fails with `INVALID` for anything but a share: more than 0, at most 1. */
export function checkShare(where: string, value: unknown): void {
  if (typeof value === 'number' && value > 0 && value <= 1) return;
  throw new MillraceError(
    'INVALID',
    `${where} can't be ${String(value)}: it takes a number above 0, and at most 1.`,
  );
}

/** Fails with `INVALID` where a value is none of these. */
export function checkChoice(where: string, value: unknown, choices: readonly string[]): void {
  if (choices.some((choice) => choice === value)) return;
  throw new MillraceError(
    'INVALID',
    `${where} can't be ${JSON.stringify(value)}: use ${choices.map((c) => `'${c}'`).join(' or ')}.`,
  );
}

/** The known name that is at most two edits away, or a third of its length. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(name.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance >= bestDistance) continue;
    best = candidate;
    bestDistance = distance;
  }
  return best;
}

/** Levenshtein's distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substituted, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

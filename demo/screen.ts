/** What the demo shows: in place on a terminal, as plain lines elsewhere. */
import { stripVTControlCharacters, styleText } from 'node:util';
import Table from 'cli-table3';

const isTerminal = process.stdout.isTTY === true;
const barWidth = 40;

export function line(text = ''): void {
  process.stdout.write(`${text}\n`);
}

export function heading(text: string): void {
  line();
  line(isTerminal ? styleText('bold', text) : text);
}

/** A progress bar on one line; elsewhere one line when it is done. */
export class Progress {
  readonly #label: string;
  readonly #began = performance.now();
  #shownAt = 0;

  constructor(label: string) {
    this.#label = label;
  }

  show(share: number): void {
    if (!isTerminal || performance.now() - this.#shownAt < 50) return;
    this.#shownAt = performance.now();
    const done = Math.min(Math.max(share, 0), 1); // who counts live records may count too many
    const full = Math.round(done * barWidth);
    const bar = styleText('green', '█'.repeat(full)) + '░'.repeat(barWidth - full);
    process.stdout.write(`\r${this.#label} ${bar} ${Math.floor(done * 100)} %\x1b[K`);
  }

  done(result: string): void {
    const seconds = ((performance.now() - this.#began) / 1000).toFixed(1);
    process.stdout.write(`${isTerminal ? '\r' : ''}${this.#label} ${result} in ${seconds} s`);
    process.stdout.write(isTerminal ? '\x1b[K\n' : '\n');
  }
}

/** Text that replaces itself on a terminal. */
export class Panel {
  #rows = 0;

  show(text: string): void {
    if (!isTerminal) return;
    if (this.#rows > 0) process.stdout.write(`\x1b[${this.#rows}A\x1b[J`);
    process.stdout.write(`${text}\n`);
    this.#rows = rowsOf(text, process.stdout.columns);
  }

  /** Where there is no terminal, a line now and then instead. */
  static line(text: string): void {
    if (!isTerminal) line(text);
  }
}

/** Rows that a text takes on the screen, where long lines go on in the next one. */
function rowsOf(text: string, columns: number): number {
  const widths = text.split('\n').map((each) => stripVTControlCharacters(each).length);
  return widths.reduce((rows, width) => rows + Math.max(Math.ceil(width / columns), 1), 0);
}

export interface WorstRow {
  readonly airport: string;
  readonly flights: number;
  readonly meanDelay: number;
  readonly delayed: number;
  readonly worst: number;
}

export function worstTable(rows: readonly WorstRow[]): string {
  const table = new Table({
    head: ['airport', 'flights', 'mean delay', 'delayed', 'worst'],
    colAligns: ['left', 'right', 'right', 'right', 'right'],
    style: isTerminal ? { head: ['cyan'], compact: true } : { head: [], border: [], compact: true },
  });
  for (const { airport, flights, meanDelay, delayed, worst } of rows) {
    const share = `${Math.round(delayed * 100)} %`;
    table.push([airport, flights, `${meanDelay.toFixed(1)} min`, share, `${worst} min`]);
  }
  return table.toString();
}

/** The fields of one row of CSV, one after another. */

const quote = '"';
const lineEnd = /[\r\n]/;

export class CsvRow {
  readonly source: string;
  readonly #delimiter: string;
  /** Where the next field begins; -1 behind the last one. */
  #next = 0;
  #start = 0;
  #end = 0;
  #isQuoted = false;
  #hasQuotes = false;

  constructor(source: string, delimiter: string) {
    this.source = source;
    this.#delimiter = delimiter;
  }

  /** Moves to the next field. Fails where there is none, or one that is wrongly quoted. */
  next(): void {
    if (this.#next < 0) throw new Error('the row ends before it');
    this.#isQuoted = this.source[this.#next] === quote;
    if (this.#isQuoted) this.#nextQuoted();
    else this.#nextPlain();
  }

  get hasNext(): boolean {
    return this.#next >= 0;
  }

  /** Fails where there are more fields. */
  end(columns: number): void {
    if (this.#next >= 0) throw new Error(`the row has more than ${columns} columns`);
  }

  /** Whether there is nothing between the delimiters, not even quotes. */
  get isEmpty(): boolean {
    return !this.#isQuoted && this.#start === this.#end;
  }

  /** What the field says. Fails where it should stand in quotes. */
  text(): string {
    const text = this.source.slice(this.#start, this.#end);
    if (this.#isQuoted) return this.#hasQuotes ? text.replaceAll('""', quote) : text;
    if (text.includes(quote)) throw new Error('there is a quote in a field without quotes');
    if (lineEnd.test(text)) throw new Error('there is a line end in a field without quotes');
    return text;
  }

  #nextPlain(): void {
    this.#start = this.#next;
    const end = this.source.indexOf(this.#delimiter, this.#start);
    this.#end = end < 0 ? this.source.length : end;
    this.#next = end < 0 ? -1 : end + 1;
  }

  #nextQuoted(): void {
    const { source } = this;
    this.#start = this.#next + 1;
    this.#hasQuotes = false;
    let end = source.indexOf(quote, this.#start);
    while (end >= 0 && source[end + 1] === quote) {
      this.#hasQuotes = true;
      end = source.indexOf(quote, end + 2);
    }
    if (end < 0) throw new Error('its quotes do not end');
    this.#end = end;
    const behind = end + 1;
    if (behind === source.length) this.#next = -1;
    else if (source[behind] === this.#delimiter) this.#next = behind + 1;
    else throw new Error('there is something behind its quotes');
  }
}

/** The fields of a row, as text. Fails with an Error where one is wrongly quoted. */
export function csvFields(source: string, delimiter: string): string[] {
  const row = new CsvRow(source, delimiter);
  const fields: string[] = [];
  while (row.hasNext) {
    row.next();
    fields.push(row.text());
  }
  return fields;
}

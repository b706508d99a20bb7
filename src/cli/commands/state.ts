import { dropState, inspectState, type StoreDescription } from '../../runtime/index.ts';
import type { DataOptions } from '../open.ts';
import { tableOf } from '../table.ts';
import { type Terminal, write } from '../terminal.ts';

export interface StateOptions extends DataOptions {
  readonly job?: string;
  readonly json?: boolean;
}

/** Prints what state a job has. */
export async function inspect(options: StateOptions, { output }: Terminal): Promise<void> {
  const { stores } = await inspectState(options.data, jobOf(options));
  const lines = stores.map((store) => `${JSON.stringify(store)}\n`).join('');
  await write(output, options.json === true ? lines : tableOf(columns, stores.map(rowOf)));
}

/** Removes state of a job that does not run. */
export async function drop(
  state: string,
  options: StateOptions,
  { output }: Terminal,
): Promise<void> {
  const dropped = await dropState(options.data, state, jobOf(options));
  await write(output, dropped.map((name) => `dropped ${name}\n`).join(''));
}

const columns = ['state', 'kind', 'keys', 'items', 'values', 'entries', 'bytes', 'shape'];

function rowOf(store: StoreDescription): (string | number)[] {
  const { name, kind, entries, bytes, shape } = store;
  return [
    ...[name, kind, versioned(store.keyCodec, store.keyVersion)],
    ...[versioned(store.itemCodec, store.itemVersion), versioned(store.valueCodec, store.version)],
    ...[entries, bytes, shape],
  ];
}

function versioned(codec: string, version: number): string {
  return version === 1 ? codec : `${codec} v${version}`;
}

function jobOf({ job }: StateOptions): { readonly job?: string } {
  return job === undefined ? {} : { job };
}

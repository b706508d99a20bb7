/**
 * The windows that are open, each with an accumulator of its own: of any kind, also such as merge.
 *
 *   windows       (key, window) -> accumulator
 *   window ends   (time, key and window)           when something is to be done with a window
 *   panes         (key, window) -> which pane is next, where a window may fire more than once
 */
import { type Codec, json } from '../../formats/index.ts';
import type {
  KeyFormat,
  MapStore,
  StateKey,
  StoreRegistry,
  TimedStore,
} from '../../state/index.ts';
import type { Aggregation } from '../graph.ts';
import type { WindowBounds } from '../windows.ts';
import { itemCells } from './cells.ts';
import { presence } from './presence.ts';

export interface WindowTableParts {
  readonly stores: StoreRegistry;
  /** The step's identity. */
  readonly step: string;
  readonly keyCodec: KeyFormat;
  readonly aggregate: Aggregation;
  /** The windows in words: see `shapeOfWindows`. */
  readonly shape: string;
}

/** Something to do with a window. */
export interface WindowEnd {
  readonly time: number;
  readonly key: StateKey;
  readonly window: WindowBounds;
}

/** What is kept of a window that may fire more than once. */
export interface OpenPane {
  /** Of the next pane. */
  readonly index: number;
  /** Records since the last pane. */
  readonly since: number;
  /** The highest event time of its records. */
  readonly latest: number;
  /** When it fires by the clock; null: nothing waits for that. */
  readonly due: number | null;
}

/** `windows` has no entry for a window whose records were all in a pane and discarded. */
export class PaneTable {
  readonly windows: MapStore<WindowBounds, unknown>;
  readonly panes: MapStore<WindowBounds, OpenPane>;
  readonly ends: WindowTimes;
  /** By processing time. */
  readonly dues: WindowTimes;

  constructor({ stores, step, keyCodec, aggregate, shape }: WindowTableParts) {
    const parts = { keyCodec, item: boundsCodec };
    const [windows, panes] = [`${step}/windows`, `${step}/panes`];
    this.windows = stores.map({
      ...parts,
      name: windows,
      value: aggregate.codec,
      changedInPlace: true,
      shape: `${shape}; ${aggregate.name}`,
    });
    this.panes = stores.map({
      ...parts,
      name: panes,
      value: json<OpenPane>(),
      shape: `${shape}; panes`,
    });
    this.ends = new WindowTimes(stores, `${step}/window ends`, keyCodec);
    this.dues = new WindowTimes(stores, `${step}/window timers`, keyCodec);
  }
}

export class WindowTable {
  readonly windows: MapStore<WindowBounds, unknown>;
  readonly ends: WindowTimes;

  constructor({ stores, step, keyCodec, aggregate, shape }: WindowTableParts) {
    this.windows = stores.map({
      name: `${step}/windows`,
      keyCodec,
      item: boundsCodec,
      value: aggregate.codec,
      changedInPlace: true,
      shape: `${shape}, ${aggregate.name}`,
    });
    this.ends = new WindowTimes(stores, `${step}/window ends`, keyCodec);
  }
}

/** Times at which something is to be done with a window, in the order (time, key, window). */
export class WindowTimes {
  readonly #cells: Pick<ReturnType<typeof itemCells>, 'placeOf' | 'at'>;
  readonly #store: TimedStore<true>;

  constructor(stores: StoreRegistry, name: string, keyCodec: KeyFormat) {
    const cells = itemCells(keyCodec, boundsCodec as Codec<unknown>); // as `at` gives them back
    this.#cells = cells;
    this.#store = stores.timed({ name, value: presence, keyCodec: cells.placeFormat });
  }

  put(time: number, key: StateKey, window: WindowBounds): void {
    this.#store.put(time, this.#cells.placeOf(key, window), true);
  }

  delete(time: number, key: StateKey, window: WindowBounds): void {
    this.#store.delete(time, this.#cells.placeOf(key, window));
  }

  firstTime(): number {
    return this.#store.firstTime();
  }

  lastTime(): number {
    return this.#store.lastTime();
  }

  /** Takes out the first one. */
  take(): WindowEnd | undefined {
    const entry = this.#store.first();
    if (entry === undefined) return undefined;
    this.#store.delete(entry.time, entry.key);
    const [key, window] = this.#cells.at(entry.key);
    return { time: entry.time, key, window: window as WindowBounds }; // as put
  }
}

/** `[start,end]`, so that SQL can read it. */
const boundsCodec: Codec<WindowBounds> = {
  name: 'window',
  text: true,
  encode: ({ start, end }) => Buffer.from(`[${start},${end}]`),
  decode(bytes, from, to) {
    const text = Buffer.from(bytes.subarray(from, to)).toString();
    const [start, end] = JSON.parse(text) as [number, number]; // as encoded
    return { start, end };
  },
};

/** Makes keys: the user's value, and the form in which stores know it. */
import { positiveHash } from '../broker/index.ts';
import type { Codec } from '../formats/index.ts';
import { keyGroups, type StateKey, stateKeyOf } from '../state/index.ts';
import type { Key } from './operator.ts';

/**
 * Keys remembered, so that one that comes often is not encoded again. Few, because where keys come
 * seldom each of them is an object that the garbage collector has to move in vain.
 */
const rememberedMax = 8192;

export class KeyFactory {
  readonly codec: Codec<unknown>;
  #byValue = new Map<unknown, Key>();
  #byState = new Map<StateKey, Key>();

  constructor(codec: Codec<unknown>) {
    this.codec = codec;
  }

  /** Fails with `ENCODE` for what can't be a key. */
  of(value: unknown): Key {
    const known = this.#byValue.get(value);
    if (known !== undefined) return known;
    const bytes = this.codec.encode(value);
    const key = { value, state: stateKeyOf(positiveHash(bytes) % keyGroups, bytes) };
    // Only what is equal when it is the same: objects may change, and -0 is 0 in a map but not for
    // every codec.
    if (typeof value === 'string' || (typeof value === 'number' && value !== 0)) {
      if (this.#byValue.size >= rememberedMax) this.#byValue = new Map();
      this.#byValue.set(value, key);
    }
    return key;
  }

  /**
   * The key of a record that was just read. `to` writes its value, and stores are behind a keyBy:
   * how they would know it is worked out when somebody asks.
   */
  ofRecord(value: unknown): Key {
    return new RecordKey(this, value);
  }

  /** The key of an entry that comes out of a store. */
  ofState(state: StateKey): Key {
    const known = this.#byState.get(state);
    if (known !== undefined) return known;
    const bytes = Buffer.from(state, 'latin1');
    const key = { value: this.codec.decode(bytes, 1, bytes.length), state };
    if (this.#byState.size >= rememberedMax) this.#byState = new Map();
    this.#byState.set(state, key);
    return key;
  }
}

class RecordKey implements Key {
  readonly value: unknown;
  readonly #keys: KeyFactory;

  constructor(keys: KeyFactory, value: unknown) {
    this.#keys = keys;
    this.value = value;
  }

  get state(): StateKey {
    return this.#keys.of(this.value).state;
  }
}

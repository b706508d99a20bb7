/** The key of a store that holds one value: of the step, or of the task, rather than of a key. */
import type { KeyFormat, StateKey } from './stores.ts';

export const onlyKey: StateKey = '\0';
export const onlyKeyFormat: KeyFormat = { name: 'none', text: true };

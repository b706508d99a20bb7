/** What `connect` gives: two streams, or a stream and a table. */
import { ConnectedStreams } from '../connected-streams.ts';
import type { KeyedStream } from '../stream.ts';
import type { AnyRow } from '../tables/change.ts';
import type { Table } from '../tables/table.ts';
import { ConnectedTable } from './stream-table.ts';

/** Fails with `INVALID` for what is neither, or is keyed otherwise. */
export function connected<Value, Right, Key>(
  left: KeyedStream<Value, Key>,
  right: KeyedStream<Right, Key> | Table<AnyRow, Key>,
): ConnectedStreams<Value, Right, Key> | ConnectedTable<Value, AnyRow, Key> {
  if (typeof right === 'object' && right !== null && 'toStream' in right) {
    const changes = right.toStream();
    left.checkKeyedAlike('connect()', changes);
    return new ConnectedTable(left, changes);
  }
  left.checkKeyedAlike('connect()', right);
  return new ConnectedStreams(left, right);
}

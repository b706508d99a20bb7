/** The keys of a stream whose inputs are kept: of a keyBy, or those that the records came with. */
import type { Codec } from '../../formats/index.ts';
import { parentsOf } from '../compiler/names.ts';
import type { Graph, GraphNode } from '../graph.ts';

/** A codec that keys are made with, and whether that is a keyBy step's. */
export interface StreamKeys {
  readonly codec: Codec<unknown>;
  /** Else records may have none. */
  readonly isKeyed: boolean;
}

/** Where the keys of what a node reads come from; several where streams were joined. */
export function streamKeysOf(graph: Graph, node: GraphNode): readonly StreamKeys[] {
  return parentsOf(graph, node).flatMap((parent): readonly StreamKeys[] => {
    if (parent.kind === 'broadcast') return []; // it emits nothing
    if (parent.kind === 'keyBy') return [{ codec: parent.codec, isKeyed: true }];
    if (parent.kind === 'source') return [{ codec: parent.topic.key, isKeyed: false }];
    return streamKeysOf(graph, parent);
  });
}

/** Null is a key too: of a record that has none. A byte 0 or 1 comes before what `codec` writes. */
export function orNone(codec: Codec<unknown>): Codec<unknown> {
  const { versions = [] } = codec;
  const version = versions.length > 1 ? ` v${versions.length}` : '';
  return {
    name: `${codec.name}${version} or none`,
    text: false,
    encode: (key) =>
      key === null ? Uint8Array.of(0) : Buffer.concat([Uint8Array.of(1), codec.encode(key)]),
    decode: (bytes, start, end) =>
      bytes[start] === 0 ? null : codec.decode(bytes, start + 1, end),
  };
}

/**
 * The names of nodes beside their ids: people write the one, the document has the other.
 */
import { type NodeId, nodeIdSchema } from "../node_id.ts";

/** A node by id and name. */
export interface NamedNode {
  readonly id: NodeId;
  readonly name: string;
}

/** Finds the one by the other. */
export interface NodeNames {
  /** The name; the id itself where no name leads to it. */
  nameOf(id: NodeId): string;
  /** The node of this name, or with this id; undefined when there is none of the name. */
  idOf(text: string): NodeId | undefined;
  /** All names, sorted. */
  readonly names: readonly string[];
}

/** Makes it of nodes of which the first one with a name is meant by it. */
export function nodeNames(nodes: readonly NamedNode[]): NodeNames {
  const ids = new Map<string, NodeId>();
  for (const { id, name } of nodes) if (!ids.has(name)) ids.set(name, id);
  const names = new Map<NodeId, string>([...ids].map(([name, id]) => [id, name]));
  return {
    nameOf: (id) => names.get(id) ?? id,
    // A machine that is gone for good has no name any more; its entries can still be written down.
    idOf: (text) => ids.get(text) ?? nodeIdSchema.safeParse(text).data,
    names: [...ids.keys()].sort(),
  };
}

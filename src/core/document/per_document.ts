/**
 * What follows from the document and the node's own description alone is worked out once per document: the
 * loop asks for it forty times a second, and a document has thousands of services.
 */
import type { ClusterDocument } from "./document.ts";
import type { Self, State } from "../state.ts";

/** The part of a state such a result may depend on. */
export type Given = Pick<State, "document" | "self">;

/** `make`, with its result kept as long as the document is the same. Documents are never changed in place. */
export function perDocument<Result>(make: (given: Given) => Result): (given: Given) => Result {
  const kept = new WeakMap<ClusterDocument, { readonly self: Self; readonly result: Result }>();
  return ({ document, self }) => {
    const known = kept.get(document);
    if (known !== undefined && known.self === self) return known.result;
    const result = make({ document, self });
    kept.set(document, { self, result });
    return result;
  };
}

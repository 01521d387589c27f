/**
 * What an agent starts with: the document it has, the epochs it saw, and the doubt it should have about them.
 */
import type { ClusterDocument } from "../core/document/document.ts";
import { epochFloor } from "../core/cluster/recall.ts";
import type { Fact } from "../core/step.ts";
import { DOCUMENT_WAIT_MS } from "../core/timing.ts";
import type { AgentMemory, DocumentStore } from "../ports.ts";

type Remembered = Pick<
  AgentMemory,
  "vips" | "epochs" | "claimsLost" | "peersLost" | "knownPeers" | "records"
>;

/** The facts, in order. `wallMs` is the wall clock. */
export function recalled(
  memory: Remembered,
  store: Pick<DocumentStore, "current" | "lost">,
  wallMs: number,
): Fact[] {
  const document = store.current();
  const floor = memory.claimsLost ? epochFloor(wallMs) : 0;
  const facts: Fact[] = [
    { kind: "document", document },
    { kind: "epochs", seen: memory.epochs(), floor },
  ];
  const reason = store.lost ?? absence(document, memory);
  // Alone there is nobody to wait for, and what is left is all there is.
  if (reason !== null && knowsSomebody(memory)) {
    facts.push({ kind: "doubt", reason, waitMs: DOCUMENT_WAIT_MS });
  }
  return facts;
}

/** The document's files may be gone without a trace, but not what the node did by them. */
function absence({ services, vips }: ClusterDocument, memory: Remembered): string | null {
  if (services.size > 0 || vips.size > 0 || memory.vips().length === 0) return null;
  return `there is none, though this node knew of ${memory.vips().join(", ")}`;
}

function knowsSomebody(memory: Remembered): boolean {
  return memory.peersLost || memory.knownPeers().length > 0 || memory.records().length > 0;
}

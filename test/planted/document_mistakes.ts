/**
 * Mistakes in what becomes of an edit of the cluster document until it is acknowledged, and after.
 */
import type { Mistake } from "./mistake.ts";

const STORE = "src/shell/document/document_store.ts";

/** See the head of this file. */
export const documentMistakes: readonly Mistake[] = [
  {
    name: "edit acknowledged too early",
    breaks: "an edit is acknowledged while the disk still works, or has refused it",
    file: STORE,
    right: "  await append(state, [whole]);\n  await merge",
    wrong: "  void append(state, [whole]).catch(() => {});\n  await merge",
    documents: true,
  },
];

/**
 * Mistakes in what becomes of an edit of the cluster document until it is acknowledged, and after.
 */
import type { Mistake } from "./mistakes.ts";

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
  {
    name: "what an edit builds on not saved",
    breaks: "an acknowledged edit cannot be read again without what peers had sent before it",
    file: STORE,
    right: "  await state.file.append([...saved, ...updates]);",
    wrong: "  await state.file.append(updates);",
    documents: true,
  },
  {
    name: "journal forgets too much",
    breaks: "edits that came while the whole document was written are in neither file",
    file: STORE,
    right: "  await enqueue(state, () => file.forget(saved));",
    wrong: "  await enqueue(state, () => file.forget(file.length));",
    documents: true,
  },
];

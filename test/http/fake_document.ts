/**
 * A document without a cluster: edits change it, and its digest says so.
 */
import {
  type ClusterDocument,
  type Edit,
  EMPTY_DOCUMENT,
} from "../../src/core/document/document.ts";
import type { DocumentProblem } from "../../src/core/document/document_problems.ts";
import { type Snapshot, snapshotParts } from "../../src/core/document/document_wire.ts";
import { applied, changesOf } from "../../src/core/document/edit_changes.ts";
import { Refusal } from "../../src/core/refusal.ts";
import type {
  ApplyAnswer,
  ApplyOrder,
  HistoryView,
  UndoAnswer,
  UndoOrder,
} from "../../src/core/document/document_orders.ts";

/** See the head of this file. */
export class FakeDocument {
  current: ClusterDocument = EMPTY_DOCUMENT;
  /** What the agent has against every order. */
  problems: readonly DocumentProblem[] = [];
  /** Orders that were taken. */
  readonly orders: ApplyOrder[] = [];
  version = 0;
  /** What is remembered, the newest first. */
  edits: HistoryView[] = [];
  readonly undone: UndoOrder[] = [];

  undo(order: UndoOrder): UndoAnswer {
    this.undone.push(order);
    const found = this.edits.find(({ id }) => order.id === null || id === order.id);
    if (found !== undefined) return { message: `${found.id} is undone`, words: ["- VIP 10.0.0.9"] };
    throw new Refusal({
      attempted: `undo ${order.id}`,
      problem: "no such edit is remembered",
      remedy: "see them with `troop history`",
    });
  }

  edit(...edits: readonly Edit[]): void {
    const changes = changesOf(this.current, edits);
    this.current = { ...this.current, ...applied(this.current, changes) };
    this.version++;
  }

  snapshot(): Snapshot {
    return {
      cluster: "troop",
      node: "n1",
      digest: `v${this.version}`,
      wallMs: Date.UTC(2026, 0, 2, 12),
      nodes: [1, 2].map((index) => ({ id: String(index).repeat(16), name: `n${index}` })),
      ...snapshotParts(this.current),
    };
  }

  apply(order: ApplyOrder): ApplyAnswer {
    this.orders.push(order);
    if (order.base !== `v${this.version}`) {
      throw new Refusal({
        attempted: "apply the file",
        problem: "it has changed",
        remedy: "try again",
      });
    }
    if (this.problems.length > 0 || order.dryRun) return { message: "", problems: this.problems };
    this.edit(...order.edits);
    return { message: `${order.edits.length} edits`, problems: [] };
  }
}

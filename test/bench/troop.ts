/**
 * troop as a subject of the bench, at its defaults.
 */
import { addService } from "../lab/scenario.ts";
import { startCluster, TroopNode } from "../lab/troop.ts";
import { writeDocument } from "../lab/large_document.ts";
import { asEdits, ASKED_ROWS, awaitFullTable, awaitRows, countRows } from "../lab/large_table.ts";
import { type Subject, VIP } from "./subject.ts";

/** The program in `dist/`. */
export const troopSubject: Subject = {
  name: "troop, defaults",
  slug: "troop",
  async start(bed, further = []) {
    const nodes = bed.nodes.map((host) => new TroopNode(bed.lab, host));
    // The first node has it from its disk, the second from the first.
    await startCluster(nodes, async (node) => {
      if (node === nodes[0]) await writeDocument(node.home, asEdits(further));
    });
    await nodes[0]!.troop(...addService(VIP, "rr"));
    for (const node of nodes) await awaitRows(node.host, ASKED_ROWS + countRows(further));
    // The status of a large table is large too: the kernel is asked.
    for (const node of nodes) await awaitFullTable(node.host);
    return {
      agents: new Map(nodes.map((node) => [node.name, node.agent])),
      moveVip: async (to) => void await nodes[0]!.troop("vip", "move", VIP, to.name),
    };
  },
};

/**
 * troop as a subject of the bench, at its defaults.
 */
import { addService } from "../lab/scenario.ts";
import { awaitServersUp, startCluster, TroopNode } from "../lab/troop.ts";
import { type Subject, VIP } from "./subject.ts";

/** The program in `dist/`. */
export const troopSubject: Subject = {
  name: "troop, defaults",
  slug: "troop",
  async start(bed) {
    const nodes = bed.nodes.map((host) => new TroopNode(bed.lab, host));
    await startCluster(nodes);
    await nodes[0]!.troop(...addService(VIP, "rr"));
    for (const node of nodes) await awaitServersUp(node, VIP, { count: nodes.length });
    return {
      agents: new Map(nodes.map((node) => [node.name, node.agent])),
      moveVip: async (to) => void await nodes[0]!.troop("vip", "move", VIP, to.name),
    };
  },
};

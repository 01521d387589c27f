/**
 * ldirectord from Debian as a subject of the bench: health checks only, the VIP stays on the first node.
 */
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { awaitFullTable } from "../lab/large_table.ts";
import { prepareRealServer, type Subject, VIP } from "./subject.ts";

/** ldirectord on the first node. */
export const ldirectordSubject: Subject = {
  name: "ldirectord, checkinterval 1",
  slug: "ldirectord",
  async start(bed) {
    for (const node of bed.nodes) await prepareRealServer(node);
    const [director] = bed.nodes;
    await director.run("ip", "addr", "add", `${VIP}/32`, "dev", "eth0");
    // ldirectord insists on a file of its own owner and mode, which a checkout need not have.
    const file = join(bed.lab.scratch, "ldirectord.cf");
    copyFileSync(join(import.meta.dir, "peers/ldirectord.cf"), file);
    const agent = director.start(["ldirectord", "-d", file, "start"], { label: "ldirectord" });
    await awaitFullTable(director);
    return { agents: new Map([[director.name, agent]]), moveVip: null };
  },
};

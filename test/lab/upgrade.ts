/**
 * `./task upgrade REVISION`: the programs of an earlier revision and of this one in one cluster, while clients are at work.
 * All nodes go from the earlier one to this one, node by node, and back again.
 */
import { expect } from "bun:test";
import { requireFewFailures } from "./load.ts";
import { restartEach, restartHosts as hosts, restartNodes } from "./restart_each.ts";
import { scenario, type Service, startService } from "./scenario.ts";
import { BINARY, EARLIER_BINARY } from "./troop.ts";

async function changeTo(binary: string, service: Service): Promise<void> {
  const exported = await service.holder.troop("export");
  const load = await restartEach(service, async (node) => {
    expect(await node.agent.end("SIGTERM")).toBe(0);
    node.binary = binary;
    await node.run();
  });
  requireFewFailures(load.lines, 0);
  // What was entered in one is known in the other, as it was.
  for (const node of service.nodes) expect(await node.troop("export")).toBe(exported);
}

scenario(
  "from an earlier revision to this one and back, node by node: no request fails, no connection ends",
  { slug: "upgrade", hosts },
  async (lab) => {
    const service = await startService(lab, { nodes: restartNodes, binary: EARLIER_BINARY });
    process.stdout.write("to this revision\n");
    await changeTo(BINARY, service);
    process.stdout.write("back to the earlier one\n");
    await changeTo(EARLIER_BINARY, service);
  },
);

/**
 * The document as a file: exported on one node, applied on another, taken back on the first, while clients go on.
 */
import { expect } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Load, requireFewFailures } from "../load.ts";
import { scenario, startService, streamlined, VIP } from "../scenario.ts";
import type { TroopNode } from "../troop.ts";
import { waitFor } from "../wait.ts";

const SERVICE = `${VIP}:80`;
/** Slow enough that the command lines beside it take nobody's requests. */
const EVERY_MS = 50;
/** Time for an order to be in the kernel of every node, ms. */
const LIMIT_MS = 10_000;

scenario(
  "export, apply and undo under load: no request fails, every node has the result",
  { slug: "document", hosts: streamlined },
  async (lab) => {
    const { client, holder, other } = await startService(lab);
    const load = await Load.start(client, { address: VIP, everyMs: EVERY_MS });
    const file = join(lab.scratch, "cluster.yaml");
    await holder.troop("export", "-o", file);
    const exported = readFileSync(file, "utf8");
    expect(await other.troop("apply", "-f", file)).toBe("no difference: nothing to do\n");

    writeFileSync(
      file,
      exported.replace("scheduler: rr", "scheduler: wlc\n    weight: 3")
        .replace("\nservices:\n", `\nservices:\n  ${VIP}:81:\n    check: none\n`),
    );
    await expect(other.troop("apply", "-f", file, "--dry-run")).rejects.toThrow("status 3");
    const answer = await other.troop("apply", "-f", file);
    expect(answer).toContain(`~ service ${SERVICE}\n    scheduler  rr -> wlc\n`);
    expect(answer).toEndWith("2 entries changed, stored on 2 of 2 nodes\n");
    await awaitTable(
      [holder, other],
      (table) => table.includes(`${SERVICE} wlc`) && table.includes(":81"),
    );

    expect(await holder.troop("undo")).toContain(" is undone, stored on 2 of 2 nodes\n");
    await awaitTable(
      [holder, other],
      (table) => table.includes(`${SERVICE} rr`) && !table.includes(":81"),
    );
    const history = await other.troop("history");
    expect(history).toContain(`~ service ${SERVICE}: scheduler wlc -> rr`);
    expect(await holder.troop("history")).toBe(history);

    writeFileSync(file, exported.replace("scheduler: rr", "scheduler: best"));
    await expect(holder.troop("apply", "-f", file)).rejects.toThrow("use one of rr, wrr");
    expect(await other.troop("export")).toBe(exported);
    await load.stop();
    requireFewFailures(load.lines, 0);
    process.stdout.write(`${exported}\n${answer}\n${history}`);
  },
);

async function awaitTable(
  nodes: readonly TroopNode[],
  wanted: (table: string) => boolean,
): Promise<void> {
  await waitFor(
    async () =>
      (await Promise.all(nodes.map((node) => node.host.run("ipvsadm", "-Ln")))).every(wanted),
    { what: "the order is in the table of every node", limitMs: LIMIT_MS },
  );
}

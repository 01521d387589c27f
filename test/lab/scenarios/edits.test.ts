/**
 * Orders at run time: what changes in place costs nobody a connection, and a server that is removed is
 * drained first.
 */
import { expect } from "bun:test";
import { Connections } from "../connections.ts";
import { Load, requireFewFailures } from "../load.ts";
import { scenario, startService, VIP } from "../scenario.ts";
import { waitFor } from "../wait.ts";
import { startWebServer } from "../web_server.ts";

const CONNECTIONS = 12;
/** Slow enough that starting the command line beside it takes nobody's requests. */
const EVERY_MS = 50;
const SERVICE = `${VIP}:80`;
/** Time for an order to be in the kernel of every node, ms. */
const ORDER_MS = 1_500;
const DRAIN_LIMIT_MS = 20_000;

const hosts = [
  { name: "client", number: 2 },
  { name: "n1", number: 4 },
  { name: "n2", number: 5 },
  { name: "s1", number: 21 },
];

scenario(
  "weight, scheduler, persistence, thresholds and check changed, a server removed: no request fails, no connection breaks",
  { slug: "edits", hosts },
  async (lab) => {
    const { client, holder } = await startService(lab);
    const outsider = lab.host("s1");
    await startWebServer(lab, outsider);
    await outsider.script(await holder.troop("server", "setup", VIP, "--forward", "dr"));
    await holder.troop("server", "add", SERVICE, outsider.address);
    await waitFor(async () => (await kernelRow(holder)).includes(`${outsider.address}:80`), {
      what: "the machine without an agent is in the table",
      limitMs: DRAIN_LIMIT_MS,
    });
    await waitFor(async () => / 1 +\d+ +\d+ *$/m.test(await lineOf(holder, outsider.address)), {
      what: "the machine without an agent gets connections",
      limitMs: DRAIN_LIMIT_MS,
    });
    const connections = await Connections.start(client, { address: VIP, count: CONNECTIONS });
    const load = await Load.start(client, { address: VIP, everyMs: EVERY_MS });
    for (
      const words of [
        ["service", "set", SERVICE, "--scheduler", "wlc"],
        ["service", "set", SERVICE, "--weight", "3"],
        ["server", "set", SERVICE, "n1", "--weight", "7"],
        ["service", "set", SERVICE, "--upper", "10000", "--lower", "9000"],
        ["service", "set", SERVICE, "--persistent", "60"],
        ["service", "set", SERVICE, "--no-persistent", "--scheduler", "rr"],
        ["service", "set", SERVICE, "--interval", "500ms"],
      ]
    ) {
      await holder.troop(...words);
      await Bun.sleep(ORDER_MS);
    }
    await holder.troop("server", "remove", SERVICE, outsider.address);
    await Bun.sleep(ORDER_MS);
    expect(await lineOf(holder, outsider.address)).toMatch(/ Route +0 +[1-9]/);
    await load.stop();
    requireFewFailures(load.lines, 0);
    const counts = await connections.stop();
    expect([...counts.values()].map(({ opened }) => opened)).toEqual([4, 4, 4]);
    for (const { opened, alive } of counts.values()) expect(alive).toBe(opened);
    // Finished connections of direct routing wait in the director for a FIN it never sees: nothing to drain for `--now`.
    await holder.troop("server", "add", SERVICE, outsider.address);
    await holder.troop("server", "remove", SERVICE, outsider.address, "--now");
    expect(await kernelRow(holder)).not.toContain(outsider.address);
  },
);

type Node = Awaited<ReturnType<typeof startService>>["holder"];

function kernelRow(node: Node): Promise<string> {
  return node.host.run("ipvsadm", "-Ln", "-t", SERVICE);
}

/** The kernel's line of one server; empty when there is none. */
async function lineOf(node: Node, address: string): Promise<string> {
  return (await kernelRow(node)).split("\n").find((line) => line.includes(`${address}:80`)) ?? "";
}

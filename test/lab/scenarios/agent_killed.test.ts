/**
 * The agent on the holder ends without a word, or hangs: the kernel goes on balancing, and takes the VIP
 * back when its lease runs out.
 */
import { expect } from "bun:test";
import { resolve } from "node:path";
import { LEASE_MS } from "../../sim/bounds.ts";
import { AddressWatch } from "../address_watch.ts";
import { announcementsOf, type ArpPacket, Capture, type CapturedPacket } from "../capture.ts";
import type { Host } from "../host.ts";
import { Load, requireFewFailures } from "../load.ts";
import { scenario, startService, streamlined, VIP } from "../scenario.ts";
import { awaitAllAlive, awaitServersUp, type TroopNode, vipOf } from "../troop.ts";
import { waitFor } from "../wait.ts";

const FAILED_MAX = 5;
const ONE_HOLDER_LIMIT_MS = 3_000;
const BEFORE_MS = 2_000;
const AFTER_MS = 6_000;
/** What the guest's only processor may make later than it is on a machine of its own, ms. */
const GUEST_MS = 500;
/** Time between two questions of the client who has the VIP, ms. */
const PROBE_MS = 50;

scenario(
  "agent killed with -9 on the holder: one holder within 3 s, at most 5 failed requests",
  { slug: "kill-holder", hosts: streamlined },
  async (lab) => {
    const { client, nodes, holder, other } = await startService(lab);
    const watch = await AddressWatch.start(VIP, nodes.map((node) => node.host));
    const load = await Load.start(client, { address: VIP });
    await Bun.sleep(BEFORE_MS);
    const killedAt = Date.now();
    await holder.agent.end("SIGKILL");
    await Bun.sleep(AFTER_MS);
    const settledMs = watch.settledAfterMs(other.name, killedAt);
    expect(settledMs).not.toBeNull();
    expect(settledMs!).toBeLessThanOrEqual(ONE_HOLDER_LIMIT_MS);

    // The agent comes back: nothing moves, and the cluster is whole again.
    await holder.run();
    await awaitAllAlive(nodes);
    await awaitServersUp(other, VIP, { count: 2 });
    await Bun.sleep(BEFORE_MS);
    expect(watch.holders).toEqual([other.name]);
    await load.stop();
    requireFewFailures(load.lines, FAILED_MAX);
  },
);

scenario(
  "agent killed with -9 and started at once: adopts VIP and table, hardly a request fails, one holder",
  { slug: "kill-restart", hosts: streamlined },
  async (lab) => {
    const { client, nodes, holder } = await startService(lab);
    const load = await Load.start(client, { address: VIP });
    await Bun.sleep(BEFORE_MS);
    const before = connections(await holder.host.run("ipvsadm", "-Ln", "--stats", "--exact"));
    await holder.agent.end("SIGKILL");
    await holder.run();
    await awaitAllAlive(nodes);
    await Bun.sleep(AFTER_MS);
    const table = await holder.host.run("ipvsadm", "-Ln", "--stats", "--exact");
    // A row that was made anew would count from 0.
    expect(connections(table)).toBeGreaterThanOrEqual(before);
    const names = await Promise.all(
      nodes.map(async (node) => (await vipOf(node, VIP)).holder ?? "nobody"),
    );
    expect(new Set(names).size).toBe(1);
    // Nobody is refused: the servers stay in the table while the new agent knows nothing of them.
    expect((await load.stop()).errors["refused"] ?? 0).toBe(0);
    requireFewFailures(load.lines, FAILED_MAX);
  },
);

scenario(
  "agent hangs on the holder: the VIP goes with its lease, the other takes it, and the hung one wakes without answering again",
  { slug: "hang-holder", hosts: streamlined },
  async (lab) => {
    const { client, nodes, holder, other } = await startService(lab);
    const watch = await AddressWatch.start(VIP, nodes.map((node) => node.host));
    const load = await Load.start(client, { address: VIP });
    const capture = await Capture.start(client, "arp");
    startProbing(client);
    await Bun.sleep(BEFORE_MS);
    const hungAt = Date.now();
    holder.agent.signal("SIGSTOP");
    await waitFor(() => watch.holders.join() === other.name, {
      what: "the other node alone holds the VIP",
      limitMs: 10_000,
    });
    const gone = watch.changes.find(({ host, has }) => host === holder.name && !has);
    expect(gone!.at - hungAt).toBeLessThanOrEqual(LEASE_MS + GUEST_MS);
    expect(watch.changes.filter(({ holders }) => holders.length > 1)).toEqual([]);
    // Long enough asleep that nothing of before is under way.
    await Bun.sleep(BEFORE_MS);
    const seen = watch.changes.length;
    const wokenAt = Date.now();
    holder.agent.signal("SIGCONT");
    await awaitAllAlive(nodes);
    await Bun.sleep(BEFORE_MS);
    // It noticed before it renewed anything: the kernels report no change of the address at all.
    expect(watch.changes.slice(seen)).toEqual([]);
    expect(watch.holders).toEqual([other.name]);
    await load.stop();
    requireFewFailures(load.lines, FAILED_MAX);
    const packets = await capture.stop();
    expect(whoAnswered(packets, hungAt - BEFORE_MS, hungAt)).toEqual([macOf(holder)]);
    // Whoever asks who has the VIP hears the successor alone, and the woken agent announces nothing.
    expect(whoAnswered(packets, wokenAt, Infinity)).toEqual([macOf(other)]);
    const claims = announcementsOf(VIP, packets).filter(({ at }) => at >= wokenAt);
    expect(claims.filter(({ sourceMac }) => sourceMac === macOf(holder))).toEqual([]);
  },
);

/** Lets the client ask who has the VIP, for as long as the lab stands. */
function startProbing(client: Host): void {
  const script = resolve(import.meta.dir, "../arp_prober.ts");
  const words = ["eth0", VIP, String(PROBE_MS)];
  client.start([process.execPath, script, ...words], { label: "prober" });
}

function macOf({ host }: TroopNode): string {
  return host.macOn("public");
}

/** Machines that answered the client's questions in this time, wall clock in ms: each once. */
function whoAnswered(packets: readonly CapturedPacket[], fromMs: number, toMs: number): string[] {
  const answers = packets.filter((packet): packet is ArpPacket =>
    packet.kind === "arp" && packet.operation === "reply" && packet.senderIp === VIP &&
    packet.targetIp !== VIP && packet.at >= fromMs && packet.at < toMs
  );
  return [...new Set(answers.map(({ sourceMac }) => sourceMac))];
}

/** Connections the first row of the table has counted. */
function connections(table: string): number {
  const row = table.split("\n").find((line) => line.includes(`${VIP}:80`));
  return Number(row?.trim().split(/\s+/)[2] ?? Number.NaN);
}

/**
 * What is on the wire: gratuitous ARP after a takeover, and the way of each packet.
 */
import { expect } from "bun:test";
import { announcementsOf, Capture, type TcpPacket } from "../capture.ts";
import { Load } from "../load.ts";
import { scenario, startService, streamlined, VIP } from "../scenario.ts";
import { waitFor } from "../wait.ts";

/** Fewer than this are lost too easily with the switch that broke. */
const ANNOUNCEMENTS_MIN = 3;
/** Linux ignores a changed ARP entry within a second of the last change (net/ipv4/arp.c, locktime). */
const LOCKTIME_MS = 1_000;
const WORK_MS = 4_000;

scenario(
  "takeover is announced by gratuitous ARP, several times and more than a second apart",
  { slug: "announcements", hosts: streamlined },
  async (lab) => {
    const { client, holder, other } = await startService(lab);
    const capture = await Capture.start(client, "arp");
    await lab.cut(holder.host);
    await waitFor(() => other.host.has(VIP), { what: "the other node holds", limitMs: 10_000 });
    await Bun.sleep(WORK_MS);
    const announcements = announcementsOf(VIP, await capture.stop());
    const ours = announcements.filter((packet) => packet.sourceMac === other.host.macOn("public"));
    expect(ours.length).toBeGreaterThanOrEqual(ANNOUNCEMENTS_MIN);
    expect(ours.at(-1)!.at - ours[0]!.at).toBeGreaterThan(LOCKTIME_MS);
    expect(new Set(ours.map((packet) => packet.operation)).size).toBe(2);
  },
);

scenario(
  "no packet is balanced twice: from the client to the holder, from there at most once more",
  { slug: "no-loop", hosts: streamlined },
  async (lab) => {
    const { client, holder } = await startService(lab);
    const capture = await Capture.start(lab.switch, `tcp and dst host ${VIP}`, "public");
    const load = await Load.start(client, { address: VIP });
    await Bun.sleep(WORK_MS);
    const seen = await load.stop();
    const packets = (await capture.stop()).filter((packet) => packet.kind === "tcp");
    expect(Object.keys(seen.answers)).toEqual(["n1", "n2"]);

    const ways = new Map<string, TcpPacket[]>();
    for (const packet of packets) {
      const { source, sourcePort, identification, sequence } = packet;
      const key = [source, sourcePort, identification, sequence].join();
      ways.set(key, [...ways.get(key) ?? [], packet]);
    }
    const hops = [...ways.values()];
    // Both kinds must be there, or the capture saw only half of the wire.
    expect(hops.some((way) => way.length === 1)).toBe(true);
    expect(hops.some((way) => way.length === 2)).toBe(true);
    expect(hops.filter((way) => way.length > 2)).toEqual([]);
    expect(hops.filter((way) => way[0]!.sourceMac !== client.macOn("public"))).toEqual([]);
    const holderMac = holder.host.macOn("public");
    expect(hops.filter((way) => way[1] && way[1].sourceMac !== holderMac)).toEqual([]);
  },
);

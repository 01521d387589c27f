/**
 * A machine without the token on the LAN: it scans, floods, replays what it has captured and sits on connections, while
 * clients are served as if it were not there.
 */
import { expect } from "bun:test";
import { resolve } from "node:path";
import { Capture } from "../capture.ts";
import { Load, requireFewFailures } from "../load.ts";
import { scenario, startService, streamlined, VIP } from "../scenario.ts";
import { holdersOf } from "../troop.ts";

const SECONDS = 8;
const PORT = 6940;

scenario(
  "a stranger scans, floods and replays: no request fails, nothing changes hands, and the metrics tell of it",
  { slug: "strangers", hosts: [...streamlined, { name: "stranger", number: 66 }] },
  async (lab) => {
    const { client, nodes, holder } = await startService(lab);
    // What somebody at the switch can see of pulses, from the holder's own cable.
    const capture = await Capture.start(holder.host, `udp port ${PORT}`);
    await Bun.sleep(1_000);
    await capture.end();
    const pcap = capture.file;
    const before = await Promise.all(nodes.map((node) => node.status()));
    const load = await Load.start(client, { address: VIP });
    const script = resolve(import.meta.dir, "../stranger.ts");
    const words = [String(SECONDS), String(PORT), pcap, ...nodes.map(({ host }) => host.address)];
    const told = await lab.host("stranger").run(process.execPath, script, ...words);
    await load.stop();
    const sent = JSON.parse(told) as { datagrams: number; replayed: number; connections: number };
    expect(sent.datagrams).toBeGreaterThan(1_000);
    expect(sent.replayed).toBeGreaterThan(1_000);
    expect(sent.connections).toBeGreaterThan(100);
    requireFewFailures(load.lines, 0);
    expect(await holdersOf(VIP, nodes)).toEqual([holder]);
    for (const [index, node] of nodes.entries()) {
      const { nodes: seen, vips, services } = await node.status();
      const was = before[index]!;
      expect(seen.map(({ name, state }) => [name, state])).toEqual(
        was.nodes.map(({ name, state }) => [name, state]),
      );
      expect(vips.map(({ address, holder: by, epoch }) => [address, by, epoch])).toEqual(
        was.vips.map(({ address, holder: by, epoch }) => [address, by, epoch]),
      );
      expect(services.length).toBe(was.services.length);
      const metrics = await node.host.run("curl", "-s", "http://127.0.0.1:6941/metrics");
      expect(metrics).toMatch(/troop_gossip_dropped_total\{reason="(handshake|crowd)"\} [1-9]/);
      expect(metrics).toMatch(/troop_pulses_dropped_total\{reason="(seal|replay)"\} [1-9]/);
      const lines = node.agent.tail(10_000).split("\n").filter((line) => line.includes("drop "));
      expect(lines.length).toBeLessThan(12);
    }
  },
);

scenario(
  "a machine with the token pulses in the holder's name: nobody believes it, and the status names its address",
  { slug: "liar", hosts: [...streamlined, { name: "liar", number: 66 }] },
  async (lab) => {
    const { client, nodes, holder } = await startService(lab);
    const { nodes: seen } = await holder.status();
    const { id } = seen.find(({ name }) => name === holder.name)!;
    const others = nodes.filter((node) => node !== holder);
    const to = others.map(({ name, host }) =>
      `${seen.find((node) => node.name === name)!.id}@${host.address}`
    );
    const load = await Load.start(client, { address: VIP });
    const script = resolve(import.meta.dir, "../liar.ts");
    const words = ["4", String(PORT), await holder.token(), id, String(Date.now() + 60_000), ...to];
    const told = await lab.host("liar").run(process.execPath, script, ...words);
    await load.stop();
    expect((JSON.parse(told) as { sent: number }).sent).toBeGreaterThan(50);
    requireFewFailures(load.lines, 0);
    expect(await holdersOf(VIP, nodes)).toEqual([holder]);
    const { address } = lab.host("liar");
    for (const node of others) {
      const { warnings, nodes: known } = await node.status();
      expect(warnings?.join()).toContain(
        `${address} has this cluster's token and pulses in the name`,
      );
      expect(known.find(({ name }) => name === holder.name)?.state).toBe("alive");
    }
  },
);

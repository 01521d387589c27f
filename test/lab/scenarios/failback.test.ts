/**
 * A node that should have the VIP gets it back some time after it returns, and nobody's connection pays for that,
 * whatever the forwarding method. With NAT the servers' gateway goes both ways with the VIP.
 */
import { expect } from "bun:test";
import { Connections } from "../connections.ts";
import { awaitServers, startDirectors } from "../directors.ts";
import type { Lab } from "../lab.ts";
import { Load, requireFewFailures } from "../load.ts";
import { addService, hostsFor, type Method, methods, startServer } from "../methods.ts";
import { scenario } from "../scenario.ts";
import { gatewayOf, vipOf } from "../topologies.ts";
import { awaitOneHolder } from "../troop.ts";

const VIP = vipOf("ipv4");
const CONNECTIONS = 12;
/** Often enough to be told to the standby, and to be seen dead. */
const EVERY_MS = 250;
const BEFORE_MS = 5_000;
const AFTER_MS = 5_000;
/** Longer than one refresh period of the sync daemon (10 s) with its flush time. */
const FAILBACK_S = 14;
const BACK_LIMIT_MS = 45_000;
/**
 * Requests lost when it goes back. With NAT, packets both ways change to the other node at once: a connection that
 * begins in that moment may reach it before it was told of the connection.
 */
const FAILED_MAX: Readonly<Record<string, number>> = { nat: 2 };

/** What makes d1 the holder that is preferred, by method. */
const reasons: Readonly<Record<string, "the VIP's list" | "priority">> = {
  dr: "the VIP's list",
  nat: "priority",
  ipip: "priority",
};

for (const method of methods) {
  const reason = reasons[method.name];
  if (reason === undefined) continue;
  scenario(
    `${method.name}: the holder by ${reason} is cut off and returns, open connections go on both times`,
    { slug: `failback-${method.name}`, hosts: hostsFor(method) },
    (lab) => play(lab, method, reason === "priority"),
  );
}

async function play(lab: Lab, method: Method, byPriority: boolean): Promise<void> {
  const servers = [lab.host("s1"), lab.host("s2")];
  const families = ["ipv4"] as const;
  await Promise.all(servers.map((server) => startServer(lab, server, { method, families })));
  const [d1, d2] = await startDirectors(lab, byPriority ? 110 : 100);
  const nodes = [d1, d2];
  await addService(d1, "ipv4", { method, servers });
  await d1.troop("vip", "set", VIP, "--failback", `${FAILBACK_S}s`);
  if (!byPriority) await d1.troop("vip", "set", VIP, "--prefer", "d1,d2");
  for (const node of nodes) await awaitServers(node, `${VIP}:80`, 2);
  await awaitOneHolder(VIP, [d1], BACK_LIMIT_MS);
  expect((await awaitOneHolder(VIP, nodes)).holder.name).toBe("d1");
  const client = lab.host("client");
  const options = { address: VIP, count: CONNECTIONS, everyMs: EVERY_MS };
  const connections = await Connections.start(client, options);
  await Bun.sleep(BEFORE_MS);
  await lab.cut(d1.host);
  await awaitOneHolder(VIP, [d2]);
  await Bun.sleep(BEFORE_MS);
  await lab.heal(d1.host);
  expect((await awaitOneHolder(VIP, nodes)).holder.name).toBe("d2");
  const load = await Load.start(client, { address: VIP });
  await awaitOneHolder(VIP, [d1], BACK_LIMIT_MS);
  await Bun.sleep(AFTER_MS);
  await load.stop();
  const shared = method.name === "nat" ? [VIP, gatewayOf("ipv4")] : [VIP];
  for (const address of shared) {
    expect((await awaitOneHolder(address, nodes)).holder.name).toBe("d1");
  }
  const counts = [...await connections.stop()];
  const half = CONNECTIONS / 2;
  expect(counts).toEqual(["s1", "s2"].map((name) => [name, { opened: half, alive: half }]));
  requireFewFailures(load.lines, FAILED_MAX[method.name] ?? 0);
}

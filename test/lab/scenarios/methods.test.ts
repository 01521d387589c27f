/**
 * Every forwarding method, for both families: packets go the way the method promises, and open
 * connections go on when the holder is cut off.
 */
import { expect } from "bun:test";
import { Capture } from "../capture.ts";
import { inBrackets } from "../client_common.ts";
import { Connections } from "../connections.ts";
import { awaitServers, startDirectors } from "../directors.ts";
import { fetchNames } from "../fetch.ts";
import type { Family, Host } from "../host.ts";
import type { Lab } from "../lab.ts";
import { addService, hostsFor, type Method, methods, startServer } from "../methods.ts";
import { wrongPaths } from "../path.ts";
import { scenario } from "../scenario.ts";
import { vipOf } from "../topologies.ts";
import { awaitOneHolder, type TroopNode } from "../troop.ts";
import { readWire } from "../wire.ts";

const families: readonly Family[] = ["ipv4", "ipv6"];
const CONNECTIONS = 12;
const REQUESTS = 4;
/** Connections reach the standby within a few seconds: it hears of each once it has had three packets. */
const SYNC_MS = 5_000;
const AFTER_MS = 10_000;

for (const method of methods) {
  scenario(
    `${method.name}, IPv4 and IPv6: packets take their way, open connections survive the holder`,
    { slug: `method-${method.name}`, hosts: hostsFor(method) },
    (lab) => play(lab, method),
  );
}

async function play(lab: Lab, method: Method): Promise<void> {
  const servers = [lab.host("s1"), lab.host("s2")];
  const client = lab.host("client");
  await Promise.all(servers.map((server) => startServer(lab, server, { method, families })));
  const nodes = await startDirectors(lab);
  for (const family of families) await addService(nodes[0], family, { method, servers });
  for (const family of families) {
    for (const node of nodes) await awaitServers(node, `${inBrackets(vipOf(family))}:80`, 2);
  }
  const { holder, others } = await awaitOneHolder(vipOf("ipv4"), nodes);
  for (const family of families) await checkPaths(lab, family, { holder, servers, method });
  const open = await Promise.all(
    families.map((family) =>
      Connections.start(client, { address: vipOf(family), count: CONNECTIONS })
    ),
  );
  await Bun.sleep(SYNC_MS);
  await lab.cut(holder.host);
  for (const family of families) await awaitOneHolder(vipOf(family), others);
  await Bun.sleep(AFTER_MS);
  for (const connections of open) {
    const counts = [...await connections.stop()];
    expect(counts).toEqual(["s1", "s2"].map((name) => {
      const half = CONNECTIONS / 2;
      return [name, { opened: half, alive: half }];
    }));
  }
}

async function checkPaths(
  lab: Lab,
  family: Family,
  { holder, servers, method }: { holder: TroopNode; servers: readonly Host[]; method: Method },
): Promise<void> {
  const vip = vipOf(family);
  const filter = family === "ipv4" ? "ip" : "ip6";
  const capture = await Capture.start(lab.switch, filter, "public");
  const names = await fetchNames(lab.host("client"), vip, { count: REQUESTS });
  const wrong = wrongPaths(readWire(await capture.end()), {
    vip,
    director: holder.host,
    servers,
    forwarded: method.forwarded,
    replies: method.name === "nat" ? "director" : "servers",
  });
  expect([names.toSorted(), wrong]).toEqual([["s1", "s1", "s2", "s2"], []]);
}

/** Connection thresholds under load: a full server gets no new connections until enough have ended. */
import { expect } from "bun:test";
import { Connections } from "../connections.ts";
import { addServers, awaitServers, startDirectors } from "../directors.ts";
import { scenario } from "../scenario.ts";
import { gatewayOf, twoTier, vipOf } from "../topologies.ts";
import { startWebServer } from "../web_server.ts";

const VIP = vipOf("ipv4");
const UPPER = 4;

scenario(
  "a server has no more connections than its upper threshold, the others take the rest",
  { slug: "thresholds", hosts: twoTier },
  async (lab) => {
    const client = lab.host("client");
    const servers = [lab.host("s1"), lab.host("s2")];
    for (const server of servers) await startWebServer(lab, server, [8080]);
    const nodes = await startDirectors(lab);
    for (const vip of [VIP, gatewayOf("ipv4")]) {
      await nodes[0].troop("vip", "add", vip, "--group", "web");
    }
    // tcp:// checks reach the servers directly and are no connections of the service.
    await nodes[0].troop(
      ...["service", "add", `${VIP}:80`, "--scheduler", "rr", "--no-members"],
      ...["--forward", "nat"],
    );
    await addServers(nodes[0], `${VIP}:80`, servers, { network: "private", port: 8080 });
    const first = `${servers[0]!.addressOn("private")}:8080`;
    const limits = ["--upper", String(UPPER), "--lower", "2"];
    await nodes[0].troop("server", "set", `${VIP}:80`, first, ...limits);
    for (const node of nodes) await awaitServers(node, `${VIP}:80`, servers.length);
    const connections = await Connections.start(client, { address: VIP, count: 4 * UPPER });
    const counts = await connections.stop();
    expect(counts.get("s1")?.opened).toBe(UPPER);
    expect(counts.get("s2")?.opened).toBe(3 * UPPER);
  },
);

/**
 * Every server of a service dies: clients get the sorry page or the fallback server, then the pool again, and between
 * them not more than the few requests a dead server costs.
 */
import { expect } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TroopEvent } from "../../../src/core/event.ts";
import { addServers, awaitServers, setUpServer, startDirectors } from "../directors.ts";
import type { Lab } from "../lab.ts";
import { Load, requireFewFailures } from "../load.ts";
import { scenario, startService, streamlined, VIP } from "../scenario.ts";
import { oneTier, vipOf } from "../topologies.ts";
import { awaitServersUp, type TroopNode } from "../troop.ts";
import { waitFor } from "../wait.ts";
import { startWebServer } from "../web_server.ts";

/**
 * Failed requests: those of the moments in which the servers die, until each agent has found its listener gone and the
 * holder has heard of it. At most a second's worth: it takes some 100 ms, and half a second on a machine that is busy.
 */
const FAILED_MAX = 50;
const STEADY_MS = 3_000;

/** Waits until a client is answered by this one, and a while longer. */
async function answeredBy(load: Load, name: string): Promise<void> {
  const from = load.lines.length;
  await waitFor(() => load.lines.slice(from).some(({ server }) => server === name), {
    what: `${name} answers`,
    limitMs: 20_000,
  });
  await Bun.sleep(STEADY_MS);
}

/** Who answered since a moment; throws when anything failed. */
function answersSince(load: Load, line: number): string[] {
  const lines = load.lines.slice(line);
  requireFewFailures(lines, 0);
  return [...new Set(lines.map(({ server }) => server ?? "nobody"))].toSorted();
}

function parseLines(text: string): TroopEvent[] {
  return text.trim().split("\n").map((line) => JSON.parse(line) as TroopEvent);
}

async function modeOf(node: TroopNode, address: string): Promise<string> {
  const { services } = await node.status();
  const service = services.find((item) => item.address === address);
  return `${service?.pool.mode}: ${service?.pool.reason}`;
}

scenario(
  "all servers die: the holder's own page answers, then the pool again, refusing for a second at most",
  { slug: "sorry", hosts: streamlined },
  async (lab: Lab) => {
    const told = (node: TroopNode) => join(lab.scratch, `told-${node.name}`);
    const { client, holder, nodes, webServers } = await startService(lab, {
      configure: (node) =>
        node.configure({
          hooks: [{
            name: "file",
            events: ["service"],
            command: ["/bin/sh", "-c", 'cat >> "$0"', told(node)],
          }],
        }),
    });
    const page = join(lab.scratch, "sorry.html");
    writeFileSync(page, "<html><body>Test Page of sorry</body></html>\n");
    await holder.troop("settings", "set", "sorry-page", page);
    await holder.troop("settings", "set", "fallback", "sorry");
    const load = await Load.start(client, { address: VIP });
    await Bun.sleep(STEADY_MS);
    for (const server of webServers.values()) void server.end("SIGKILL");
    await answeredBy(load, "sorry");
    expect(await modeOf(holder, VIP)).toBe("fallback: no server is up; the fallback serves");
    const away = load.lines.length;
    await Bun.sleep(STEADY_MS);
    expect(answersSince(load, away)).toEqual(["sorry"]);
    for (const node of nodes) await startWebServer(lab, node.host);
    await awaitServersUp(holder, VIP, { count: 2 });
    await Bun.sleep(STEADY_MS);
    // Nothing failed on the way back.
    requireFewFailures(load.lines.slice(away), 0);
    const back = load.lines.length;
    await Bun.sleep(STEADY_MS);
    expect(answersSince(load, back)).toEqual(["n1", "n2"]);
    await load.stop();
    requireFewFailures(load.lines, FAILED_MAX);
    // People were told of both, in order, once; and both are in the log.
    const events = parseLines(await holder.troop("events", "--json"));
    const modes = (list: readonly TroopEvent[]) =>
      list.filter(({ kind }) => kind === "service").map(({ fields }) => fields["mode"]);
    expect(modes(events)).toEqual(["fallback", "pool"]);
    expect(modes(parseLines(readFileSync(told(holder), "utf8")))).toEqual(["fallback", "pool"]);
  },
);

scenario(
  "the only server dies: a fallback server answers by direct routing, then the pool again",
  { slug: "fallback", hosts: oneTier },
  async (lab: Lab) => {
    const vip = vipOf("ipv4");
    const [director] = await startDirectors(lab);
    const [server, spare] = [lab.host("s1"), lab.host("s2")];
    const web = await startWebServer(lab, server);
    await startWebServer(lab, spare);
    for (const host of [server, spare]) await setUpServer(host, vip);
    const check = ["--check", "http://:80/index.html"];
    const fallback = ["--fallback", `${spare.address}:80,dr`];
    await director.troop("service", "add", `${vip}:80`, "--no-members", ...check, ...fallback);
    await addServers(director, `${vip}:80`, [server], { network: "public" });
    await awaitServers(director, `${vip}:80`, 1);
    const load = await Load.start(lab.host("client"), { address: vip });
    await Bun.sleep(STEADY_MS);
    expect(answersSince(load, 0)).toEqual(["s1"]);
    await web.end("SIGKILL");
    await answeredBy(load, "s2");
    const away = load.lines.length;
    await startWebServer(lab, server);
    await answeredBy(load, "s1");
    const back = load.lines.length;
    await Bun.sleep(STEADY_MS);
    expect(answersSince(load, away)).toContain("s1");
    expect(answersSince(load, back)).toEqual(["s1"]);
    await load.stop();
  },
);

/**
 * Maintenance under load: a drained node finishes what it has open and gets nothing new, hands its VIP over, and
 * nobody notices; and a server that crashes again and again is held down with a reason.
 */
import { expect } from "bun:test";
import { FLAP_DOWNS_MAX, FLAP_HOLD_MS_MIN } from "../../../src/core/pool/flap.ts";
import { Connections } from "../connections.ts";
import { Load, requireFewFailures } from "../load.ts";
import { scenario, startService, streamlined, VIP } from "../scenario.ts";
import { awaitOneHolder, awaitServersUp, type TroopNode } from "../troop.ts";
import { waitFor } from "../wait.ts";
import { startWebServer } from "../web_server.ts";

const CONNECTIONS = 8;
/** Slow enough that starting the command line beside it takes nobody's requests. */
const EVERY_MS = 50;
const DRAINED_MS = 6_000;
const LIMIT_MS = 30_000;

async function drainOf(observer: TroopNode, target: string) {
  return (await observer.status()).drains.find((drain) => drain.target === target);
}

scenario(
  "the holder drained under load: its VIP moves, open connections go on until they end by themselves, no request fails",
  { slug: "maintenance", hosts: streamlined },
  async (lab) => {
    const { client, holder, other, nodes } = await startService(lab);
    const connections = await Connections.start(client, { address: VIP, count: CONNECTIONS });
    const load = await Load.start(client, { address: VIP, everyMs: EVERY_MS });
    await other.troop("drain", holder.name, "--comment", "new disk", "--for", "1h");
    await waitFor(async () => (await holder.host.has(VIP)) === false, {
      what: "the drained node lets the VIP go",
      limitMs: LIMIT_MS,
    });
    expect((await awaitOneHolder(VIP, nodes)).holder).toBe(other);
    const from = load.lines.length;
    await Bun.sleep(DRAINED_MS);
    const late = load.lines.slice(from + DRAINED_MS / EVERY_MS / 2);
    expect(new Set(late.map((line) => line.server))).toEqual(new Set([other.name]));
    // Every node can tell what the holder's kernel counts.
    expect((await drainOf(holder, holder.name))?.activeConnections).toBe(CONNECTIONS / 2);
    const counts = await connections.stop();
    expect(counts.get(holder.name)).toEqual({ opened: CONNECTIONS / 2, alive: CONNECTIONS / 2 });
    // Told to wait, the command ends now that the client has closed.
    const said = await other.troop("drain", holder.name, "--comment", "new disk", "--wait", "30s");
    expect(said).toContain("nothing is open any more");
    await other.troop("undrain", holder.name);
    await waitFor(() => load.lines.slice(-20).some(({ server }) => server === holder.name), {
      what: "the node serves again",
      limitMs: LIMIT_MS,
    });
    await load.stop();
    requireFewFailures(load.lines, 0);
  },
);

scenario(
  "a web server that crashes again and again: held down with a reason, back when an operator says so",
  { slug: "flapping", hosts: streamlined },
  async (lab) => {
    const { holder, other, webServers } = await startService(lab);
    const serverOf = async () =>
      (await holder.status()).services[0]?.servers.find(({ node }) => node === other.name);
    let server = webServers.get(other.name);
    for (let turn = 0; turn <= FLAP_DOWNS_MAX; turn++) {
      await awaitServersUp(holder, VIP, { count: 2 });
      await server?.end("SIGKILL");
      await awaitServersUp(holder, VIP, { count: 1 });
      server = await startWebServer(lab, other.host);
    }
    const held = await waitFor(async () => {
      const present = await serverOf();
      if (present?.reason.includes("held down")) return present;
      throw new Error(present?.reason ?? "it is not listed");
    }, { what: "the server is held down", limitMs: FLAP_HOLD_MS_MIN });
    expect(held).toMatchObject({ up: false, weight: 0 });
    await holder.troop("undrain", other.name);
    await awaitServersUp(holder, VIP, { count: 2, limitMs: FLAP_HOLD_MS_MIN / 2 });
  },
);

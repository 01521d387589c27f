/**
 * A server leaves the kernel's table and comes back, as ipvsadm shows it: removed where the service says so, and with a
 * weight that grows.
 */
import { expect } from "bun:test";
import { stepsOf } from "../../../src/core/pool/slow_start.ts";
import type { Host } from "../host.ts";
import { Load, requireFewFailures } from "../load.ts";
import { scenario, startService, streamlined, VIP } from "../scenario.ts";
import { waitFor } from "../wait.ts";
import { startWebServer } from "../web_server.ts";

const SLOW_START_S = 6;
/** The kernel's weights are so many times those entered where parts of them are needed. */
const FULL_WEIGHT = 100;
/** Requests while the server dies: those of the moment until the holder knows. */
const FAILED_MAX = 10;
const LIMIT_MS = 20_000;
/** Several looks at every step of the growing weight, ms. */
const LOOK_MS = 200;

/** The weight of a server in a machine's table (ipvsadm(8), -S -n), or null when it has no row. */
async function weightOf(host: Host, server: string): Promise<number | null> {
  const rows = (await host.run("ipvsadm", "-Sn")).split("\n");
  const row = rows.find((line) => line.includes(`-t ${VIP}:80 -r ${server}:80 `));
  const weight = row?.match(/ -w (\d+)/)?.[1];
  return weight === undefined ? null : Number(weight);
}

scenario(
  "a dead server is removed from the kernel's table, and comes back with a weight that grows step by step to the full one",
  { slug: "returning", hosts: streamlined },
  async (lab) => {
    const { client, holder, other, webServers } = await startService(lab);
    const change = ["--on-failure", "remove", "--slow-start", `${SLOW_START_S}s`];
    await holder.troop("service", "set", `${VIP}:80`, ...change);
    const weight = () => weightOf(holder.host, other.host.address);
    const becomes = (wanted: number | null, what: string) =>
      waitFor(async () => await weight() === wanted, { what, limitMs: LIMIT_MS });
    await becomes(FULL_WEIGHT, "the server has its full weight");
    const load = await Load.start(client, { address: VIP });

    await webServers.get(other.name)?.end("SIGKILL");
    await becomes(null, "the dead server has no row");

    await startWebServer(lab, other.host);
    const seen: number[] = [];
    for (let looks = 0; seen.at(-1) !== FULL_WEIGHT && looks < LIMIT_MS / LOOK_MS; looks += 1) {
      const now = await weight();
      if (now !== null && now !== seen.at(-1)) seen.push(now);
      await Bun.sleep(LOOK_MS);
    }
    await load.stop();
    const steps = stepsOf(SLOW_START_S * 1_000);
    const growing = Array.from(
      { length: steps + 1 },
      (_, step) => Math.round((FULL_WEIGHT * (step + 1)) / (steps + 1)),
    );
    expect(seen).toEqual(growing);
    requireFewFailures(load.lines, FAILED_MAX);
  },
);

/**
 * The holder vanishes from the network: with its carrier, or silently behind a dead switch.
 */
import { expect } from "bun:test";
import { AddressWatch } from "../address_watch.ts";
import type { CutKind, Lab } from "../lab.ts";
import { Load, requireFewFailures } from "../load.ts";
import { scenario, startService, streamlined, VIP } from "../scenario.ts";
import { awaitOneHolder, awaitServersUp } from "../troop.ts";
import { waitFor } from "../wait.ts";

/** One request every 20 ms: what 0.6 s without a reply and the requests under way cost. */
const FAILED_MAX = 35;
const BEFORE_MS = 2_000;
const AFTER_MS = 6_000;

async function cutHolder(lab: Lab, kind: CutKind): Promise<void> {
  const { client, nodes, holder, other } = await startService(lab);
  const watch = await AddressWatch.start(VIP, nodes.map((node) => node.host));
  const load = await Load.start(client, { address: VIP });
  await Bun.sleep(BEFORE_MS);
  const cutAt = Date.now();
  await lab.cut(holder.host, { kind });
  await Bun.sleep(AFTER_MS);
  await load.stop();
  expect(watch.holders).toContain(other.name);
  requireFewFailures(load.lines, FAILED_MAX);
  // The dead server left the pool in the step in which the VIP moved: the second half goes without a failure.
  const late = load.lines.filter((line) => line.at > cutAt + AFTER_MS / 2);
  expect(late.length).toBeGreaterThan(0);
  expect(late.filter((line) => line.server !== other.name)).toEqual([]);

  await lab.heal(holder.host);
  await awaitOneHolder(VIP, nodes);
  for (const node of nodes) await awaitServersUp(node, VIP, { count: 2 });
  const again = await Load.start(client, { address: VIP });
  await waitFor(() => Object.keys(again.summary().answers).length === 2, {
    what: "both servers answer after the network is whole again",
    limitMs: 10_000,
  });
  await Bun.sleep(1_000);
  await again.stop();
  requireFewFailures(again.lines, 0);
}

scenario(
  "holder cut off silently: the other node takes over within 35 failed requests, and one holds after healing",
  { slug: "cut-silent", hosts: streamlined },
  (lab) => cutHolder(lab, "silent"),
);

scenario(
  "holder loses its carrier: the other node takes over within 35 failed requests, and one holds after healing",
  { slug: "cut-carrier", hosts: streamlined },
  (lab) => cutHolder(lab, "carrier"),
);

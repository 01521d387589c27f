/**
 * Who is cut off and who is not: the public network of the holder is down while the private one lives, the gateway dies
 * alone, a cable passes nothing one way. The bounds are those the simulator holds every run to.
 */
import { expect } from "bun:test";
import { CUT_OFF_MS, CUT_PUBLIC_MS } from "../../sim/bounds.ts";
import { AddressWatch } from "../address_watch.ts";
import { addressIn } from "../host.ts";
import type { HostPlan, Lab } from "../lab.ts";
import { Load, requireFewFailures } from "../load.ts";
import { scenario, type Service, startService, VIP } from "../scenario.ts";
import { statusOf, type TroopNode, vipOf } from "../troop.ts";
import { waitFor } from "../wait.ts";

const GATEWAY_NUMBER = 1;
const gateways = [addressIn("public", GATEWAY_NUMBER)];
const around: readonly HostPlan[] = [
  { name: "client", number: 2 },
  { name: "gateway", number: GATEWAY_NUMBER },
];
/** Two nodes with both networks, and their default gateway. */
const both: readonly HostPlan[] = [
  ...around,
  { name: "n1", number: 4, networks: ["public", "private"], gateways },
  { name: "n2", number: 5, networks: ["public", "private"], gateways },
];
/** The same with the public network only. */
const one: readonly HostPlan[] = [
  ...around,
  { name: "n1", number: 4, gateways },
  { name: "n2", number: 5, gateways },
];
/** Time the gateway is away, ms: long enough for everything to be concluded. */
const AWAY_MS = 8_000;
/** Time after which a gateway that answers again counts, and some, ms. */
const BACK_MS = 14_000;

/** A light load with patience: what is asked is who answers, not how fast a busy guest does. */
const EVERY_MS = 100;
const TIMEOUT_MS = 5_000;

/** A service whose nodes have heard their gateway, and who has its VIP. */
async function witnessed(lab: Lab): Promise<Service & { readonly watch: AddressWatch }> {
  const service = await startService(lab);
  for (const node of service.nodes) {
    await waitFor(async () => (await statusOf(node, node.name)).witness === "answers", {
      what: `the gateway answers ${node.name}`,
      limitMs: 10_000,
    });
  }
  const hosts = service.nodes.map(({ host }) => host);
  return { ...service, watch: await AddressWatch.start(VIP, hosts) };
}

/** Waits until the node alone has the VIP; throws when that took longer than promised. */
async function requireMoved(
  watch: AddressWatch,
  node: TroopNode,
  { since, limitMs }: { readonly since: number; readonly limitMs: number },
): Promise<void> {
  await waitFor(() => watch.holders.join() === node.name, {
    what: `${node.name} alone has the VIP`,
    limitMs: 20_000,
  });
  expect(watch.settledAfterMs(node.name, since) ?? Infinity).toBeLessThanOrEqual(limitMs);
}

scenario(
  "public network of the holder down, the private one lives: the other holds within 3 s, and nothing moves back",
  { slug: "witness-public-down", hosts: both },
  async (lab) => {
    const { holder, other, watch } = await witnessed(lab);
    const since = Date.now();
    await lab.cut(holder.host, { networks: ["public"] });
    await requireMoved(watch, other, { since, limitMs: CUT_PUBLIC_MS });
    expect((await statusOf(other, holder.name)).state).toBe("alive");
    const { reason } = await vipOf(holder, VIP);
    expect(reason).toContain(other.name);
    expect((await statusOf(holder, holder.name)).unfit).toContain("cut off: the gateway witness");
    await lab.heal(holder.host, { networks: ["public"] });
    await Bun.sleep(BACK_MS);
    expect(watch.holders).toEqual([other.name]);
    expect((await statusOf(holder, holder.name)).unfit).toBeNull();
  },
);

scenario(
  "the gateway dies alone and comes back: nothing moves, no request on the LAN fails",
  { slug: "witness-gateway-dead", hosts: both },
  async (lab) => {
    const { client, holder, other, watch } = await witnessed(lab);
    const { epoch } = await vipOf(other, VIP);
    const load = await Load.start(client, {
      address: VIP,
      everyMs: EVERY_MS,
      timeoutMs: TIMEOUT_MS,
    });
    await lab.cut(lab.host("gateway"));
    await Bun.sleep(AWAY_MS);
    expect((await statusOf(holder, holder.name)).witnessReason).toContain("nothing moves");
    await lab.heal(lab.host("gateway"));
    await Bun.sleep(BACK_MS);
    await load.stop();
    requireFewFailures(load.lines, 0);
    expect(watch.holders).toEqual([holder.name]);
    expect(await vipOf(other, VIP)).toMatchObject({ holder: holder.name, epoch });
  },
);

scenario(
  "a holder that hears nothing any more lets go, and the other holds; then the same for one that is not heard",
  { slug: "witness-one-way", hosts: one },
  async (lab) => {
    const { holder, other, watch } = await witnessed(lab);
    let since = Date.now();
    await lab.worsen(holder.host, "loss 100%");
    // The holder has let go by then; the other is heard by nobody, and asks the LAN before it takes the VIP.
    await requireMoved(watch, other, { since, limitMs: CUT_OFF_MS + 1_000 });
    await lab.worsen(holder.host, null);
    await Bun.sleep(BACK_MS);
    expect(watch.holders).toEqual([other.name]);
    since = Date.now();
    await other.host.run("tc", "qdisc", "add", "dev", "eth0", "root", "netem", "loss", "100%");
    await requireMoved(watch, holder, { since, limitMs: CUT_OFF_MS });
    await other.host.run("tc", "qdisc", "del", "dev", "eth0", "root");
    await Bun.sleep(BACK_MS / 2);
    expect(watch.holders).toEqual([holder.name]);
  },
);

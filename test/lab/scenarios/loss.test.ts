/**
 * Networks that lose, delay and reorder datagrams: nobody is taken for dead, nothing moves.
 */
import { expect } from "bun:test";
import { AddressWatch } from "../address_watch.ts";
import { cableOf, type Lab } from "../lab.ts";
import { scenario, startService, VIP } from "../scenario.ts";
import { type TroopNode, vipOf } from "../troop.ts";

/** One network only: a second path would hide the loss of the first. */
const hosts = [
  { name: "client", number: 2 },
  ...[4, 5].map((number) => ({ name: `n${number - 3}`, number })),
];
/** Time in which nothing is lost any more, and what was concluded meanwhile has come about, ms. */
const AFTER_MS = 2_000;
/** Time for everything before and after, ms. */
const AROUND_MS = 90_000;

/** What nodes receive, what of it does not arrive in percent, and how long that lasts. */
const networks = [
  { slug: "loss-1", netem: "loss 1%", lost: 1, seconds: 150 },
  { slug: "loss-5", netem: "loss 5%", lost: 5, seconds: 150 },
  { slug: "loss-10", netem: "loss 10%", lost: 10, seconds: 150 },
  { slug: "loss-jitter", netem: "delay 40ms 30ms loss 2%", lost: 2, seconds: 60 },
];

/** What a cable did not pass on to its machine since it was made worse, percent (tc(8), -s). */
async function lostPercent(lab: Lab, { host }: TroopNode): Promise<number> {
  const shown = await lab.switch.run("tc", "-s", "qdisc", "show", "dev", cableOf(host));
  const [, sent, dropped] = /Sent \d+ bytes (\d+) pkt \(dropped (\d+),/.exec(shown) ?? [];
  return 100 * Number(dropped) / (Number(sent) + Number(dropped));
}

/** Number of the last event of a node. */
async function lastEvent(node: TroopNode): Promise<number> {
  return (await node.events()).at(-1)?.id ?? 0;
}

for (const { slug, netem, lost, seconds } of networks) {
  scenario(
    `both nodes receive with ${netem} for ${seconds} s: not one takeover at the defaults`,
    { slug, hosts, limitMs: 1_000 * seconds + AROUND_MS },
    async (lab) => {
      const { nodes, holder, other } = await startService(lab);
      const watch = await AddressWatch.start(VIP, nodes.map(({ host }) => host));
      const seen = watch.changes.length;
      const { epoch } = await vipOf(other, VIP);
      const events = await Promise.all(nodes.map(lastEvent));
      for (const { host } of nodes) await lab.worsen(host, netem);
      await Bun.sleep(1_000 * seconds);
      const percents = await Promise.all(nodes.map((node) => lostPercent(lab, node)));
      for (const { host } of nodes) await lab.worsen(host, null);
      await Bun.sleep(AFTER_MS);

      process.stdout.write(`lost: ${percents.map((one) => `${one.toFixed(1)} %`).join(", ")}\n`);
      for (const percent of percents) expect(percent).toBeGreaterThan(lost / 2);
      // Neither kernels nor agents know of a change of hands, and no agent took the other for dead.
      expect(watch.changes.slice(seen)).toEqual([]);
      expect(watch.holders).toEqual([holder.name]);
      for (const [index, node] of nodes.entries()) {
        expect(await vipOf(node, VIP)).toMatchObject({ holder: holder.name, epoch });
        const told = (await node.events()).filter(({ id, kind, fields }) =>
          id > events[index]! && (kind === "vip" || fields["state"] === "dead")
        );
        expect(told.map(({ time, text }) => `${time} ${text}`)).toEqual([]);
      }
    },
  );
}
